"""Logged answers: what the champion said, and what became of it. They judge whoever wants to take its place.

The monitor writes them: the inputs and the target as the data contract has them, when a row was answered, by which
model, and the loss of that answer. The champion is never asked again: it may have learned from such rows since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ml.drift.blocks import blocks
from ml.quality import Cohort, cusum, since

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ml.losses import Quality
    from ml.model import Floats
    from ml.split import Keys

TIME, MODEL, LOSS = "__time__", "__model__", "__loss__"
"""When a row was answered (UTC), by which model (its SHA-256), and the loss of the answer."""
DAYS = 4
"""So many days judge: enough for a standard error between days, few enough to say how things are now."""
FEWEST = 2
"""Rows without which there is no standard error."""


@dataclass(frozen=True, kw_only=True)
class Judges:
    """n labelled answers of the champion, of its newest days."""

    frame: pl.DataFrame
    """Their inputs and targets, in an order that depends on nothing but themselves."""
    losses: Floats
    """The champion's loss of each."""
    days: NDArray[np.integer]
    """The day of each."""
    start: datetime
    """When the first of these days began (UTC)."""


def read(folder: Path, sha256: str, columns: Iterable[str]) -> pl.DataFrame | None:
    """Return the logged answers of one model; None where there are none, or none with all of these columns.

    Args:
        folder: Holds Parquet files, at any depth; it may be missing.
        sha256: The model, as `ml/artefact.py` names it.
        columns: What the rows have to hold beside `TIME`, `MODEL` and `LOSS`.
    """
    files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    if not files:
        return None
    wanted = [*columns, TIME, LOSS]
    found = pl.concat([pl.scan_parquet(file) for file in files], how="diagonal_relaxed")
    if not {*wanted, MODEL} <= set(found.collect_schema().names()):
        return None
    own = found.filter(pl.col(MODEL) == sha256, pl.col(LOSS).is_finite()).select(wanted).collect()
    return own.sort(TIME, *(name for name in wanted if name != TIME)) if own.height else None


def judges(logged: pl.DataFrame, keys: Keys, least: int) -> Judges | None:
    """Return the answers that judge: those of the newest `DAYS` days that hold any, or of so many more as hold enough.

    Answers about rows that are older than all that a challenger may learn from are left out: it may have learned their
    labels.

    Args:
        logged: The champion's, as `read` returns them.
        keys: Time and label delay.
        least: Rows that are needed.

    Returns:
        None where there are fewer rows than ``least``, or than a standard error needs.
    """
    day = logged[TIME].dt.truncate("1d")
    newest = day.value_counts().sort(TIME, descending=True)
    enough = int((newest["count"].cum_sum() < max(least, FEWEST)).sum()) + 1
    if enough > newest.height:
        return None
    start: datetime = newest[TIME][max(min(DAYS, newest.height), enough) - 1]
    rows = logged.filter(pl.col(TIME) >= start)
    if keys.time is not None:
        rows = rows.filter((pl.col(keys.time) >= start - keys.delay).fill_null(value=True))
    if rows.height < max(least, FEWEST):
        return None
    return Judges(
        frame=rows.drop(TIME, LOSS),
        losses=rows[LOSS].to_numpy(),
        days=rows[TIME].dt.epoch("d").to_numpy(),
        start=start,
    )


def risen(logged: pl.DataFrame, quality: Quality, every: timedelta, least: int) -> datetime | None:
    """Return when the CUSUM of the champion's loss began to rise; None where it stands at 0.

    Args:
        logged: The champion's, as `read` returns them.
        quality: How the champion did on rows that it had not seen, of its baseline.
        every: The length of a period.
        least: Rows that a cohort has at least: smaller periods are joined.
    """
    cohorts = []
    for places in blocks(logged[TIME], every, least, most=None):
        part = logged[places]
        loss: float = part[LOSS].mean()  # type: ignore[assignment]
        begins: datetime = part[TIME].min()  # type: ignore[assignment]
        cohorts.append(Cohort(start=begins, rows=part.height, labelled=part.height, loss=loss))
    began = since(cusum(quality, cohorts))
    return None if began is None else cohorts[began].start
