"""The models of a day: one of each window, as a retraining at the end of that day would make it, and how it did later.

A worker process holds the judging rows; of the rows to learn from it reads what its window needs.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml import baseline, params, schema
from ml import contract as contracts
from ml.backtest.days import opened
from ml.backtest.history import DAY, JUDGED, LEARNED
from ml.challengers import answered, windows
from ml.features import features
from ml.frames import columns, signature
from ml.split import Keys, SplitError
from ml.train import TrainError, trained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.backtest.days import Days
    from ml.contract import Contract
    from ml.model import Floats
    from ml.params import Params
    from ml.signature import Columns

DIGITS = 7
"""Significant digits that are kept of a loss."""


@dataclass(frozen=True)
class Bench:
    """What every model of a history is trained from and judged by."""

    contract: Contract
    how: Params
    days: Days
    judges: pl.DataFrame
    """Rows in the order of days."""
    learned: pl.LazyFrame

    @classmethod
    def open(cls, folder: Path) -> Bench:
        """Open the history that `history.arranged` left in ``folder``, with the contract and the settings of here."""
        days = opened(folder)
        if days is None:
            raise FileNotFoundError(folder)
        how = params.load()
        # Several models are trained at once: one thread for each.
        how = how.model_copy(update={"train": how.train.model_copy(update={"threads": 1})})
        judges, learned = pl.read_parquet(folder / JUDGED), pl.scan_parquet(folder / LEARNED)
        return cls(contracts.load(), how, days, judges, learned)

    @cached_property
    def features(self) -> Columns:
        """The features of the judges."""
        return features(columns(self.judges, signature(schema.SCHEMA, self.contract)))

    @cached_property
    def of_day(self) -> NDArray[np.int64]:
        """The day of each judge."""
        return self.judges[DAY].to_numpy()

    def models(self, day: int, lengths: Iterable[int]) -> list[dict[str, Any]]:
        """Train and judge a model of each window at the end of a day.

        Args:
            day: The last day whose end has come; labels that have landed by then count.
            lengths: Windows in days. Those that hold the same rows have the same model.

        Returns:
            What is kept of each: day, window, the rows it learned from, the quality on rows that it had not seen, and
            from the next day on the mean loss of each day and the standard deviation of the loss of a row; None where
            a day has no rows. Without `loss` it could not be trained.
        """
        found: list[dict[str, Any]] = []
        made: dict[int, dict[str, Any]] = {}
        frame = self._window(day, max(lengths := sorted(lengths)))
        for length in lengths:
            for one in windows(frame, Keys.of(self.contract), [length], None):
                if one.rows.height not in made:
                    made[one.rows.height] = self._judged(one.rows, day)
                found.append({"day": day, "window": length, "rows": one.rows.height} | made[one.rows.height])
        missing = set(lengths) - {each["window"] for each in found}
        return found + [{"day": day, "window": length, "rows": 0} for length in sorted(missing)]

    def _window(self, day: int, longest: int) -> pl.DataFrame:
        """Read the rows of the longest window, of those whose labels had landed at the end of a day."""
        keys = Keys.of(self.contract)
        time = pl.col(str(keys.time))
        known = self.learned.filter(time < self.days.end(day) - keys.delay)
        newest = known.select(time.max()).collect().item()
        return known.clear().collect() if newest is None else known.filter(time > newest - timedelta(longest)).collect()

    def _judged(self, rows: pl.DataFrame, day: int) -> dict[str, Any]:
        try:
            made = trained(rows, self.contract, self.how)
        except (SplitError, TrainError):
            return {}
        first = int(np.searchsorted(self.of_day, day + 1))
        later = {name: values[first:] for name, values in self.features.items()}
        loss = answered(made, later, self.judges[self.contract.target][first:], self.contract)
        mean, spread = _by_day(loss, self.of_day[first:] - day - 1, len(self.days.counts) - day - 1)
        facts = astuple(baseline.quality(made.unseen, self.contract))[1:]
        return {"quality": list(facts), "loss": mean, "spread": spread}


def _by_day(loss: Floats, day: NDArray[np.int64], days: int) -> tuple[list[float | None], list[float | None]]:
    """Return the mean of each day and the standard deviation of a row in it."""
    rows = np.bincount(day, minlength=days)
    some = np.maximum(rows, 1)
    mean = np.bincount(day, weights=loss, minlength=days) / some
    square = np.bincount(day, weights=(loss - mean[day]) ** 2, minlength=days) / np.maximum(rows - 1, 1)
    return _kept(mean, rows), _kept(np.sqrt(square), rows)


def _kept(values: Floats, rows: NDArray[np.int64]) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if count else None for value, count in zip(values, rows, strict=True)]
