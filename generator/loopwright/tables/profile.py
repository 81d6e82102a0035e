"""The facts about a clean table: for each column its type, kind, nulls, range, distinct values and levels.

A few passes over the Parquet file, in bounded memory however large it is. Distinct values are exact up to 200 000 rows;
beyond that they are counted for a fixed share of all *values*, chosen by hash, and scaled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from loopwright.tables import personal
from loopwright.tables.sql import Session, identifier, scan, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from loopwright.tables.readings import Dtype

Kind = Literal["numeric", "categorical", "boolean", "timestamp", "identifier", "text", "constant"]
Level = bool | int | float | str

MOST_LEVELS = 50
_MOST_CODES = 12
_DISTINCT_SAMPLE = 100_000
_NEARLY_ALL = 0.95
_PROSE_LENGTH = 40
_FEW_ROWS = 20
_ID_NAME = re.compile(r"(^|_)(id|uuid|guid|key|hash|email|ssn|iban)$")
_DTYPES: Mapping[str, Dtype] = {
    "BOOLEAN": "Boolean",
    "BIGINT": "Int64",
    "DOUBLE": "Float64",
    "VARCHAR": "String",
    "TIMESTAMP": "Datetime",
}
_PLAIN_KINDS: Mapping[Dtype, tuple[Kind, str]] = {
    "Boolean": ("boolean", "true or false"),
    "Datetime": ("timestamp", "a point in time"),
    "Float64": ("numeric", "real numbers"),
}


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """The facts about one column."""

    name: str
    dtype: Dtype
    kind: Kind
    reason: str
    """Why it is of that kind, as a clause."""
    nulls: int
    null_share: float
    distinct: int
    """Distinct values without null; approximate where there are no levels."""
    minimum: float | datetime | None
    """Of numbers and times."""
    maximum: float | datetime | None
    mean: float | None
    """Of numbers and booleans; of text, the mean length."""
    levels: Mapping[Level, int] | None
    """Rows of each value, sorted by value, where there are at most 50."""
    personal: str | None = None
    """Why it looks like personal data, as a clause; none where it does not."""


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """The facts about a table."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> ColumnProfile:
        """Return the column ``name``."""
        return next(column for column in self.columns if column.name == name)


def profile(table: Path) -> TableProfile:
    """Profile a clean Parquet file, as `ingest` writes it.

    Raises:
        DataError: The file is no Parquet file.
    """
    with session(table) as duck:
        rows = int(duck.value(f"FROM {scan(table)} SELECT count(*)"))
        described = duck.rows(f"DESCRIBE FROM {scan(table)}")
        columns = _measured(duck, table, rows, {name: _DTYPES[dtype] for name, dtype, *_ in described})
        levels = _levels(duck, table, [column.name for column in columns if 0 < column.distinct <= 3 * MOST_LEVELS])
        found = personal.look(duck, table, [(column.name, column.dtype, column.distinct) for column in columns])
    judged = [_judged(column, levels.get(column.name), rows) for column in columns]
    return TableProfile(rows=rows, columns=tuple(replace(one, personal=found.get(one.name)) for one in judged))


def _measured(duck: Session, table: Path, rows: int, dtypes: Mapping[str, Dtype]) -> list[ColumnProfile]:
    """Take the first pass: everything but the levels."""
    share = max(1, rows // _DISTINCT_SAMPLE)
    facts = ", ".join(_facts(identifier(name), dtype, share) for name, dtype in dtypes.items())
    answers = iter(duck.row(f"FROM {scan(table)} SELECT {facts}"))
    columns = []
    for name, dtype in dtypes.items():
        filled, about, sampled, low, high, mean = (next(answers) for _ in range(6))
        columns.append(
            ColumnProfile(
                name=name,
                dtype=dtype,
                kind="numeric",
                reason="",
                nulls=rows - filled,
                null_share=(rows - filled) / rows,
                distinct=min(filled, sampled * share if share == 1 or sampled * share > _DISTINCT_SAMPLE else about),
                minimum=low,
                maximum=high,
                mean=mean,
                levels=None,
            )
        )
    return columns


def _facts(column: str, dtype: Dtype, share: int) -> str:
    counted = dtype in {"Int64", "String"} or share == 1
    sampled = f"count(DISTINCT {column}) FILTER (hash({column}) % {share} = 0)" if counted else "0"
    ends = f"min({column}), max({column})" if dtype in {"Int64", "Float64", "Datetime"} else "NULL, NULL"
    means = {"Boolean": f"avg({column}::INT)", "String": f"avg(length({column}))", "Datetime": "NULL::DOUBLE"}
    return f"count({column}), approx_count_distinct({column}), {sampled}, {ends}, {means.get(dtype, f'avg({column})')}"


def _levels(duck: Session, table: Path, names: list[str]) -> dict[str, dict[Level, int]]:
    """Take the second pass: count the rows of each value of the columns that have few."""
    if not names:
        return {}
    histograms = ", ".join(f"histogram({identifier(name)})" for name in names)
    found = zip(names, duck.row(f"FROM {scan(table)} SELECT {histograms}"), strict=True)
    return {name: dict(sorted(counts.items())) for name, counts in found if len(counts) <= MOST_LEVELS}


def _judged(column: ColumnProfile, levels: Mapping[Level, int] | None, rows: int) -> ColumnProfile:
    if levels is not None:
        column = replace(column, distinct=len(levels), levels=None if column.dtype == "Datetime" else levels)
    kind, reason = _kind(column, rows)
    return replace(column, kind=kind, reason=reason)


def _kind(column: ColumnProfile, rows: int) -> tuple[Kind, str]:
    if column.distinct == 0:
        return "constant", "it holds no value"
    if column.distinct == 1 and not column.nulls:
        return "constant", "it holds one value only"
    if column.dtype == "Int64":
        return _kind_of_integers(column, rows)
    if column.dtype == "String":
        return _kind_of_strings(column, rows)
    return _PLAIN_KINDS[column.dtype]


def _kind_of_integers(column: ColumnProfile, rows: int) -> tuple[Kind, str]:
    low, high = column.minimum, column.maximum
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError(column.name)
    filled, span = rows - column.nulls, high - low + 1
    if _ID_NAME.search(column.name) and column.distinct > MOST_LEVELS:
        return "identifier", "its name says so, and it has many values"
    if filled >= _FEW_ROWS and column.distinct >= _NEARLY_ALL * filled and column.distinct >= span / 2:
        return "identifier", "whole numbers that are different in nearly every row, without gaps"
    few = column.distinct <= _MOST_CODES and column.distinct <= max(2, filled // _FEW_ROWS)
    if few and -1 <= low <= 1 and span < 2 * column.distinct:
        return "categorical", f"{column.distinct} whole numbers in a row, which look like codes"
    return "numeric", "whole numbers"


def _kind_of_strings(column: ColumnProfile, rows: int) -> tuple[Kind, str]:
    filled, length = rows - column.nulls, column.mean or 0.0
    if column.distinct <= MOST_LEVELS and column.distinct <= max(2, filled // 2):
        return "categorical", f"{column.distinct} levels"
    if length > _PROSE_LENGTH:
        return "text", "many long strings: free text"
    if column.distinct >= _NEARLY_ALL * filled:
        return "identifier", "strings that are different in nearly every row"
    if _ID_NAME.search(column.name):
        return "identifier", "its name says so, and it has many values"
    return "categorical", f"about {column.distinct} levels"
