"""Windows: which rows a run of the monitor looks at. Half-open, in whole periods of UTC; every row is in one period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LATENESS = timedelta(hours=1)
"""SageMaker writes what it captured within minutes; so long after its end, a period is taken to be complete."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAME = "%Y-%m-%dT%H-%MZ"
WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Window:
    """From ``start`` on, and before ``end``."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Its start as files are named: `2026-11-24T00-00Z`; names sort as times do."""
        return self.start.strftime(NAME)

    def holds(self, time: datetime) -> bool:
        """Tell whether a time is in it."""
        return self.start <= time < self.end

    def ago(self, periods: int) -> Window:
        """Return the window so many periods before."""
        back = periods * (self.end - self.start)
        return Window(start=self.start - back, end=self.end - back)


def latest(now: datetime, every: timedelta) -> Window:
    """Return the latest period of length ``every`` that is complete at ``now``."""
    return ended(now - LATENESS, every)


def ended(moment: datetime, every: timedelta) -> Window:
    """Return the latest period of length ``every`` whose end is at ``moment`` or before."""
    end = EPOCH + (moment - EPOCH) // every * every
    return Window(start=end - every, end=end)


def named(name: str, every: timedelta) -> Window:
    """Return the period of length ``every`` that has a name.

    Raises:
        ValueError: It is no name of a period.
    """
    start = datetime.strptime(name, NAME).replace(tzinfo=UTC)
    return Window(start=start, end=start + every)


def alike(window: Window, most: int) -> list[Window]:
    """Return earlier windows that begin on the same weekday at the same time, the newest first."""
    minute = timedelta(minutes=1)
    every, week = (window.end - window.start) // minute, WEEK // minute
    step = math.lcm(every, week) // every
    return [window.ago(step * number) for number in range(1, most + 1)]
