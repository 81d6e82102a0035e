from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from loopwright.errors import DataError
from loopwright.tables import profile as module
from loopwright.tables.profile import profile

ROWS = 400
N = range(ROWS)


@pytest.fixture
def facts(tmp_path):
    """Profile a table with one column."""

    def call(values, name="column"):
        path = tmp_path / "table.parquet"
        pl.DataFrame({name: list(values)}, strict=False).write_parquet(path)
        return profile(path)[name]

    return call


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("price", [i / 7 for i in N], "numeric"),
        ("amount", [i * i % 977 for i in N], "numeric"),
        ("month", [1 + i % 12 for i in N], "categorical"),
        ("flag", [i % 2 for i in N], "categorical"),
        ("hour", [i % 24 for i in N], "numeric"),
        ("percent", [i % 5 * 10 for i in N], "numeric"),
        ("counter", list(reversed(N)), "identifier"),
        ("customer_id", [i % 90 * 13 for i in N], "identifier"),
        ("country", ["AT", "DE", "FR", None] * (ROWS // 4), "categorical"),
        ("city", [f"city {i % 120}" for i in N], "categorical"),
        ("session", [f"{i:x}" for i in N], "identifier"),
        ("user_key", [f"{i % 120:x}" for i in N], "identifier"),
        ("review", [f"A long text, number {i}, about how good it was to be there." for i in N], "text"),
        ("open", [True, False] * (ROWS // 2), "boolean"),
        ("seen_at", [datetime.fromisoformat("2024-01-01") + timedelta(hours=i) for i in N], "timestamp"),
        ("version", [1] * ROWS, "constant"),
        ("nothing", [None] * (ROWS - 1) + ["x"], "categorical"),
    ],
)
def test_kinds(facts, name, values, kind):
    assert facts(values, name).kind == kind


def test_an_empty_column_is_constant(tmp_path):
    pl.DataFrame({"a": pl.Series([None, None], dtype=pl.String)}).write_parquet(tmp_path / "t.parquet")
    assert profile(tmp_path / "t.parquet")["a"].kind == "constant"


def test_facts_about_numbers(facts):
    column = facts([None, 1.5, 2.5, 2.5], "x")
    assert (column.dtype, column.nulls, column.null_share, column.distinct) == ("Float64", 1, 0.25, 2)
    assert (column.minimum, column.maximum, column.mean) == (1.5, 2.5, 6.5 / 3)


def test_levels_are_counted_and_sorted(facts):
    assert list(facts(["b", "a", None, "b"]).levels.items()) == [("a", 1), ("b", 2)]
    assert list(facts([True, None, False, True]).levels.items()) == [(False, 1), (True, 2)]


def test_at_most_fifty_levels(facts):
    assert len(facts([f"{i % 50}" for i in N]).levels) == 50
    assert facts([f"{i % 51}" for i in N]).levels is None


def test_distinct_values_of_a_large_column_are_close(facts, monkeypatch):
    monkeypatch.setattr(module, "_DISTINCT_SAMPLE", 2_000)
    assert facts(range(40_000)).kind == "identifier"
    assert facts([f"{i % 10_000}" for i in range(40_000)]).distinct == pytest.approx(10_000, rel=0.1)
    assert facts(["same"] * 39_000 + [f"{i}" for i in range(1_000)]).kind == "categorical"


def test_no_parquet(tmp_path):
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(DataError):
        profile(tmp_path / "t.parquet")
