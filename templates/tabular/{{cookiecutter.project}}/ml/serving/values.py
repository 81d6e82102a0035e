"""The values of a request: what each kind of column may hold, and how it reads it.

numeric      a finite number within its range; where only whole numbers are allowed, 3.0 is 3 and 3.5 is refused
boolean      true, false, 0 or 1
categorical  text of at most 1,024 characters; whole numbers and booleans are read as their text ("3", "true"). A
             category that the model has never seen is no error here: it is read as missing, and counted. Codes that
             the data contract has as integers are whole numbers within their range
timestamp    ISO 8601 text; with a zone it is converted to UTC, without one it is UTC. No epoch numbers: nothing tells
             seconds from milliseconds
null         where the data contract allows it; in the time column it stands for the time of the request
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ml.signature import Input, Kind

    Reader = Callable[[Any], Any]
    """Turns one value into what the column holds, or raises ValueError with the reason."""

MAX_TEXT = 1024
"""The longest category, in characters."""
SHOWN = 40
"""So much of a refused text is shown in the answer, in characters."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
BOOLEANS = {"true": True, "false": False, "0": False, "1": True}
DTYPES: dict[Kind, np.dtype[Any]] = {
    "numeric": np.dtype("f8"),
    "boolean": np.dtype("f8"),
    "categorical": np.dtype("O"),
    "timestamp": np.dtype("M8[us]"),
}


def reader(entry: Input) -> Reader:
    """Return what reads a value that is not null into the column of ``entry``."""
    if entry.kind == "boolean":
        return _boolean
    if entry.kind == "categorical":
        return _code(entry) if entry.whole else _category
    if entry.kind == "timestamp":
        return _timestamp
    return _numbers(entry)


def limits(entry: Input) -> tuple[float, float]:
    """Return the smallest and the largest number allowed: those of the data contract, within 64 bits."""
    # -2^63 is left out: a smaller whole number comes out of JSON as the float that is equal to it.
    most = 2**63 - 1 if entry.whole else sys.float_info.max
    low, high = entry.minimum, entry.maximum
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def column(entry: Input, read: Reader, values: Sequence[Any], at: datetime | None = None) -> NDArray[np.generic]:
    """Read the values of one column.

    Args:
        entry: What it may hold.
        read: Reads one value.
        values: As they were sent.
        at: The time of the request, in UTC and without a zone; None is now.

    Raises:
        ValueError: A value is refused; `reasons` tells which.
    """
    if entry.nullable:
        made = np.array([None if value is None else read(value) for value in values], dtype=DTYPES[entry.kind])
        if entry.now:
            made[np.isnat(made)] = at or now()
        return made
    return np.array([read(value) for value in values], dtype=DTYPES[entry.kind])


def now() -> datetime:
    """Return the time, in UTC and without a zone, as the columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def reasons(entry: Input, read: Reader, values: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Yield the row and the reason of each value that is refused."""
    for row, value in enumerate(values):
        if value is not None:
            try:
                read(value)
            except ValueError as error:
                yield row, str(error)
        elif not entry.nullable:
            yield row, "the value is missing"


def cell(entry: Input, text: str) -> object:
    """Turn a CSV cell into the value that JSON would have; a cell that cannot be one stays text."""
    if not text:
        return None
    if (entry.kind == "numeric" or entry.whole) and NUMBER.fullmatch(text):
        # The codes of 64 bits are more than a float tells apart.
        return int(text) if WHOLE.fullmatch(text) else float(text)
    if entry.kind == "boolean":
        return BOOLEANS.get(text.lower(), text)
    return text


def level(value: bool | int | str) -> str:  # noqa: FBT001 - a category may be a boolean
    """Return a category as text, as `ml/frames.py` casts it."""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def shown(value: object) -> str:
    """Return ``value`` as an answer may show it: JSON, and short."""
    if isinstance(value, str):
        return repr(value if len(value) <= SHOWN else value[:SHOWN] + "...")
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    return "null" if value is None else level(value)  # type: ignore[arg-type]


def _numbers(entry: Input) -> Reader:
    minimum, maximum = limits(entry)
    return partial(_number, minimum=minimum, maximum=maximum, whole=entry.whole)


def _number(value: object, *, minimum: float, maximum: float, whole: bool) -> float:
    # By type and not isinstance: True is an int to Python, not to a data contract.
    if type(value) is not float and type(value) is not int:
        raise ValueError(f"{shown(value)} is not a number")
    if value < minimum:
        raise ValueError(f"{value} is less than {minimum:.15g}")
    if value > maximum:
        raise ValueError(f"{value} is more than {maximum:.15g}")
    if whole and value % 1:
        raise ValueError(f"{value} is not a whole number")
    return value


def _boolean(value: object) -> float:
    if value not in (0, 1) or isinstance(value, str):
        raise ValueError(f"{shown(value)} is not true or false")
    return float(value)


def _category(value: object) -> str:
    if type(value) is float and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        # Here and below a ValueError even for a type: to the sender it is a value that does not fit.
        raise ValueError(f"{shown(value)} is not a category: text, a whole number or a boolean")  # noqa: TRY004
    text = level(value)
    if len(text) > MAX_TEXT:
        raise ValueError(f"{shown(value)} is longer than {MAX_TEXT} characters")
    return text


def _code(entry: Input) -> Reader:
    number = _numbers(entry)
    return lambda value: str(int(number(value)))


def _timestamp(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{shown(value)} is not an ISO 8601 time") from None
    try:
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # in UTC it is of the year 0 or 10000, which there is not: this is within a day of it
        return found.replace(tzinfo=None)
