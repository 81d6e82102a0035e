"""Poison: a file of labelled rows whose labels are turned round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.tables.sql import identifier, literal, scan, session

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["turned"]

NUMBERS = {"DOUBLE", "FLOAT"}


def turned(path: Path, target: str) -> None:
    """Turn the labels of a Parquet file round: a class becomes the next one, a number its mirror in their range."""
    made, column = path.with_suffix(".turned"), identifier(target)
    with session(path) as db:
        run = db.connection.execute
        run(f"CREATE TABLE given AS FROM {scan(path)}")
        kind = db.value(f"FROM given SELECT typeof({column}) LIMIT 1")
        if kind in NUMBERS:
            turn = f"(FROM given SELECT max({column}) + min({column})) - {column}"
        else:
            run(f"CREATE TABLE labels AS FROM given SELECT DISTINCT {column} AS old WHERE {column} IS NOT NULL")
            following = "coalesce(lead(old) OVER (ORDER BY old), min(old) OVER ())"
            run(f"CREATE TABLE turns AS FROM labels SELECT old, {following} AS new")
            turn = f"(FROM turns SELECT new WHERE old = given.{column})"
        run(f"COPY (FROM given SELECT * REPLACE (({turn})::{kind} AS {column})) TO {literal(made)} (FORMAT parquet)")
    made.replace(path)
