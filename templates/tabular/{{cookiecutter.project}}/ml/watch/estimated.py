"""Estimated: what the answers of a period should cost by their own probabilities, while labels are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml import quality

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def estimated(parts: Iterable[Path], model: str) -> float | None:
    """Return `ml.quality.estimate` of what a model said; None where it gave no probabilities."""
    total, rows = 0.0, 0
    for path in parts:
        own = pl.scan_parquet(path).filter(pl.col("__model__") == model, pl.col("__probabilities__").is_not_null())
        said = own.select("__probabilities__", "__classes__").collect().partition_by("__classes__")
        for part in said:
            total += len(part) * quality.estimate(np.array(part["__probabilities__"].to_list(), dtype=np.float64))
            rows += len(part)
    return total / rows if rows else None
