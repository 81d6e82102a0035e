"""The simulated clock: the only source of time in a rehearsal."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "utc"]


def utc(time: datetime) -> datetime:
    """Return the time in UTC.

    Raises:
        ValueError: The time has no zone.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return time.astimezone(UTC)


class Clock:
    """A clock that moves only when it is run.

    Args:
        start: The first moment, with a time zone.
    """

    def __init__(self, start: datetime) -> None:
        self._now = utc(start)
        self._sequence = count()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._running = False

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self._now

    def at(self, time: datetime, action: Callable[[], None]) -> None:
        """Plan an action; what is planned for the same moment runs in the order of planning.

        Raises:
            ValueError: The time is over.
        """
        if utc(time) < self._now:
            raise ValueError(f"{utc(time)} is over: it is {self._now}")
        heapq.heappush(self._due, (utc(time), next(self._sequence), action))

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Plan an action for so long after the present moment.

        Raises:
            ValueError: The delay is negative.
        """
        self.at(self._now + delay, action)

    def run(self, until: datetime) -> None:
        """Run what is due up to a moment, that moment included, and stop there.

        Actions may plan more; what they plan for this stretch runs in it. Where an action raises, the clock stands at
        its moment and the rest stays planned.

        Raises:
            ValueError: The moment is over, or an action runs the clock.
        """
        if self._running:
            raise ValueError("an action may plan, and not run the clock")
        if utc(until) < self._now:
            raise ValueError(f"time does not go back from {self._now} to {utc(until)}")
        self._running = True
        try:
            self._run(utc(until))
        finally:
            self._running = False

    def _run(self, until: datetime) -> None:
        while self._due and self._due[0][0] <= until:
            self._now, _, action = heapq.heappop(self._due)
            action()
        self._now = until
