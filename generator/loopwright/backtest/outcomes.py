"""Outcomes: what every policy came to on either half, beside the optimum that knows the future."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from loopwright.backtest.choosing import gap, steps
from loopwright.backtest.play.days import play
from loopwright.backtest.play.plan import AGES, Mean, Optimum, optimum
from loopwright.backtest.play.schedules import Every, Never

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loopwright.backtest.play.days import Played
    from loopwright.backtest.play.matrix import Kept

__all__ = ["Figures", "Outcome", "best", "hindsight", "outcome", "schedules"]

Kind = Literal["loop", "schedule", "never", "optimum"]
NEVER, OPTIMUM = "never", "optimum in hindsight"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a policy came to on a half."""

    loss: float
    """Mean loss of a row."""
    retrainings: int
    probes: int
    cost: float
    """Mean loss + what retrainings and probes cost a day."""
    above: float
    """The share by which that is above the optimum's."""
    against: Mean
    """The loss less that of the loop as it stands."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A policy on both halves."""

    name: str
    kind: Kind
    first: Figures
    second: Figures
    interval: int | None = None
    """Of a schedule, in days."""


class Judge(NamedTuple):
    """What a policy is judged by on a half."""

    span: range
    cost: float
    """Of a retraining, in units of the loss times a day."""
    optimum: Optimum
    standing: Played
    """The loop as it is."""

    def figures(self, played: Played) -> Figures:
        """Return what a policy came to."""
        cost = played.cost(self.cost)
        return Figures(
            loss=played.loss,
            retrainings=len(played.retrained),
            probes=len(played.probed),
            cost=cost,
            above=cost / self.optimum.cost - 1 if self.optimum.cost else 0.0,
            against=gap(played.losses - self.standing.losses, played.counts, self.span),
        )

    def hindsight(self) -> Figures:
        """Return what the optimum came to."""
        count, unknown = len(self.optimum.days), Mean(math.nan, math.nan)
        loss = self.optimum.cost - self.cost * count / (len(self.span) - 1)
        return Figures(loss=loss, retrainings=count, probes=0, cost=self.optimum.cost, above=0.0, against=unknown)


def schedules(matrix: Kept, spans: Sequence[range], window: int) -> dict[str, tuple[int | None, list[Played]]]:
    """Play every fixed interval that there are models for, and never, on each of some spans."""
    never = (None, [play(matrix, Never(), span, window) for span in spans])
    return {
        f"every {days} day{'s' if days > 1 else ''}": (
            days,
            [play(matrix, Every(days=days, window=window), span, window) for span in spans],
        )
        for days in steps(matrix, AGES)
    } | {NEVER: never}


def best(matrix: Kept, span: range, window: int, cost: float) -> Optimum:
    """Return what somebody who knows the future would have done, with a first model of ``window``."""
    windows = (window, *(each for each in matrix.windows if each != window))
    return optimum(matrix.losses, matrix.counts, span, windows=windows, cost=cost, step=matrix.every)


def outcome(
    name: str, kind: Kind, played: Sequence[Played], judges: Sequence[Judge], interval: int | None = None
) -> Outcome:
    """Judge a policy on both halves."""
    first, second = (judge.figures(one) for judge, one in zip(judges, played, strict=True))
    return Outcome(name=name, kind=kind, first=first, second=second, interval=interval)


def hindsight(judges: Sequence[Judge]) -> Outcome:
    """Return the optimum of both halves as an outcome."""
    first, second = (judge.hindsight() for judge in judges)
    return Outcome(name=OPTIMUM, kind="optimum", first=first, second=second)
