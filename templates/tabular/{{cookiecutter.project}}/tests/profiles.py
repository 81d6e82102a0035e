"""Profiles made by numpy, to compare those of the queries with and to draw thousands of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml.drift.buckets import FINENESS, LAST, Feature, categorical, numeric
from ml.drift.measure import measure
from ml.drift.profile import Counts, Profile
from ml.drift.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence


def number(values: Any, name: str = "x") -> Feature:
    """Freeze a numeric feature by ``values``."""
    return numeric(name, pl.Series(name, values, dtype=pl.Float64))


def category(values: Sequence[str | None], name: str = "x") -> Feature:
    """Freeze a category by ``values``."""
    return categorical(name, pl.Series(name, values, dtype=pl.String))


def counts(feature: Feature, values: np.ndarray) -> Counts:
    """Count numbers as the queries should: NaN is null."""
    finite = values[np.isfinite(values)]
    found = np.round(FINENESS * np.arcsinh((finite - feature.centre) / feature.scale)).clip(-LAST, LAST)
    buckets, rows = np.unique(found.astype(int), return_counts=True)
    return Counts(
        nulls=int(np.isnan(values).sum()),
        negative_infinite=int(np.isneginf(values).sum()),
        positive_infinite=int(np.isposinf(values).sum()),
        low=float(finite.min()) if len(finite) else None,
        high=float(finite.max()) if len(finite) else None,
        buckets=dict(zip(buckets.tolist(), rows.tolist(), strict=True)),
    )


def numbers(features: Sequence[Feature], matrix: np.ndarray) -> Profile:
    """Count the columns of a matrix."""
    found = {one.name: counts(one, matrix[:, place]) for place, one in enumerate(features)}
    return Profile(features=tuple(features), rows=len(matrix), counts=found)


def reference(profile: Profile, own: dict[str, float] | None = None, block_rows: int = 0) -> Reference:
    """Return a reference of features that do not move by themselves unless ``own`` says so."""
    return Reference(profile=profile, own=own or dict.fromkeys(profile.counts, 0.0), block_rows=block_rows)


def one_column(feature: Feature, values: Sequence[Any], of_type: type[pl.DataType] | None = None) -> Profile:
    """Count one column by the queries."""
    return measure(pl.DataFrame({feature.column: pl.Series(values, dtype=of_type)}), [feature])
