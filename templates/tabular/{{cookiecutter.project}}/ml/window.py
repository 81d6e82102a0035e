"""Windows: which rows a run of the monitor looks at. Half-open, in whole periods of UTC; every row is in one period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LATENESS = timedelta(hours=1)
"""SageMaker writes what it captured within minutes; so long after its end, a period is taken to be complete."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Window:
    """From ``start`` on, and before ``end``."""

    start: datetime
    end: datetime

    def holds(self, time: datetime) -> bool:
        """Tell whether a time is in it."""
        return self.start <= time < self.end


def latest(now: datetime, every: timedelta) -> Window:
    """Return the latest period of length ``every`` that is complete at ``now``."""
    end = EPOCH + (now - LATENESS - EPOCH) // every * every
    return Window(start=end - every, end=end)
