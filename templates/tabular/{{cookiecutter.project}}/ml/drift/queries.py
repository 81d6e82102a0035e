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
RESULT = ("feature", "bucket", "n", "low", "high")
"""The columns of every answer: the place of the feature; its bucket, null for null and NaN; rows; the smallest and the
largest number in the bucket."""


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
    low, high, source = "CAST(NULL AS DOUBLE)", "CAST(NULL AS DOUBLE)", ""
    match feature.kind:
        case "numeric":
            low, high, source = "MIN(v)", "MAX(v)", _numeric(feature)
        case "categorical":
            source = _categorical(feature)
        case _:
            source = _whole(feature)
    # Here and below, numbers are ours, and what comes from the data is quoted by `_name` and `_text`.
    return (
        f"SELECT {place} AS feature, bucket, COUNT(*) AS n, {low} AS low, {high} AS high FROM ({source}) AS b "  # nosec B608
        "GROUP BY bucket"
    )


def _numeric(feature: Feature) -> str:
    """Give each number round(FINENESS * asinh(z)), with asinh(z) = sign(z) * ln(|z| + sqrt(z^2 + 1)).

    What most rows are comes first, since CASE goes on with the others only. Null and NaN are not among them: an engine
    takes NaN for the largest number, or compares it with none.
    """
    largest = repr(sys.float_info.max)
    values = _values(feature, "DOUBLE")
    scaled = f"SELECT v, (v - {feature.centre!r}) / {feature.scale!r} AS z FROM ({values}) AS c"  # nosec B608
    return (
        f"SELECT v, CASE WHEN ABS(z) <= {feature.reach!r} "  # nosec B608
        f"THEN CAST(ROUND({FINENESS} * SIGN(z) * LN(ABS(z) + SQRT(z * z + 1))) AS BIGINT) "
        "WHEN v IS NULL OR ISNAN(v) THEN NULL "
        f"WHEN v > {largest} THEN {INFINITE} WHEN v < -{largest} THEN -{INFINITE} "
        f"WHEN z > 0 THEN {LAST} ELSE -{LAST} END AS bucket FROM ({scaled}) AS s"
    )


def _categorical(feature: Feature) -> str:
    """Give each level that is known by name its place, all others `OTHER`.

    A join looks a level up in a table; a list of them behind IN, or a CASE, is gone through for each row.
    """
    values = f"({_values(feature, 'VARCHAR')}) AS c"
    if not feature.levels:
        return f"SELECT CASE WHEN v IS NOT NULL THEN {OTHER} END AS bucket FROM {values}"  # nosec B608
    levels = ", ".join(f"({_text(level)}, {place})" for place, level in enumerate(feature.levels))
    return (
        f"SELECT CASE WHEN v IS NOT NULL THEN COALESCE(place, {OTHER}) END AS bucket "  # nosec B608
        f"FROM {values} LEFT JOIN (VALUES {levels}) AS l(level, place) ON v = level"
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
    return f"SELECT {bucket} AS bucket FROM ({_values(feature, of_type)}) AS c"  # nosec B608


def _values(feature: Feature, of_type: str) -> str:
    return f"SELECT CAST({_name(feature.column)} AS {of_type}) AS v FROM rows"  # nosec B608


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
