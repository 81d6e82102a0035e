from __future__ import annotations

import math

import duckdb
import polars as pl
import pytest
import sqlglot

from ml.drift.buckets import Feature
from ml.drift.measure import measure
from ml.drift.queries import COLUMNS_A_STATEMENT, RESULT, queries, transpiled
from tests.profiles import category, number, one_column

ODD = ["it's", 'a "b"', "back\\slash", "new\nline", "; DROP TABLE rows; --", "%s", "ä€😀", "__other__", "", " ", "NULL"]
ALL_KINDS = [
    number([1.0, 2.5, 9.0], "amount"),
    category([*ODD, "x"], "kind"),
    Feature(name="empty", column="kind", kind="categorical"),
    Feature(name="member", column="member", kind="boolean"),
    Feature(name="at_hour", column="at", kind="hour"),
    Feature(name="at_weekday", column="at", kind="weekday"),
]
ROWS = """
CREATE TABLE rows AS SELECT * FROM (VALUES
  (CAST(1.5 AS DOUBLE), 'it''s', true, TIMESTAMP '2025-03-01 23:59:59'),
  (CAST('nan' AS DOUBLE), 'back\\slash', false, TIMESTAMP '1969-12-30 00:00:00'),
  (CAST('inf' AS DOUBLE), 'unknown', NULL, NULL),
  (CAST('-inf' AS DOUBLE), NULL, true, TIMESTAMP '2025-03-02 00:00:00'),
  (CAST(-1e300 AS DOUBLE), 'new\nline', true, TIMESTAMP '2025-03-02 05:00:00'),
  (NULL, '__other__', true, TIMESTAMP '2025-03-02 05:00:00')
) AS t(amount, kind, member, "at")
"""


@pytest.mark.parametrize("features", [0, 1, COLUMNS_A_STATEMENT, COLUMNS_A_STATEMENT + 1, 60])
def test_a_statement_counts_a_few_features(features: int) -> None:
    made = queries([number([1.0], f"x{place}") for place in range(features)])
    branches = [sqlglot.parse_one(text, read="duckdb").sql().count(" AS feature") for text in made]
    assert sum(branches) == features
    assert max(branches, default=0) <= COLUMNS_A_STATEMENT == 25
    assert len(made) == math.ceil(features / COLUMNS_A_STATEMENT)


def test_all_features_of_many_are_counted_apart() -> None:
    frame = pl.DataFrame({f"x{place}": [float(place), 0.0, None] for place in range(60)})
    features = [number([0.0, 1.0, 2.0], name) for name in frame.columns]
    found = measure(frame, features)
    assert [found.counts[name].high for name in frame.columns] == [float(place) for place in range(60)]


def test_the_answers_have_the_columns_that_are_told() -> None:
    connection = duckdb.connect()
    connection.execute(ROWS)
    (text,) = queries(ALL_KINDS)
    assert tuple(connection.sql(text).columns) == RESULT


@pytest.mark.parametrize("name", ODD[:-3])
def test_any_name_of_a_column_is_quoted(name: str) -> None:
    assert one_column(number([1.0, 2.0], name), [1.0, None]).counts[name].nulls == 1


def test_any_level_is_quoted_and_none_is_ours() -> None:
    feature = category(ODD)
    found = one_column(feature, [*ODD, *ODD, "more", None]).counts["x"]
    assert found.nulls == 1
    assert found.buckets == {-1: 1, **dict.fromkeys(range(len(ODD)), 2)}


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 0.1, 12345678901234567890.0, 1e300])
def test_any_number_is_written_exactly(scale: float) -> None:
    feature = Feature(name="x", column="x", kind="numeric", centre=-scale, scale=scale)
    assert one_column(feature, [0.0, -scale, -2 * scale]).counts["x"].buckets == {-56: 1, 0: 1, 56: 1}


def answers(connection: duckdb.DuckDBPyConnection, text: str) -> list[tuple[object, ...]]:
    """Return the answers with NaN, which equals nothing, as text."""
    return sorted((tuple(map(repr, row)) for row in connection.execute(text).fetchall()), key=str)


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_the_other_dialects_say_the_same(dialect: str) -> None:
    """Read back from the dialect into DuckDB, a statement still gives the same answers; neither engine was asked."""
    connection = duckdb.connect()
    connection.execute(ROWS)
    (text,) = queries(ALL_KINDS)
    foreign = transpiled(text, dialect)  # type: ignore[arg-type]
    (back,) = sqlglot.transpile(foreign, read=dialect, write="duckdb")
    assert answers(connection, back) == answers(connection, text)
    assert len(answers(connection, text)) > 20


def test_the_other_dialects_use_their_own_words() -> None:
    (text,) = queries(ALL_KINDS)
    athena, spark = transpiled(text, "athena"), transpiled(text, "spark")
    assert "IS_NAN(v)" in athena
    assert '"kind" AS VARCHAR' in athena
    assert "DATE_DIFF('DAY', " in athena
    assert "ISNAN(v)" in spark
    assert "`kind` AS STRING" in spark
    assert "'back\\\\slash'" in spark
    assert "DATEDIFF(DAY, " in spark
    assert "ASINH" not in text.upper()
