"""What may go wrong with an event on the way, from a seed: lost, doubled, late, out of order.

"Event delivery from AWS services" (Amazon EventBridge User Guide): a service sends its events either durably, which is
at least once and may be a day late, or by best effort, which in rare cases is not at all. No page promises an order.
The shares are no figures of AWS: they are what a rehearsal wants to see, and the loop must close all the same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Fate", "Faults"]


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of one event."""

    delays: tuple[timedelta, ...]
    """One for each time that it arrives; none: it is lost."""
    overtaken: bool = False
    """The next event arrives first, or the longest delay is over."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The shares of events, each from 0 to 1, that something happens to."""

    seed: int = 0
    lose: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    longest: timedelta = timedelta(hours=1)
    """A late event, or the second copy of one, comes at most this much later."""

    def __post_init__(self) -> None:
        for name in ("lose", "duplicate", "delay", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")

    def fate(self, number: int) -> Fate:
        """Return what becomes of the event with this number; the same each time."""
        drawn = random.Random(f"fault {self.seed} {number}")  # noqa: S311 - a rehearsal, no secret  # nosec B311
        # Every draw is made, so that a share of one fault does not change whom another one hits.
        lost, doubled, late, overtaken, first, second = (drawn.random() for _ in range(6))
        if lost < self.lose:
            return Fate(delays=())
        delays = [first * self.longest if late < self.delay else timedelta(0)]
        if doubled < self.duplicate:
            delays.append(second * self.longest)
        return Fate(delays=tuple(delays), overtaken=overtaken < self.reorder)
