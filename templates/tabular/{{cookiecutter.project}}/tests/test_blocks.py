from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.drift.blocks import MOST, blocks, duration

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2025, 1, 1)  # noqa: DTZ001 - the data's times have no zone


def cut(hours: list[float | None], every: timedelta, least: int) -> list[list[int]]:
    times = [None if hour is None else START + hour * HOUR for hour in hours]
    return [sorted(found.tolist()) for found in blocks(pl.Series(times, dtype=pl.Datetime("us")), every, least)]


@pytest.mark.parametrize(
    ("hours", "every", "least", "expected"),
    [
        ([0, 23.9, 24, 47, 48], DAY, 1, [[0, 1], [2, 3], [4]]),
        ([48, 0, 24, 1, 47], DAY, 1, [[1, 3], [2, 4], [0]]),
        ([0, 1, 24, 25, 48, 49], DAY, 2, [[0, 1], [2, 3], [4, 5]]),
        ([0, 1, 24, 25, 48, 49], DAY, 3, [[0, 1, 2, 3, 4, 5]]),
        ([0, 24, 48, 72, 96], DAY, 2, [[0, 1], [2, 3, 4]]),
        ([0, 240, 480], DAY, 1, [[0], [1], [2]]),
        ([0, 0.9, 1.1, 2.5], HOUR, 1, [[0, 1], [2], [3]]),
        ([0, None, 24, None], DAY, 1, [[0], [2]]),
        ([5], DAY, 200, [[0]]),
        ([], DAY, 1, []),
        ([None, None], DAY, 1, []),
    ],
)
def test_rows_are_cut_where_a_period_ends(
    hours: list[float | None], every: timedelta, least: int, expected: list[list[int]]
) -> None:
    assert cut(hours, every, least) == expected


def test_dates_and_other_units_are_times() -> None:
    days = [date(2025, 1, 1), date(2025, 1, 2), date(1969, 12, 31)]
    assert [found.tolist() for found in blocks(pl.Series(days), DAY, 1)] == [[2], [0], [1]]
    nanoseconds = pl.Series([START, START + DAY], dtype=pl.Datetime("ns"))
    assert len(blocks(nanoseconds, DAY, 1)) == 2


@given(st.lists(st.integers(0, 400), min_size=1), st.integers(1, 9))
def test_every_row_is_in_one_block_that_is_large_enough(hours: list[int], least: int) -> None:
    found = cut([float(hour) for hour in hours], DAY, least)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(hours)))
    assert all(len(block) >= least for block in found) or len(found) == 1


def test_of_many_blocks_some_are_taken_from_the_first_to_the_last() -> None:
    found = cut([24.0 * day for day in range(500)], DAY, 1)
    assert len(found) == MOST
    assert (found[0], found[-1]) == ([0], [499])
    assert set(np.diff([place for (place,) in found]).tolist()) <= {8, 9}


def test_durations_are_those_of_the_contract() -> None:
    assert [duration(text) for text in ("15m", "1h", "12h", "7d")] == [
        timedelta(minutes=15),
        HOUR,
        timedelta(hours=12),
        timedelta(days=7),
    ]
