"""How often a month something happens that EventBridge Scheduler starts."""

from __future__ import annotations

import re

__all__ = ["HOURS", "per_month"]

HOURS = 730
"""Hours in a month, as AWS counts them."""

_UNIT_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}
_DAYS = HOURS / 24
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def per_month(expression: str) -> float | None:
    """Return how often ``rate(...)``, ``cron(...)`` or ``at(...)`` comes in an average month; None if it is none."""
    if rate := re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)s?\)", expression):
        return HOURS / (int(rate[1]) * _UNIT_HOURS[rate[2]])
    if expression.startswith("at("):
        return 0.0  # once, ever
    if cron := re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression):
        try:
            return _cron(*cron.groups())
        except ValueError:
            return None
    return None


def _cron(minute: str, hour: str, day: str, month: str, weekday: str, _year: str) -> float:
    times = _count(minute, 0, 59) * _count(hour, 0, 23)
    if weekday in {"?", "*"}:
        days = (
            _DAYS if day in {"?", "*"} else float(_count("1" if day.startswith("L") else day.replace("W", ""), 1, 31))
        )
    elif "#" in weekday or weekday.endswith("L"):
        days = 1.0  # one such day of the month
    else:
        days = _count(weekday, 1, 7, _WEEKDAYS) * _DAYS / 7
    return times * days * _count(month, 1, 12, _MONTHS) / 12


def _count(field: str, first: int, last: int, names: list[str] | None = None) -> int:
    """Return how many values a field of a cron expression allows.

    Raises:
        ValueError: The field cannot be read.
    """
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, dash, end = (str(first), "-", str(last)) if span in {"*", "?"} else span.partition("-")
        begin = _number(start, first, names)
        stop = _number(end, first, names) if dash else last if step else begin
        if not first <= begin <= stop <= last:
            raise ValueError(field)
        found |= set(range(begin, stop + 1, int(step or 1)))
    return len(found)


def _number(text: str, first: int, names: list[str] | None) -> int:
    return names.index(text.upper()) + first if names and text.upper() in names else int(text)
