"""The halves of a history: what is chosen is chosen on the first and judged on the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.errors import DataError

if TYPE_CHECKING:
    from loopwright.backtest.play.matrix import Kept

__all__ = ["Halves", "halved"]

FEWEST = 3
"""Trainings that a half has at least."""


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Days of either half; the first of each is the one whose model begins."""

    first: range
    """It ends with the last day whose labels had landed when the second half begins."""
    second: range


def halved(matrix: Kept) -> Halves:
    """Cut the days with models in the middle, at a day at whose end models are trained.

    Raises:
        DataError: A half would have too few trainings.
    """
    grid = range(matrix.begin, matrix.days - 1, matrix.every)
    trainings = [day for day in grid if matrix.whole(day)]
    middle = trainings[len(trainings) // 2] if trainings else matrix.days
    halves = Halves(first=range(matrix.begin, middle - matrix.delay + 1), second=range(middle, matrix.days))
    if min(len(halves.first), len(halves.second)) <= FEWEST * matrix.every:
        raise DataError(
            "the history cannot be halved",
            because=f"models can be trained at the end of {len(trainings)} days, {matrix.every} days apart, and labels "
            f"land {matrix.delay} days late",
            attempt="bring more history with --data, or ask for a smaller --every",
        )
    return halves
