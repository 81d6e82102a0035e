"""Rows of a table as arrays, for the search for leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.contract.leakage import Sample
from loopwright.tables.sql import Session, identifier, scan

if TYPE_CHECKING:
    from pathlib import Path

    from loopwright.contract.wishes import Wishes
    from loopwright.tables.profile import ColumnProfile, TableProfile

_ROWS = 50_000
_GOLDEN_RATIO = 0.6180339887498949


def sample(duck: Session, table: Path, facts: TableProfile, wishes: Wishes, *, classes: bool) -> Sample:
    """Take about 50 000 rows with a known target: the same in every run, spread evenly over the file.

    Args:
        duck: An open session.
        table: The clean Parquet file.
        facts: Its profile.
        wishes: Which columns have a duty or are excluded; these are left out.
        classes: Whether the target is a class.
    """
    apart = {wishes.target, wishes.time_column, wishes.entity, *wishes.exclude}
    columns = [column for column in facts.columns if column.name not in apart and _can_leak(column)]
    numbers = [column.name for column in columns if column.dtype in {"Int64", "Float64"}]
    levels = [column.name for column in columns if column.dtype in {"Boolean", "String"}]
    expressions = [_level(wishes.target) if classes else identifier(wishes.target)]
    expressions += [*map(identifier, numbers), *map(_level, levels)]
    arrays = duck.doubles(_spread(table, facts.rows, wishes.target), expressions).T
    return Sample(
        target=arrays[0],
        classes=classes,
        numbers=dict(zip(numbers, arrays[1 : 1 + len(numbers)], strict=True)),
        levels=dict(zip(levels, arrays[1 + len(numbers) :], strict=True)),
    )


def _can_leak(column: ColumnProfile) -> bool:
    return column.kind not in {"constant", "identifier", "text", "timestamp"}


def _spread(table: Path, rows: int, target: str) -> str:
    # The multiples of the golden ratio are spread evenly whatever the season in the rows.
    picked = f"(file_row_number * {_GOLDEN_RATIO}) % 1 < {min(1.0, _ROWS / rows)}"
    return f"(FROM {scan(table, numbered=True)} WHERE {identifier(target)} IS NOT NULL AND {picked})"


def _level(name: str) -> str:
    """Return the SQL of a double that stands for a level; 52 bits, because doubles hold no more."""
    return f"CASE WHEN {identifier(name)} IS NOT NULL THEN hash({identifier(name)}) % {2**52} END"
