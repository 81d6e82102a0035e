"""The grammar of schedule expressions, `rate(...)`, `cron(...)` and `at(...)`, as EventBridge's Scheduler reads it."""

from __future__ import annotations

import calendar
import re
from datetime import datetime

from .wire import Refused

RATE = re.compile(r"rate\((?P<value>[1-9]\d*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
AT = re.compile(r"at\((?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr)}
DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
# Minutes, hours, day of month, month, day of week, year: the range, and the names.
FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, MONTHS),
    (1, 7, DAYS),
    (1970, 2199, {}),
)
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4
SPECIAL = {DAY_OF_MONTH: re.compile(r"\?|L|LW|(\d+)W"), DAY_OF_WEEK: re.compile(r"\?|L|[1-7]L|([1-7]|[A-Z]{3})#[1-5]")}


def check(text: str, *, once: bool) -> None:
    """Refuse what is no schedule expression; `once` says whether `at(...)` is one.

    Raises:
        Refused: As AWS does, without saying what is wrong; we say it.
    """
    if found := RATE.fullmatch(text):
        wrong = "one takes the singular, more the plural" if (found["value"] == "1") == bool(found["plural"]) else None
    elif found := CRON.fullmatch(text):
        wrong = _cron(found["fields"].split(" "))
    elif once and (found := AT.fullmatch(text)):
        wrong = _at(found["time"])
    else:
        wrong = "it is neither rate(value unit) nor cron(six fields)" + (" nor at(time)" if once else "")
    if wrong:
        raise Refused("ValidationException", f"Invalid Schedule Expression {text}: {wrong}.")


def _at(time: str) -> str | None:
    try:
        datetime.fromisoformat(time)
    except ValueError as error:
        return str(error)
    return None


def _cron(fields: list[str]) -> str | None:
    if len(fields) != len(FIELDS):
        return f"{len(fields)} fields instead of {len(FIELDS)}"
    if (fields[DAY_OF_MONTH] == "?") == (fields[DAY_OF_WEEK] == "?"):
        return "exactly one of day of month and day of week must be ?"
    bad = [field for index, field in enumerate(fields) if not all(_part(index, part) for part in field.split(","))]
    return f"{' and '.join(bad)} cannot be read" if bad else None


def _part(index: int, part: str) -> bool:
    if index in SPECIAL and SPECIAL[index].fullmatch(part):
        return True
    values, _, step = part.partition("/")
    if "/" in part and not (step.isdigit() and int(step)):
        return False
    if values == "*":
        return True
    ends = [_number(index, end) for end in values.split("-")]
    low, high, _ = FIELDS[index]
    return len(ends) <= 2 and all(end is not None and low <= end <= high for end in ends)


def _number(index: int, text: str) -> int | None:
    names = FIELDS[index][2]
    return int(text) if text.isdigit() else names.get(text)
