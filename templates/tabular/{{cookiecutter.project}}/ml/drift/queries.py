"""Queries: the SQL that counts rows by bucket, in one pass over a relation named `rows`.

The text is DuckDB's. `transpiled` gives the same for Athena and Spark; that is parsed and compared by the tests, but it
was **not executed** on either of them. So the text keeps to what the three share: there is no asinh in it, for example.
"""

# ruff: noqa: S608 - `_name` and `_text` quote all that is not ours

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from ml.drift.buckets import FINENESS, LAST, OTHER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.drift.buckets import Feature

COLUMNS_A_STATEMENT = 25
"""A statement of a thousand features takes gigabytes to run, forty of 25 a few hundred megabytes."""
INFINITE = LAST + 1
"""The bucket of +inf; -inf has its negative."""
RESULT = ("feature", "bucket", "level", "n", "low", "high")
"""The columns of every answer: the place of the feature; its bucket, null for null and NaN; the level, where that has a
name; rows; the smallest and the largest number in the bucket."""


def queries(features: Sequence[Feature]) -> tuple[str, ...]:
    """Return the statements that count ``features``, at most `COLUMNS_A_STATEMENT` each."""
    counts = [_count(place, feature) for place, feature in enumerate(features)]
    starts = range(0, len(counts), COLUMNS_A_STATEMENT)
    return tuple("\nUNION ALL\n".join(counts[start : start + COLUMNS_A_STATEMENT]) for start in starts)


def transpiled(text: str, dialect: Literal["athena", "spark"]) -> str:
    """Return a statement of `queries` in another dialect.

    Parsed and compared by the tests; **not executed** on Athena (which is Trino's SQL) or on Spark.
    """
    import sqlglot  # noqa: PLC0415 - only who counts elsewhere needs it

    (made,) = sqlglot.transpile(text, read="duckdb", write=dialect)
    return made


def _count(place: int, feature: Feature) -> str:
    nothing = "CAST(NULL AS DOUBLE)"
    if feature.kind == "numeric":
        return _select(place, _numeric(feature), low="MIN(v)", high="MAX(v)")
    if feature.kind == "categorical":
        return _select(place, _categorical(feature), level="level", low=nothing, high=nothing)
    return _select(place, _whole(feature), low=nothing, high=nothing)


def _select(place: int, source: str, *, low: str, high: str, level: str = "") -> str:
    return (
        f"SELECT {place} AS feature, bucket, {level or 'CAST(NULL AS VARCHAR)'} AS level, COUNT(*) AS n, "
        f"{low} AS low, {high} AS high FROM ({source}) AS b GROUP BY bucket{level and ', ' + level}"
    )


def _numeric(feature: Feature) -> str:
    """Give each number round(FINENESS * asinh(z)), with asinh(z) = sign(z) * ln(|z| + sqrt(z^2 + 1))."""
    largest = repr(sys.float_info.max)
    reach = repr(feature.reach)
    scaled = f"(v - {feature.centre!r}) / {feature.scale!r}"
    inner = f"SELECT v, GREATEST(LEAST({scaled}, {reach}), -{reach}) AS z FROM ({_values(feature, 'DOUBLE')}) AS c"
    return (
        "SELECT v, CASE WHEN v IS NULL OR ISNAN(v) THEN NULL "
        f"WHEN v > {largest} THEN {INFINITE} WHEN v < -{largest} THEN -{INFINITE} "
        f"ELSE CAST(ROUND({FINENESS} * SIGN(z) * LN(ABS(z) + SQRT(z * z + 1))) AS BIGINT) END AS bucket "
        f"FROM ({inner}) AS s"
    )


def _categorical(feature: Feature) -> str:
    """Give each level that is known by name bucket 0, all others `OTHER`: names never meet a name of ours."""
    known = f"v IN ({', '.join(map(_text, feature.levels))})" if feature.levels else "1 = 0"
    return (
        f"SELECT CASE WHEN v IS NULL THEN NULL WHEN {known} THEN 0 ELSE {OTHER} END AS bucket, "
        f"CASE WHEN {known} THEN v END AS level FROM ({_values(feature, 'VARCHAR')}) AS c"
    )


def _whole(feature: Feature) -> str:
    match feature.kind:
        case "hour":
            bucket, of_type = "CAST(EXTRACT(HOUR FROM v) AS BIGINT)", "TIMESTAMP"
        case "weekday":
            # 1 January 1970 was a Thursday: 3 when Monday is 0. Days before it are negative, and so is their remainder.
            bucket, of_type = "(DATE_DIFF('day', DATE '1970-01-01', v) % 7 + 10) % 7", "DATE"
        case _:
            bucket, of_type = "CASE WHEN v IS NULL OR ISNAN(v) THEN NULL WHEN v = 0 THEN 0 ELSE 1 END", "DOUBLE"
    return f"SELECT {bucket} AS bucket FROM ({_values(feature, of_type)}) AS c"


def _values(feature: Feature, of_type: str) -> str:
    return f"SELECT CAST({_name(feature.column)} AS {of_type}) AS v FROM rows"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
