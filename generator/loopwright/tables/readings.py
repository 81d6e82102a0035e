"""How the text of a cell can be read as a typed value.

A `Reading` is an SQL expression that gives the typed value of a cell, or null where the cell is none. A column has a
type when every cell that is not empty can be read in one and the same way; otherwise it stays text. Nothing is guessed:
a date that could be both day first and month first stays text too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loopwright.tables.sql import Session

Dtype = Literal["Boolean", "Int64", "Float64", "String", "Datetime"]

# Alone in a cell they mean "no value", but only where that turns the rest into a better type: "NA" is also Namibia.
NULLS = ("", "-", "--", "?", ".", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "#value!", "#div/0!")
_NOT_FINITE = ("inf", "+inf", "-inf", "infinity", "-infinity")
_IS_NULL = ", ".join(f"'{token}'" for token in NULLS + _NOT_FINITE)

_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
# Seconds, milliseconds, microseconds and nanoseconds since 1970: for times from 1973 on their ranges do not overlap.
_EPOCHS = ((1e8, 1e11, 1e6), (1e11, 1e14, 1e3), (1e14, 1e17, 1.0), (1e17, 9e18, 1e-3))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to read a cell: ``sql(cell)`` is the expression, null where the cell cannot be read so."""

    dtype: Dtype
    sql: Callable[[str], str]


Group = tuple[Reading, ...]
"""Readings of one type that are tried together; when more than one holds, the column is ambiguous."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of text, the SQL of its cell, and the ways that are left to read it, best first."""

    cell: str
    groups: tuple[Group, ...]


TEXT = Reading(dtype="String", sql=lambda cell: cell)
_BOOLEAN = Reading(
    dtype="Boolean", sql=lambda cell: f"CASE lower(trim({cell})) WHEN 'true' THEN true WHEN 'false' THEN false END"
)
# The round trip keeps out 007, 1.5 and 1_000, which a bare cast would take.
_INTEGER = Reading(
    dtype="Int64",
    sql=lambda cell: (
        f"CASE WHEN TRY_CAST({cell} AS BIGINT)::VARCHAR = trim({cell}) THEN TRY_CAST({cell} AS BIGINT) END"
    ),
)


def everyday(*, decimal_comma: bool) -> tuple[Group, ...]:
    """Return the readings that any column may have."""
    return ((_BOOLEAN,), (_INTEGER,), (_number(decimal_comma=decimal_comma),), *written_times())


def written_times() -> tuple[Group, ...]:
    """Return the readings of times that are written as text."""
    formats = [date + time for date in _DATES for time in _TIMES]
    return _time(_iso), tuple(reading for form in formats for reading in _time(_formatted(form)))


def numeric_times() -> tuple[Group, ...]:
    """Return the readings of times that are written as a number; only for a column that is known to be a time."""
    return (_time(_compact), *(_time(_epoch(*bounds)) for bounds in _EPOCHS))


def choose(duck: Session, columns: Sequence[Column], *, head: str, whole: str) -> list[Reading]:
    """Choose for each column the best reading that holds for all of its cells.

    Args:
        duck: Where to look.
        columns: The columns and the readings to try.
        head: The SQL of the first rows: rules most readings out quickly.
        whole: The SQL of all rows: decides. It is scanned once for as long as the head does not mislead.

    Returns:
        A reading for each column; `TEXT` where none holds, where two ways to read a date both do, and where no cell is
        filled.
    """
    chosen: dict[str, Reading] = {}
    left = list(columns)
    while left := _promising(duck, left, head):
        held = _holding(duck, left, whole)
        pairs = list(zip(left, held, strict=True))
        chosen |= {column.cell: group[0] for column, group in pairs if group and len(group) == 1}
        left = [_next(column) for column, group in pairs if group == ()]
    return [chosen.get(column.cell, TEXT) for column in columns]


def _promising(duck: Session, columns: Sequence[Column], head: str) -> list[Column]:
    """Skip for each column the readings that fail in its first rows already; drop the columns with none left."""
    found: list[Column] = []
    left = [column for column in columns if column.groups]
    while left:
        held = _holding(duck, left, head)
        pairs = list(zip(left, held, strict=True))
        found += [column if group is None else _with(column, group) for column, group in pairs if group != ()]
        left = [_next(column) for column, group in pairs if group == () and len(column.groups) > 1]
    return found


def _with(column: Column, group: Group) -> Column:
    return replace(column, groups=(group, *column.groups[1:]))


def _next(column: Column) -> Column:
    return replace(column, groups=column.groups[1:])


def _holding(duck: Session, columns: Sequence[Column], rows: str) -> list[Group | None]:
    """Return those of each column's first group of readings under which no cell is lost; None if no cell is filled."""
    tests = [_lost(column.cell, reading) for column in columns for reading in column.groups[0]]
    answers = iter(duck.row(f"FROM {rows} SELECT {', '.join(tests)}"))
    lost = [[next(answers) for _ in column.groups[0]] for column in columns]
    return [
        None
        if None in counts
        else tuple(reading for reading, n in zip(column.groups[0], counts, strict=True) if n == 0)
        for column, counts in zip(columns, lost, strict=True)
    ]


def _filled(cell: str) -> str:
    return f"{cell} IS NOT NULL AND lower(trim({cell})) NOT IN ({_IS_NULL})"


def _lost(cell: str, reading: Reading) -> str:
    value = f"({reading.sql(cell)})"
    # In this order the costly look at the word itself is only taken where the reading failed.
    lost = f"count_if({value} IS NULL AND {_filled(cell)})"
    return f"CASE WHEN count({value}) + {lost} > 0 THEN {lost} END"


def _time(sql: Callable[[str], str]) -> Group:
    return (Reading(dtype="Datetime", sql=sql),)


def _number(*, decimal_comma: bool) -> Reading:
    def sql(cell: str) -> str:
        text = f"replace({cell}, ',', '.')" if decimal_comma else cell
        value = f"TRY_CAST({text} AS DOUBLE)"
        # A leading zero marks a code; so do more digits than a double can hold.
        long = f"abs({value}) >= 1e16 AND NOT {cell} GLOB '*[.eE]*'"
        code = f"trim({cell}) GLOB '0[0-9]*' OR contains({cell}, '_') OR ({long})"
        return f"CASE WHEN isfinite({value}) AND NOT ({code}) THEN {value} END"

    return Reading(dtype="Float64", sql=sql)


def _iso(cell: str) -> str:
    # By way of TIMESTAMPTZ, because a cast to TIMESTAMP drops the offset silently.
    value = f"(TRY_CAST({cell} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return f"CASE WHEN trim({cell}) GLOB '[0-9][0-9][0-9][0-9][-/]*' THEN {value} END"


def _formatted(form: str) -> Callable[[str], str]:
    def sql(cell: str) -> str:
        value = f"try_strptime(trim({cell}), '{form}')"
        return f"CASE WHEN {value} >= TIMESTAMP '1000-01-01' THEN {value} END"  # %Y takes the year 20 at its word

    return sql


def _compact(cell: str) -> str:
    value = f"try_strptime({cell}, '%Y%m%d')"
    return f"CASE WHEN length({cell}) = 8 AND year({value}) BETWEEN 1900 AND 2100 THEN {value} END"


def _epoch(low: float, high: float, microseconds: float) -> Callable[[str], str]:
    def sql(cell: str) -> str:
        value = f"TRY_CAST({cell} AS DOUBLE)"
        inside = f"{value} >= {low!r} AND {value} < {high!r}"
        return f"CASE WHEN {inside} THEN make_timestamp(({value} * {microseconds!r})::BIGINT) END"

    return sql
