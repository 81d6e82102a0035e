"""Measure: from rows to their profile, counted by DuckDB, which streams what does not fit into memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from ml.drift.profile import Counts, Profile
from ml.drift.queries import INFINITE, queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from ml.drift.buckets import Feature

_SIGNED = ("tinyint", "smallint", "integer", "bigint", "hugeint")
WHOLE = frozenset({"boolean", *_SIGNED, *(f"u{name}" for name in _SIGNED)})
NUMBERS = WHOLE | {"float", "double", "decimal"}
TIMES = frozenset({"date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"})
FITS = {
    "numeric": NUMBERS,
    "boolean": NUMBERS,
    "categorical": WHOLE | {"varchar", "enum"},
    "hour": TIMES,
    "weekday": TIMES,
}
"""DuckDB's types whose values mean the same when read as a feature of that kind; `NO_TYPE` fits all of them."""
NO_TYPE = "null"


class Answer(NamedTuple):
    """One row of what a query answers, without the place of its feature."""

    bucket: int | None
    rows: int
    low: float | None
    high: float | None


def measure(source: pl.DataFrame | Path, features: Sequence[Feature]) -> Profile:
    """Count the rows of a table, or of a Parquet file, which is streamed.

    A feature whose column is missing, or of a type that cannot be read as its kind, is not counted but named in
    `Profile.broken`: that is a break, not drift. A time that is null because it stands for the time of the request
    (`Input.now`) must be filled in before: here it is as null as any other.
    """
    with connected() as connection:
        if isinstance(source, Path):
            connection.read_parquet(str(source)).create_view("rows")
        else:
            connection.register("rows", _Stream(_typed(source, features)))
        return count(connection, features)


def connected(**how: str | bool) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database that calls nobody, with these of DuckDB's own settings."""
    config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": False, **how}
    return duckdb.connect(config=config)


def count(connection: duckdb.DuckDBPyConnection, features: Sequence[Feature]) -> Profile:
    """Count the rows of the relation that is called `rows` in ``connection``."""
    connection.execute("SET TimeZone = 'UTC'")
    relation = connection.table("rows")
    types = dict(zip(relation.columns, (of_type.id for of_type in relation.types), strict=True))
    broken = {one.name: reason for one in features if (reason := _reason(one, types.get(one.column)))}
    sound = [one for one in features if one.name not in broken]
    answers: list[list[Answer]] = [[] for _ in sound]
    for text in queries(sound):
        for place, *answer in connection.execute(text).fetchall():
            answers[place].append(Answer(*answer))
    rows = connection.execute("SELECT COUNT(*) FROM rows").fetchall()[0][0]
    found = {one.name: _counts(of_feature) for one, of_feature in zip(sound, answers, strict=True)}
    return Profile(features=tuple(features), rows=rows, counts=found, broken=frozenset(broken.items()))


def _reason(feature: Feature, of_type: str | None) -> str | None:
    if of_type is None:
        return "missing"
    return None if of_type in FITS[feature.kind] | {NO_TYPE} else f"a column of type {of_type}"


def _counts(answers: Iterable[Answer]) -> Counts:
    by_bucket: dict[int | None, int] = {}
    ends: list[float] = []
    for answer in answers:
        by_bucket[answer.bucket] = answer.rows
        ends += [end for end in (answer.low, answer.high) if end is not None and math.isfinite(end)]
    return Counts(
        nulls=by_bucket.pop(None, 0),
        negative_infinite=by_bucket.pop(-INFINITE, 0),
        positive_infinite=by_bucket.pop(INFINITE, 0),
        low=min(ends, default=None),
        high=max(ends, default=None),
        buckets=dict(sorted((bucket, rows) for bucket, rows in by_bucket.items() if bucket is not None)),
    )


def _typed(frame: pl.DataFrame, features: Sequence[Feature]) -> pl.DataFrame:
    """Keep the columns that are counted, and give those that hold nothing but null a type: Arrow counts no others."""
    import polars as pl  # noqa: PLC0415 - who counts files does not wait for it

    types = {"categorical": pl.String(), "hour": pl.Datetime("us"), "weekday": pl.Datetime("us")}
    kinds = {one.column: one.kind for one in features if one.column in frame.columns}
    empty = [name for name in kinds if frame.schema[name] == pl.Null]
    return frame.select(*kinds).with_columns(pl.col(name).cast(types.get(kinds[name], pl.Float64())) for name in empty)


class _Stream:
    """A table as DuckDB reads it without pyarrow: through Arrow's own interface, and nothing else."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)
