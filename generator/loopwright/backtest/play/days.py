"""Play: a policy on a loss matrix, day by day; it sees what was known at the end of each day and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.floating]
Counts = NDArray[np.int64]

PROBE = 0.1
"""What a probe costs, as a share of a retraining."""


class Model(NamedTuple):
    """A model: trained at the end of a day, on a window of so many days."""

    day: int
    window: int


class Scored(NamedTuple):
    """How a model did on the days after it was trained."""

    loss: Floats
    """Mean loss of each day; NaN before them and where there are no rows."""
    quality: Floats
    """Its losses on rows that it had not seen: rows, mean, deviation, between, blocks (`ml.losses.Quality`)."""


class Answers(Protocol):
    """How a model did; whoever makes a matrix may know more of it."""

    @property
    def loss(self) -> Floats:
        """See `Scored`."""

    @property
    def quality(self) -> Floats:
        """See `Scored`."""


class Matrix(Protocol):
    """The models of a history, judged on all later days."""

    @property
    def counts(self) -> Counts:
        """Rows of each day."""

    @property
    def delay(self) -> int:
        """The label of day t is known at the end of day t + delay."""

    @property
    def least(self) -> int:
        """Rows from which on anybody judges by them (`drift.min_rows`)."""

    def model(self, day: int, window: int) -> Answers:
        """Return the model that is trained at the end of ``day`` on the last ``window`` days whose labels are known."""

    def learned(self, day: int, window: int) -> int:
        """Return the rows that this model learns from; 0 where there is no such model."""

    def newest(self, day: int) -> int | None:
        """Return the latest day up to ``day`` at whose end models are trained; None where there is none."""

    def error(self, one: Model, other: Model, day: int) -> float:
        """Return the standard error of the mean difference of two models' losses on the rows of a single day."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """All that is known at the end of a day."""

    matrix: Matrix
    today: int

    @property
    def known(self) -> int:
        """The newest day whose labels have landed."""
        return self.today - self.matrix.delay

    def scored(self, model: Model) -> Scored:
        """Return how a model did on the days whose labels have landed; NaN stands for the others.

        Raises:
            ValueError: The model is not trained yet.
        """
        if model.day > self.today:
            raise ValueError(f"nobody has the model of day {model.day} on day {self.today}")
        found = self.matrix.model(*model)
        later = np.arange(len(found.loss)) > self.known
        return Scored(loss=np.where(later, np.nan, found.loss), quality=found.quality)

    def answered(self, model: Model) -> list[int]:
        """Return the days with rows that a model has answered, if it serves, and whose labels have landed."""
        days = range(model.day + 1, self.known + 1)
        return [day for day in days if self.matrix.counts[day]]


class Step(NamedTuple):
    """What a policy does at the end of a day."""

    probed: bool = False
    retrain: int | None = None
    """The window to train on, in days; None: no retraining."""


NOTHING = Step()


class Policy(Protocol):
    """Decides when to retrain."""

    def look(self, past: Past, champion: Model) -> Step:
        """Return what to do at the end of a day, while this champion serves."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a policy did in a span of days."""

    losses: Floats
    """Mean loss of each day; NaN where there are no rows."""
    counts: Counts
    """Rows of each day."""
    retrained: list[int] = field(default_factory=list)
    """Days, counted as the matrix counts them."""
    probed: list[int] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Mean loss of a row."""
        return mean(self.losses, self.counts)

    def cost(self, each: float) -> float:
        """Return mean loss + what retrainings and probes cost a day, for the cost of a retraining."""
        return self.loss + each * (len(self.retrained) + PROBE * len(self.probed)) / len(self.losses)


def mean(losses: Floats, counts: Counts) -> float:
    """Return the mean loss of a row from those of days; NaN where no day has rows."""
    some = counts > 0
    return float(np.average(losses[some], weights=counts[some])) if some.any() else float("nan")


def play(matrix: Matrix, policy: Policy, span: range, window: int) -> Played:
    """Let a policy decide, on each day at whose end models are trained.

    Args:
        matrix: Of the history.
        policy: New, or one that forgets when its champion changes.
        span: The first day's end has the model to begin with; it serves from the next day on, as each later one does.
        window: Of the first model.
    """
    champion, counts = Model(span[0], window), matrix.counts
    losses: list[float] = []
    retrained, probed = [], []
    for day in span[1:]:
        losses.append(float(matrix.model(*champion).loss[day]))
        if matrix.newest(day) != day:
            continue
        step = policy.look(Past(matrix=matrix, today=day), champion)
        if step.probed:
            probed.append(day)
        if step.retrain is not None and matrix.learned(day, step.retrain):
            retrained.append(day)
            champion = Model(day, step.retrain)
    of_span = counts[span[1] : span[-1] + 1]
    return Played(losses=np.array(losses), counts=of_span, retrained=retrained, probed=probed)


def joined(days: Sequence[int], counts: Counts, least: int) -> list[list[int]]:
    """Join neighbouring days until they hold enough rows; what is left over at the end belongs to the last block."""
    blocks: list[list[int]] = [[]]
    for day in days:
        if counts[blocks[-1]].sum() >= least:
            blocks.append([])
        blocks[-1].append(day)
    if len(blocks) > 1 and counts[blocks[-1]].sum() < least:
        last = blocks.pop()
        blocks[-1] += last
    return blocks
