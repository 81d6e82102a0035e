"""Whylogs' profiles of both tables, and its scores of drift. `python run_whylogs.py default FOLDER`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def main(_: str, folder: str) -> None:
    """Compare the current rows with the reference."""
    warnings.simplefilter("ignore")
    current, reference = (
        whylogs.log(pd.read_parquet(Path(folder) / f"{name}.parquet")).view() for name in ("current", "reference")
    )
    found = calculate_drift_scores(target_view=current, reference_view=reference, with_thresholds=True)
    print(sum(score is not None for score in found.values()), "features scored")


if __name__ == "__main__":
    main(*sys.argv[1:])
