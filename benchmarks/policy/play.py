"""Play: a policy on a stream, day by day; it sees what was known at the end of each day and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from policy.matrix import Matrix, Scored
    from policy.streams import Stream

    Floats = NDArray[np.floating]

PROBE = 0.1
"""What a probe costs, as a share of a retraining."""


class Model(NamedTuple):
    """A model: trained at the end of a day, on a window of so many days."""

    day: int
    window: int


@dataclass(frozen=True, kw_only=True)
class Past:
    """All that is known at the end of a day."""

    matrix: Matrix
    today: int

    @property
    def stream(self) -> Stream:
        """The stream, of which inputs are known up to today."""
        return self.matrix.stream

    @property
    def known(self) -> int:
        """The newest day whose labels have landed."""
        return self.today - self.stream.delay

    def scored(self, model: Model) -> Scored:
        """Return how a model did on the days whose labels have landed; nothing stands for the others.

        Raises:
            ValueError: The model is not trained yet.
        """
        if model.day > self.today:
            raise ValueError(f"nobody has the model of day {model.day} on day {self.today}")
        found = self.matrix.model(*model)
        later = np.arange(len(found.loss)) > self.known
        return found._replace(loss=np.where(later, np.nan, found.loss), wrong=np.where(later, 0, found.wrong))

    def answered(self, model: Model) -> list[int]:
        """Return the days with rows that a model has answered, if it serves, and whose labels have landed."""
        days = range(model.day + 1, self.known + 1)
        return [day for day in days if self.stream.counts[day]]


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
    counts: NDArray[np.int64]
    """Rows of each day."""
    retrained: list[int] = field(default_factory=list)
    """Days, counted as the stream counts them."""
    probed: list[int] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Mean loss of a row."""
        return mean(self.losses, self.counts)

    def cost(self, each: float) -> float:
        """Return mean loss + what retrainings and probes cost a day, for the cost of a retraining."""
        return self.loss + each * (len(self.retrained) + PROBE * len(self.probed)) / len(self.losses)


def mean(losses: Floats, counts: NDArray[np.int64]) -> float:
    """Return the mean loss of a row from those of days."""
    some = counts > 0
    return float(np.average(losses[some], weights=counts[some]))


def play(matrix: Matrix, policy: Policy, span: range, window: int) -> Played:
    """Let a policy decide.

    Args:
        matrix: Of the stream.
        policy: New, or one that forgets when its champion changes.
        span: The first day's end has the model to begin with; it serves from the next day on, as each later one does.
        window: Of the first model.
    """
    champion, counts = Model(span[0], window), matrix.stream.counts
    losses: list[float] = []
    played = Played(losses=np.empty(0), counts=counts[span[1] : span[-1] + 1])
    for day in span[1:]:
        losses.append(float(matrix.model(*champion).loss[day]))
        step = policy.look(Past(matrix=matrix, today=day), champion)
        if step.probed:
            played.probed.append(day)
        if step.retrain is not None:
            played.retrained.append(day)
            champion = Model(day, step.retrain)
    return Played(losses=np.array(losses), counts=played.counts, retrained=played.retrained, probed=played.probed)
