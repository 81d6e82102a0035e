"""Streams: rows in the order of days, real ones and made ones whose drift is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from loopwright.contract.timeline import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_ROWS = 200
"""`drift.min_rows` of a new repository: days with fewer are joined before anybody judges by them."""
BEGIN = 40
"""The day of the first model, counted from 0."""
DAYS, ROWS_A_DAY = 200, 200
"""Of a made stream."""
CHANGE, RAMP, PERIOD, FIRST_FLIP = 130, 50, 60, 80
"""Of a made stream, in days: when it drifts, how long gradual drift takes, and when recurring drift changes sides."""
KINDS = ("iid", "wobble", "seasonal", "harmless", "abrupt", "gradual", "recurring")
QUIET = KINDS[:4]
"""Nothing that a model must learn changes in these."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """n rows on consecutive days."""

    name: str
    metric: str
    """Of the contract; it says which loss a row has (`ml.losses.name`)."""
    features: Mapping[str, Floats]
    """n numbers each; categories are whole numbers."""
    categorical: frozenset[str] = frozenset()
    truth: Floats
    """n values, or 0 and 1."""
    starts: NDArray[np.int64]
    """The rows of day t are starts[t] to starts[t + 1] - 1; one more than there are days."""
    delay: int
    """The label of day t is known at the end of day t + delay."""
    change: int | None = None
    """The day from which on an old model is wrong, where that is known."""

    @property
    def days(self) -> int:
        """How many days there are."""
        return len(self.starts) - 1

    @property
    def windows(self) -> tuple[int, ...]:
        """`retraining.windows_days` of a new repository."""
        return windows(self.delay)

    @property
    def middle(self) -> int:
        """The day that ends the first half of the days with a model."""
        return (BEGIN + self.days) // 2

    @property
    def counts(self) -> NDArray[np.int64]:
        """The rows of each day."""
        return np.diff(self.starts)

    def rows(self, first: int, last: int) -> slice:
        """Return the rows of the days from ``first`` to ``last``, both included."""
        return slice(int(self.starts[max(first, 0)]), int(self.starts[min(max(last + 1, 0), self.days)]))


def electricity(folder: Path) -> Stream:
    """New South Wales, every half hour: does the price rise above its last 24 hours' mean (Harries 1999)?"""
    frame = pl.read_parquet(folder / "electricity" / "electricity.parquet").sort("measured_at")
    names = ("day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
    return Stream(
        name="electricity",
        metric="f1",
        features=_numbers(frame, names),
        categorical=frozenset({"day"}),
        truth=(frame["direction"] == "UP").cast(pl.Float64).to_numpy(),
        starts=_starts(frame["measured_at"]),
        delay=1,
    )


def bike_hourly(folder: Path, days: int | None = None) -> Stream:
    """Rentals an hour in Washington, as a multiple of the mean of the first `BEGIN` days (Fanaee-T and Gama 2013).

    Args:
        folder: Of the data sets.
        days: How many, from the first one on; None: all.
    """
    frame = pl.read_csv(folder / "bike_hourly" / "bike_hourly.csv", try_parse_dates=True).sort("rented_at")
    if days is not None:
        frame = frame.filter(pl.col("rented_at") < pl.col("rented_at").min().dt.offset_by(f"{days}d"))
    codes = ("weekday", "workingday", "weathersit", "holiday")
    rentals, starts = frame["cnt"].cast(pl.Float64).to_numpy(), _starts(frame["rented_at"])
    return Stream(
        name="bike_hourly",
        metric="mae",
        features=_numbers(frame, ("hr", "temp", "atemp", "hum", "windspeed", *codes)),
        categorical=frozenset(codes),
        truth=rentals / rentals[: starts[BEGIN]].mean(),
        starts=starts,
        delay=1,
    )


def retail_repurchase(folder: Path) -> Stream:
    """A gift shop, weekly: does this customer buy again within 30 days (Chen, Sain and Guo 2012)?"""
    frame = pl.read_parquet(folder / "retail_repurchase" / "retail_repurchase.parquet").sort("observed_at")
    texts = ("country", "last_weekday")
    others = {"observed_at", "customer_id", "repurchased"}
    return Stream(
        name="retail_repurchase",
        metric="f1",
        features=_numbers(
            frame.with_columns(pl.col(name).rank("dense") for name in texts),
            [name for name in frame.columns if name not in others],
        ),
        categorical=frozenset(texts),
        truth=frame["repurchased"].cast(pl.Float64).to_numpy(),
        starts=_starts(frame["observed_at"]),
        delay=30,
    )


REAL: dict[str, Callable[[Path], Stream]] = {
    "electricity": electricity,
    "retail_repurchase": retail_repurchase,
    "bike_hourly": bike_hourly,
}


def _numbers(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, Floats]:
    return {name: frame[name].cast(pl.Float64).to_numpy() for name in names}


def _starts(times: pl.Series) -> NDArray[np.int64]:
    """Return where each day begins, for times in order."""
    day = times.cast(pl.Date).to_physical().to_numpy()
    return np.searchsorted(day - day[0], np.arange(day[-1] - day[0] + 2))


def made(kind: str, seed: int, days: int = DAYS, rows_a_day: int = ROWS_A_DAY) -> Stream:
    """Make a stream of two classes whose drift is known.

    Six features matter in one of two concepts, two never do, two are categories. Except in `iid`, the means of the
    numbers wobble from day to day (autoregressive, 0.1 standard deviations), as real traffic does.

    Args:
        kind: One of `KINDS`. From day `CHANGE` on, `harmless` moves the features that never matter; `abrupt` turns the
            first concept into the second, `gradual` does so over `RAMP` days. `recurring` changes sides every `PERIOD`
            days from `FIRST_FLIP` on. `seasonal` moves inputs with the week and with a season of 90 days.
        seed: Decides every row.
        days: How many.
        rows_a_day: How many.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    day = np.repeat(np.arange(days), rows_a_day)
    hidden = rng.normal(size=(len(day), 8))
    if kind != "iid":
        hidden += _wobble(rng, days, 8)[day]
    if kind == "seasonal":
        hidden[:, :2] += 0.8 * np.sin(2 * np.pi * day / 90)[:, None]
        hidden[:, 4] += day % 7 >= 5  # noqa: PLR2004 - the weekend
    if kind == "harmless":
        hidden[:, 6:] += np.array([1.0, 0.6]) * (day >= CHANGE)[:, None]
    codes = rng.choice(5, len(day), p=[0.4, 0.3, 0.15, 0.1, 0.05]), rng.choice(12, len(day))
    truth = rng.random(len(day)) < _probability(kind, hidden, codes[0], day)
    numbers = hidden.copy()
    numbers[:, 1] = np.exp(numbers[:, 1])
    return Stream(
        name=f"{kind}-{seed}",
        metric="f1",
        features={f"x{index}": column for index, column in enumerate([*numbers.T, *map(np.float64, codes)])},
        categorical=frozenset({"x8", "x9"}),
        truth=truth.astype(np.float64),
        starts=np.arange(days + 1) * rows_a_day,
        delay=1,
        change=None if kind in QUIET else FIRST_FLIP + PERIOD if kind == "recurring" else CHANGE,
    )


def _wobble(rng: np.random.Generator, days: int, features: int) -> Floats:
    moves = rng.normal(0, 0.06, (days, features))
    for day in range(1, days):
        moves[day] += 0.8 * moves[day - 1]
    return moves


def _probability(kind: str, hidden: Floats, codes: NDArray[np.int64], day: NDArray[np.int64]) -> Floats:
    """Return the probability of class 1: a mixture of two logistic concepts."""
    level = np.array([0.0, 0.5, -0.5, 0.2, 0.8])
    first = hidden @ [1.2, 0.5, -0.4, 0.8, 0, 0, 0, 0] + level[codes]
    second = hidden @ [-0.4, 0.5, 0.6, 1.2, 0.8, 0, 0, 0] + level[::-1][codes]
    share = {
        "abrupt": (day >= CHANGE) * 1.0,
        "gradual": np.clip((day - CHANGE) / RAMP, 0, 1),
        "recurring": ((day - FIRST_FLIP) // PERIOD % 2 == 0) * (day >= FIRST_FLIP) * 1.0,
    }.get(kind, np.zeros(len(day)))
    return (1 - share) / (1 + np.exp(-1.2 * first)) + share / (1 + np.exp(-1.2 * second))
