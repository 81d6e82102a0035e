"""Blocks: rows cut by time, as the windows are that the monitor looks at one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Places = NDArray[np.integer]
"""Which rows of a table, counted from 0."""

MOST = 60
"""Of more blocks than these, so many are taken, evenly spread: they say as much of the largest move, in less time."""
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def blocks(times: pl.Series, every: timedelta, least: int, most: int | None = MOST) -> list[Places]:
    """Cut rows into blocks of time: neighbouring periods, joined until they hold enough rows to be judged.

    Args:
        times: Of n rows, in any order; rows without one are in no block.
        every: The length of a period; a period of a day is one of UTC.
        least: Rows that a block has at least. What is left over at the end belongs to the last block.
        most: Blocks that are returned at most, evenly spread; None: all.

    Returns:
        The places of each block's rows, the oldest block first.
    """
    import polars as pl  # noqa: PLC0415 - who counts files does not wait for it

    moments = times.cast(pl.Datetime("us")).to_physical()
    order = moments.arg_sort()[moments.null_count() :].to_numpy()
    periods = (moments.drop_nulls().sort() // (every // timedelta(microseconds=1))).to_numpy()
    cuts: list[int] = []
    for start in np.flatnonzero(np.diff(periods, prepend=periods[:1] - 1)):
        if not cuts or start - cuts[-1] >= least:
            cuts.append(int(start))
    if len(cuts) > 1 and len(order) - cuts[-1] < least:
        cuts.pop()
    found = np.split(order, cuts[1:]) if cuts else []
    if most is None or len(found) <= most:
        return found
    return [found[place] for place in np.linspace(0, len(found) - 1, most).round().astype(int)]


def duration(text: str) -> timedelta:
    """Read a duration of the contract: `15m`, `1h`, `1d`."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
