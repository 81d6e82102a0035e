"""Cron expressions of EventBridge: six fields, in the time of a zone.

"Cron expressions reference" (Amazon EventBridge User Guide) and "Schedule types in EventBridge Scheduler" (EventBridge
Scheduler User Guide): the fields, their ranges and wildcards. What those pages name and do not define is refused: a
range that runs backwards, a step in a range, ``LW``, and a weekday near the end of a month, maybe of another one.

Summer time, by the second page: a time that a day has not is skipped; one that it has twice comes once, here the first.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

__all__ = ["Cron"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
NEAR_WEEKDAYS = range(2, 28)
"""Days whose nearest weekday is in the same month, whatever the month."""
_WEEK = 7


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A parsed expression."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    """``?``, or the field for the day of the month."""
    months: tuple[int, ...]
    weekdays: str
    years: tuple[int, ...]

    @classmethod
    def of(cls, expression: str) -> Cron:
        """Parse ``cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)``.

        Raises:
            UnknownError: AWS would refuse it, or its page does not say what it means.
        """
        found = re.fullmatch(r"cron\((.*)\)", expression)
        fields = found[1].split() if found else []
        if len(fields) != 6:  # noqa: PLR2004 - the page's number
            raise _refused(expression, "cron has six fields")
        minutes, hours, days, months, weekdays, years = fields
        if (days == "?") == (weekdays == "?"):
            raise _refused(expression, "one of the day of the month and the day of the week is ?")
        made = cls(
            minutes=_values(expression, minutes, range(60)),
            hours=_values(expression, hours, range(24)),
            days=days,
            months=_values(expression, months, range(1, 13), MONTHS),
            weekdays=weekdays,
            years=_values(expression, years, range(1970, 2200)),
        )
        made._check(expression)
        return made

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first time after a moment, in UTC; None where there is none any more."""
        for day in self._dates(moment.astimezone(zone).date()):
            for hour in self.hours:
                for minute in self.minutes:
                    found = _real(datetime.combine(day, time(hour, minute)), zone)
                    if found is not None and found > moment:
                        return found
        return None

    def _dates(self, first: date) -> Iterator[date]:
        for year in (year for year in self.years if year >= first.year):
            for month in self.months:
                yield from (day for day in self._of_month(year, month) if day >= first)

    def _of_month(self, year: int, month: int) -> list[date]:
        last = monthrange(year, month)[1]
        every = [date(year, month, day) for day in range(1, last + 1)]
        return _in_month(self.days, every) if self.weekdays == "?" else _in_week(self.weekdays, every)

    def _check(self, expression: str) -> None:
        if self.weekdays == "?":
            for part in self.days.split(","):
                if part != "L" and not _near(part):
                    _values(expression, part, range(1, 32))
        elif not re.fullmatch(r"L|[1-7]L|[1-7]#[1-5]", _named(self.weekdays)):
            _values(expression, self.weekdays, range(1, 8), WEEKDAYS)


def _in_month(field: str, every: list[date]) -> list[date]:
    """Return the days of a month that a day-of-month field names, in order."""
    found: set[date] = set()
    for part in field.split(","):
        if part == "L":
            found.add(every[-1])
        elif near := _near(part):
            found.add(_nearest(every[near - 1]))
        else:
            found |= {day for day in every if day.day in _values(field, part, range(1, 32))}
    return sorted(found)


def _in_week(field: str, every: list[date]) -> list[date]:
    """Return the days of a month that a day-of-week field names, in order."""
    text = _named(field)
    if text == "L":
        return [day for day in every if _weekday(day) == _WEEK]
    if text.endswith("L"):
        return [day for day in every if _weekday(day) == int(text[0])][-1:]
    if "#" in text:
        number = int(text[2])
        return [day for day in every if _weekday(day) == int(text[0])][number - 1 : number]
    wanted = _values(field, field, range(1, 8), WEEKDAYS)
    return [day for day in every if _weekday(day) in wanted]


def _near(part: str) -> int:
    """Return the day of ``3W``; 0 for another part, and for a day whose weekday may be in another month."""
    found = re.fullmatch(r"(\d{1,2})W", part)
    return int(found[1]) if found and int(found[1]) in NEAR_WEEKDAYS else 0


def _nearest(day: date) -> date:
    """Return the weekday closest to a day."""
    moved = {1: 1, _WEEK: -1}.get(_weekday(day), 0)
    return day + timedelta(days=moved)


def _weekday(day: date) -> int:
    """Return 1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % _WEEK + 1


def _named(field: str) -> str:
    """Return a day-of-week field such as ``FRIL`` or ``TUE#2`` with the number of its day."""
    for number, name in enumerate(WEEKDAYS, 1):
        if re.fullmatch(rf"{name}(L|#\d)", field):
            return field.replace(name, str(number))
    return field


def _values(expression: str, field: str, valid: range, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    """Return what a field of numbers, names, ranges, steps and lists names, in order."""
    found: set[int] = set()
    for part in field.split(","):
        start, slash, step = part.partition("/")
        low, dash, high = start.partition("-")
        if slash and (dash or not step.isdecimal() or int(step) == 0):
            raise _refused(expression, f"{part} is no step from one value on")
        first = valid[0] if low == "*" else _value(expression, low, valid, names)
        last = valid[-1] if slash or low == "*" else first
        if dash:
            if low == "*":
                raise _refused(expression, f"{part} is no range")
            last = _value(expression, high, valid, names)
        if last < first:
            raise _refused(expression, f"{part} runs backwards, and the page does not say into which day")
        found.update(range(first, last + 1, int(step) if slash else 1))
    return tuple(sorted(found))


def _value(expression: str, text: str, valid: range, names: tuple[str, ...]) -> int:
    number = names.index(text) + valid[0] if text in names else int(text) if text.isdecimal() else None
    if number is None or number not in valid:
        raise _refused(expression, f"{text} is not within {valid[0]} to {valid[-1]}")
    return number


def _real(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return a local time in UTC; None where the zone has none such, the first of two."""
    found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return found if found.astimezone(zone).replace(tzinfo=None, fold=0) == local else None


def _refused(expression: str, because: str) -> UnknownError:
    return UnknownError(f"the expression {expression}", because=because, attempt="write it as AWS documents it")
