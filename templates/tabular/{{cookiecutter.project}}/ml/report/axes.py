"""Axes: from values and moments to places in a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOM = 0.08
"""So much of the range stays free above the highest value, and below the lowest one."""
WHOLE = 100.0
"""Per cent."""
DAY = timedelta(days=1)
DAYS = (1, 2, 7, 14)
MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
"""Steps between two dates of an axis that people count in."""
LINES = 5
"""At most so many values stand at an axis."""


def scale(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    """Return the ends of an axis that holds all values; with ``zero``, it holds 0, too."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    low = min(0.0, low) if zero else low
    if low == high:
        high = low + 1.0
    room = ROOM * (high - low)
    return (low if zero else low - room), high + room


def round_values(low: float, high: float) -> list[float]:
    """Return the round numbers between the ends of an axis that people would write at it, ascending."""
    size = 10.0 ** math.floor(math.log10((high - low) / LINES))
    step = next(each * size for each in (1, 2, 5, 10) if (high - low) / (each * size) <= LINES)
    return [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def instant(time: Any) -> datetime:
    """Return an ISO time in UTC, which is also the zone of one that names none.

    Raises:
        TypeError: It is no text.
        ValueError: It is no ISO time.
    """
    found = datetime.fromisoformat(time)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def seconds(time: Any) -> float:
    """Return the seconds since 1970 of an ISO time; it fails as `instant` does."""
    return instant(time).timestamp()


@dataclass(frozen=True)
class Dates:
    """The axis of time that several drawings share."""

    start: str
    """ISO."""
    until: str
    """ISO, after ``start``."""

    def place(self, time: str) -> float:
        """Return where a moment is, in per cent from the left; what lies outside is at the nearer end."""
        first = seconds(self.start)
        span = seconds(self.until) - first
        return WHOLE * min(max((seconds(time) - first) / span, 0.0), 1.0) if span > 0 else 0.0

    def stretch(self, start: str, until: str | None) -> tuple[float, float]:
        """Return the place and the width of a stretch of time, in per cent; without an end, it is not over."""
        left = self.place(start)
        return left, max(self.place(until or self.until) - left, 0.0)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return dates that people count in, at most so many, each with its place in per cent.

        Of months, a January is told by its year.
        """
        start, until = instant(self.start), instant(self.until)
        for step in DAYS:
            if (until - start) / (step * DAY) <= most:
                return [(self._at(each), f"{each:%d %b}") for each in _midnights(start, until, step)]
        steps = (list(_firsts(start, until, step)) for step in MONTHS)
        dates = next((each for each in steps if len(each) <= most), [])
        return [(self._at(each), f"{each:%Y}" if each.month == 1 else f"{each:%b}") for each in dates]

    def _at(self, date: datetime) -> float:
        return self.place(date.isoformat())


def _midnights(start: datetime, until: datetime, step: int) -> Iterable[datetime]:
    at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    while at <= until:
        if at >= start:
            yield at
        at += step * DAY


def _firsts(start: datetime, until: datetime, step: int) -> Iterable[datetime]:
    """Yield the first days of every ``step`` months, counted from a January."""
    month = 12 * start.year + start.month - 1
    month += -month % step
    while (at := datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)) <= until:
        if at >= start:
            yield at
        month += step
