"""The days of a history, and the grid of those at whose end models are trained. Quick to import."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contract import Contract

FACTS = "days.json"
MOST_JUDGES = 2000
"""Rows of a day that judge at most, the same for every model: more would tell hardly more and take longer."""
AUTO_EVERY, MOST_TRAININGS = 7, 160
"""Days between two trainings, unless that were more training days than the second; then so many that it is not."""
FEWEST = 10
"""Training days without which there are no two halves to speak of."""
FEWEST_KNOWN = 3
"""Training days of the first half whose next days' labels have landed before the second half begins."""


class GridError(LoopError):
    """The history is too short for what was asked."""


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days of a history, counted from 0."""

    start: str
    """ISO time at which day 0 begins; a day is one of UTC."""
    counts: list[int]
    """Labelled rows of each."""

    def end(self, day: int) -> datetime:
        """Return when a day ends."""
        return datetime.fromisoformat(self.start) + timedelta(days=day + 1)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Which models there are: trained at the end of every so many days, on each of the windows."""

    begin: int
    """The first of these days."""
    every: int
    windows: tuple[int, ...]
    """In days."""
    days: int
    """Days of the history; the last one only judges."""

    @property
    def trainings(self) -> range:
        """The days at whose end models are trained."""
        return range(self.begin, self.days - 1, self.every)


def opened(folder: Path) -> Days | None:
    """Return the days of a history that `history.arranged` has left in ``folder``; None where it has not."""
    path = folder / FACTS
    return Days(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def laid(days: Days, contract: Contract, windows: Sequence[int], every: int) -> Grid:
    """Lay the grid: from the first day on at which the shortest window is full of rows whose labels have landed.

    Args:
        days: Of the history.
        contract: Its label delay.
        windows: In days.
        every: Days between two trainings; 0: `AUTO_EVERY`, or more where the history is long.

    Raises:
        GridError: Two halves of it, with room for the label delay, would not be there.
    """
    delay, count = math.ceil(contract.quality.label_delay_days), len(days.counts)
    begin = delay + min(windows)
    every = every or AUTO_EVERY * max(1, math.ceil((count - begin) / AUTO_EVERY / MOST_TRAININGS))
    grid = Grid(begin=begin, every=every, windows=tuple(sorted(windows)), days=count)
    trainings = len(grid.trainings)
    if trainings < FEWEST:
        raise GridError(
            "the history is too short for a backtest",
            because=f"it has {count} days; the first model needs {begin} of them (a window of {min(windows)} days, and "
            f"labels that land {delay} days late), which leaves {trainings} trainings {every} days apart; {FEWEST} "
            "are needed",
            attempt="bring more history with --data, or ask for a shorter window (--windows) or a smaller --every",
        )
    if (trainings // 2) * every < delay + FEWEST_KNOWN * every:
        raise GridError(
            "there is no room for the label delay",
            because=f"half of the history is {trainings // 2 * every} days, and labels land {delay} days late: too "
            "little of the first half is known when the second begins",
            attempt="bring more history with --data, or lower quality.label_delay_days in loop.yaml if it is less",
        )
    return grid
