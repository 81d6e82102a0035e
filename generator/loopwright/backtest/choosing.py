"""What the first half of a history suggests: windows, interval, and a policy. Nothing here sees the second half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loopwright.backtest.play.days import play
from loopwright.backtest.play.plan import Mean, Staleness, blocked, interval, staleness
from loopwright.backtest.play.schedules import Every

if TYPE_CHECKING:
    from loopwright.backtest.play.days import Counts, Floats
    from loopwright.backtest.play.matrix import Kept

__all__ = ["SHARE", "Choice", "WindowLoss", "chosen", "steps", "windows"]

WEEK = 7
SHARE = 28
"""A gain has to bring back the cost of a retraining in so many days."""
DIGITS = 2
"""Significant digits of a proposed `min_gain`."""


@dataclass(frozen=True, kw_only=True)
class WindowLoss:
    """How models of a window did, retrained once a week."""

    days: int
    loss: float
    behind: Mean
    """By how much the loss is above that of the best window."""

    @property
    def clearly_worse(self) -> bool:
        """Whether it is behind by more than a standard error."""
        return self.behind.value > self.behind.error


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a half of a history suggests."""

    window: int
    """With it, a weekly schedule lost least."""
    tried: tuple[int, ...]
    """The windows that could be learned from."""
    staleness: Staleness
    """Of models of that window."""
    fresh: float
    """Mean loss of a row with the newest model of each day."""
    every: int
    """Days between two trainings of the matrix."""

    def interval(self, cost: float) -> int:
        """Return T* for a cost, as near as the matrix has it."""
        return max(1, round(interval(self.staleness.slope, cost) / self.every)) * self.every

    @staticmethod
    def min_gain(cost: float) -> float:
        """Return the gain a day that brings the cost of a retraining back in `SHARE` days."""
        return float(f"{cost / SHARE:.{DIGITS}g}")


def chosen(matrix: Kept, span: range) -> Choice:
    """Choose by the losses of a span, of which all labels are known."""
    found = windows(matrix, span)
    best = min(found, key=lambda each: (each.loss, each.days)).days
    fresh = play(matrix, Every(days=matrix.every, window=best), span, best).loss
    return Choice(
        window=best,
        tried=matrix.windows,
        staleness=staleness(matrix.losses, span, best, every=matrix.every),
        fresh=fresh,
        every=matrix.every,
    )


def windows(matrix: Kept, span: range) -> list[WindowLoss]:
    """Compare the windows, each retrained once a week or as often as the matrix has it."""
    every = max(round(WEEK / matrix.every), 1) * matrix.every
    played = {days: play(matrix, Every(days=every, window=days), span, days) for days in matrix.windows}
    best = min(played.values(), key=lambda each: each.loss)
    return [
        WindowLoss(days=days, loss=each.loss, behind=gap(each.losses - best.losses, each.counts, span))
        for days, each in played.items()
    ]


def gap(difference: Floats, counts: Counts, span: range) -> Mean:
    """Return the mean of daily differences of a span over its rows, with the standard error between blocks of days."""
    return blocked(np.nan_to_num(difference), counts.astype(float), np.arange(span[1], span[-1] + 1))


def steps(matrix: Kept, longest: int) -> list[int]:
    """Return the intervals, in days, that the matrix has models for."""
    return list(range(matrix.every, longest + 1, matrix.every))
