"""NannyML's univariate drift, in its default chunks. `python run_nannyml.py jensen_shannon|ks FOLDER`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import nannyml
import pandas as pd

METHODS = {
    "jensen_shannon": {},  # its default
    "ks": {"continuous_methods": ["kolmogorov_smirnov"], "categorical_methods": ["chi2"]},
}


def main(method: str, folder: str) -> None:
    """Compare the current rows with the reference."""
    warnings.simplefilter("ignore")
    current, reference = (pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("current", "reference"))
    texts = list(current.select_dtypes("object"))
    made = nannyml.UnivariateDriftCalculator(column_names=list(current), treat_as_categorical=texts, **METHODS[method])
    found = made.fit(reference).calculate(current).filter(period="analysis").to_df()
    print(found.xs("alert", axis="columns", level=2).any().sum(), "features with an alert")


if __name__ == "__main__":
    main(*sys.argv[1:])
