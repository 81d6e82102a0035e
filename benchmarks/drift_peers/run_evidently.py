"""Evidently's report on drift. `python run_evidently.py default|psi FOLDER`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

METHODS = {"default": {}, "psi": {"num_method": "psi", "cat_method": "psi"}}


def main(method: str, folder: str) -> None:
    """Compare the current rows with the reference."""
    warnings.simplefilter("ignore")
    tables = [pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("current", "reference")]
    numbers = list(tables[0].select_dtypes("number"))
    texts = [name for name in tables[0] if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    current, reference = (Dataset.from_pandas(table, data_definition=definition) for table in tables)
    found = Report([DataDriftPreset(**METHODS[method])]).run(current, reference).dict()
    print(found["metrics"][0]["value"])


if __name__ == "__main__":
    main(*sys.argv[1:])
