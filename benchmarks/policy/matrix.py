"""The loss matrix: the loss on each later day of a model of each day, trained once and kept.

Every policy, probe and optimum reads it, so they all speak of the same models, and a schedule costs no training.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from loopwright.backtest.play.days import joined
from ml.gain import gain
from ml.losses import losses, name, quality
from ml.model import Facts, Rows, Settings, fit, predict
from policy.streams import MIN_ROWS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from loopwright.backtest.play.days import Counts, Model
    from ml.losses import Quality
    from ml.model import Floats
    from policy.streams import Stream

SETTINGS = Settings(seed=1, rounds=60, patience=1, learning_rate=0.1, num_leaves=15, min_rows_in_leaf=20, threads=1)
HELD_OUT = 0.15
"""The share of its days that a model's baseline is measured on (`validation_share` in params.yaml)."""
CODE = 1
"""A matrix that another number made is not read."""


class Scored(NamedTuple):
    """A model on the days after its last training row; NaN or 0 before them and where there are no rows."""

    loss: NDArray[np.float32]
    """Mean loss of each day."""
    wrong: NDArray[np.int32]
    """Rows of each day that it gets wrong: the other class is more probable, or the error is above the mean error."""
    quality: NDArray[np.float64]
    """The numbers of `ml.losses.Quality`: rows, mean, deviation, between, blocks."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """All models of one stream that anybody asked for."""

    stream: Stream
    kept: dict[tuple[int, int], Scored]
    """By the first row and the row after the last one that a model learned from."""

    @classmethod
    def open(cls, stream: Stream, cache: Path) -> Matrix:
        """Read what is kept of this stream, if anything."""
        path = _path(stream, cache)
        kept: dict[tuple[int, int], Scored] = {}
        if path.is_file():
            with np.load(path) as found:
                columns = (found["loss"], found["wrong"], found["quality"])
                kept = {tuple(key): Scored(*of) for key, *of in zip(found["keys"].tolist(), *columns, strict=True)}
        return cls(stream=stream, kept=kept)

    def save(self, cache: Path) -> None:
        """Keep all of it."""
        cache.mkdir(parents=True, exist_ok=True)
        path = _path(self.stream, cache)
        columns = {field: np.array([getattr(of, field) for of in self.kept.values()]) for field in Scored._fields}
        half = path.with_suffix(f".{os.getpid()}.npz")
        np.savez_compressed(half, keys=np.array(list(self.kept)), **columns)
        half.replace(path)

    def model(self, day: int, window: int) -> Scored:
        """Return the model that is trained at the end of ``day`` on the last ``window`` days whose labels are known."""
        rows = self._rows(day, window)
        key = (rows.start, rows.stop)
        if key not in self.kept:
            self.kept[key] = self._scored(rows)
        return self.kept[key]

    @property
    def counts(self) -> Counts:
        """Rows of each day."""
        return self.stream.counts

    @property
    def delay(self) -> int:
        """Days until a label is known."""
        return self.stream.delay

    @property
    def least(self) -> int:
        """Rows from which on anybody judges by them."""
        return MIN_ROWS

    @staticmethod
    def newest(day: int) -> int:
        """Return the day itself: there is a model of every day."""
        return day

    def learned(self, day: int, window: int) -> int:
        """Return the rows that a model learns from."""
        rows = self._rows(day, window)
        return rows.stop - rows.start

    def error(self, one: Model, other: Model, day: int) -> float:
        """Return the standard error of the mean difference of two models' losses on the rows of a day."""
        rows = self.stream.rows(day, day)
        learned = (self._rows(*each) for each in (one, other))
        first, second = (_losses(self.stream, each.start, each.stop)[rows] for each in learned)
        return gain(first, second, np.zeros(len(first), dtype=int)).standard_error

    def _rows(self, day: int, window: int) -> slice:
        last = day - self.stream.delay
        return self.stream.rows(last - window + 1, last)

    def _scored(self, rows: slice) -> Scored:
        stream = self.stream
        found = _losses(stream, rows.start, rows.stop)
        base = self._baseline(rows)
        limit = np.log(2) if name(stream.metric) == "log_loss" else base.mean
        counts = stream.counts
        after = np.where(np.arange(len(found)) < rows.stop, np.nan, found)
        sums, wrong = (np.add.reduceat(np.append(each, 0), stream.starts[:-1]) for each in (after, after > limit))
        with np.errstate(invalid="ignore"):
            loss = np.where(counts > 0, sums / counts, np.nan).astype(np.float32)
        facts = np.array([base.rows, base.mean, base.deviation, base.between, base.blocks])
        return Scored(loss, np.where(counts > 0, wrong, 0).astype(np.int32), facts)

    def _baseline(self, rows: slice) -> Quality:
        """Measure what the losses of a model are on rows that it has not seen, as a training does.

        The model of the same window that ended `HELD_OUT` of its days earlier is asked about the days since.
        """
        stream = self.stream
        days = np.flatnonzero(stream.counts)
        days = days[(stream.starts[days] >= rows.start) & (stream.starts[days] < rows.stop)]
        held = days[-max(1, round(HELD_OUT * len(days))) :]
        earlier = stream.rows(int(days[0] - (days[-1] + 1 - held[0])), int(held[0]) - 1)
        if earlier.start == earlier.stop:
            return quality(stream.metric, [], np.empty(0))
        found = _losses(stream, earlier.start, earlier.stop)
        blocks = joined(held.tolist(), stream.counts, MIN_ROWS)
        parts = [np.concatenate([found[stream.rows(day, day)] for day in block]) for block in blocks]
        return quality(stream.metric, parts, np.concatenate(parts))


@lru_cache(maxsize=128)
def _losses(stream: Stream, start: int, stop: int) -> Floats:
    """Train on the rows from ``start`` to ``stop`` and return the loss of every later row; NaN for the others."""
    classes = (0, 1) if name(stream.metric) == "log_loss" else ()
    facts = Facts(
        task="classification" if classes else "regression",
        target="truth",
        classes=classes,
        weights=(1.0,) * len(classes),
    )

    def part(of: slice) -> Rows:
        return Rows(features={key: column[of] for key, column in stream.features.items()}, target=stream.truth[of])

    found = np.full(len(stream.truth), np.nan)
    later = part(slice(stop, None))
    if len(later.target):
        model = fit(part(slice(start, stop)), facts, SETTINGS, rounds=SETTINGS.rounds)
        found[stop:] = losses(stream.metric, later.target, predict(model, later.features))
    return found


def _path(stream: Stream, cache: Path) -> Path:
    """Return where a matrix is kept; its name changes with whatever it is made from."""
    facts = (CODE, SETTINGS, HELD_OUT, stream.metric, stream.delay, sorted(stream.features))
    made = hashlib.sha256(repr(facts).encode())
    for column in (*stream.features.values(), stream.truth, stream.starts):
        made.update(np.ascontiguousarray(column))
    return cache / f"{stream.name}-{made.hexdigest()[:16]}.npz"
