"""Which columns look like personal data: by the values of a text, or by a column's name.

Small and precise, because a wrong alarm takes a feature away: a pattern must fit nearly all of the values that are
looked at, and a name counts only where a column holds more than a few: `email` may be a yes or no, `name` one of ten
plans.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loopwright.tables.sql import Session, identifier, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from loopwright.tables.readings import Dtype

LOOKED_AT = 200
"""So many different values of a column at most, chosen by hash."""
_NEARLY_ALL = 0.9
_FEWEST = 13
"""So many different values a column has that is told by its name."""
_DIGITS = 6
"""So many digits a telephone number has at least: a column `phone` may hold what kind of phone it is."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[A-Za-z]{2,24}")
_PHONE = re.compile(r"\+\d{1,3}[ ./()-]*(?:\d[ ./()-]*){6,12}|(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}")
_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_PHONE_NAME = re.compile(r"(.*_)?((tele|cell|mobile_?)?phone(_number|_no)?|(mobile|fax)_(number|no))")
_BIRTH_NAME = re.compile(r"(.*_)?(dob|date_of_birth|birth_?date|birthday)")
_NAME = re.compile(
    r"""
    (.*_)?(
        e_?mail(_address)? | iban | ssn | social_security(_number|_no)? | passport(_number|_no)? | tax_id
      | (credit_?)?card_(number|no) | surname
      | (first|last|middle|full|given|family|maiden|customer|client|patient|person|contact|user)_?name
      | (home|postal|mailing|street|billing|shipping|delivery|ip)_address
    ) | name | address | street
    """,
    re.VERBOSE,
)


def look(duck: Session, table: Path, columns: Iterable[tuple[str, Dtype, int]]) -> dict[str, str]:
    """Return why a column looks like personal data, as a clause, for each that does.

    Args:
        duck: An open session.
        table: The clean Parquet file.
        columns: Name, type and the number of different values of each.
    """
    found = {}
    for name, dtype, distinct in columns:
        named = distinct >= _FEWEST and _named(name, dtype)
        values = _values(duck, table, name) if dtype == "String" or (named and dtype == "Int64") else []
        if dtype == "String" and (what := _kind(values)):
            found[name] = f"its values look like {what}"
        elif named and (not _PHONE_NAME.fullmatch(name) or _most(values, _has_digits)):
            found[name] = f"its name is {name}"
    return found


def _named(name: str, dtype: Dtype) -> bool:
    if _BIRTH_NAME.fullmatch(name):
        return True
    return dtype in {"Int64", "String"} and any(pattern.fullmatch(name) for pattern in (_NAME, _PHONE_NAME))


def _values(duck: Session, table: Path, name: str) -> list[str]:
    column = identifier(name)
    known = f"(FROM {scan(table)} SELECT DISTINCT {column}::VARCHAR AS value WHERE {column} IS NOT NULL)"
    return [value for (value,) in duck.rows(f"FROM {known} ORDER BY hash(value), value LIMIT {LOOKED_AT}")]


def _kind(values: Sequence[str]) -> str | None:
    return next((what for what, fits in _PATTERNS.items() if _most(values, fits)), None)


def _most(values: Sequence[str], fits: Callable[[str], bool]) -> bool:
    return len(values) > 0 and sum(map(fits, values)) >= _NEARLY_ALL * len(values)


def _has_digits(value: str) -> bool:
    return sum(map(str.isdigit, value)) >= _DIGITS


def _iban(value: str) -> bool:
    """Tell whether it is an IBAN, by its check digits (ISO 7064, MOD 97-10)."""
    plain = value.replace(" ", "")
    if not _IBAN.fullmatch(plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _fits(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value.strip()) is not None


_PATTERNS: dict[str, Callable[[str], bool]] = {
    "e-mail addresses": _fits(_EMAIL),
    "telephone numbers": _fits(_PHONE),
    "social security numbers": _fits(_SSN),
    "IBANs": _iban,
}
