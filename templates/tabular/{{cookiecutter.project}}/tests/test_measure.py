from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.drift.buckets import LAST, Feature
from ml.drift.measure import FITS, count, measure
from ml.drift.profile import Counts
from tests.profiles import category, counts, number, one_column

if TYPE_CHECKING:
    from pathlib import Path

HOUR = Feature(name="at_hour", column="at", kind="hour")
WEEKDAY = Feature(name="at_weekday", column="at", kind="weekday")
MEMBER = Feature(name="member", column="member", kind="boolean")
AMOUNT, KIND = number(range(9), "amount"), category(["a", "b"], "kind")
EACH = (AMOUNT, KIND, MEMBER, HOUR, WEEKDAY)


# --- one feature ---


@pytest.mark.parametrize("kind", ["normal", "lognormal", "standard_cauchy"])
def test_numbers_fall_into_the_buckets_that_numpy_finds(kind: str) -> None:
    values = getattr(np.random.default_rng(3), kind)(size=5000)
    feature = number(values[:500])
    found = one_column(feature, values).counts["x"]
    assert found == counts(feature, values)
    assert list(found.buckets) == sorted(found.buckets)


def test_what_is_no_number_is_counted_apart() -> None:
    inf = float("inf")
    found = one_column(AMOUNT, [None, float("nan"), None, inf, inf, inf, -inf, 4.0, 2.0]).counts["amount"]
    assert (found.nulls, found.positive_infinite, found.negative_infinite) == (3, 3, 1)
    assert (found.low, found.high) == (2.0, 4.0)
    assert (found.rows, found.values, sum(found.buckets.values())) == (9, 6, 2)


@pytest.mark.parametrize("value", [1e9, 1e15, 1.7976931348623157e308])
def test_an_outlier_costs_one_bucket(value: float) -> None:
    found = one_column(AMOUNT, [value, -value, 4.0]).counts["amount"]
    assert len(found.buckets) == 3
    assert min(found.buckets) == -max(found.buckets) >= -LAST
    assert (found.low, found.high) == (-value, value)


def test_buckets_are_few_however_wild_the_values_are() -> None:
    random = np.random.default_rng(5)
    values = random.standard_cauchy(20_000) * 10.0 ** random.integers(-30, 30, 20_000)
    found = one_column(number(values), values)
    assert len(found.counts["x"].buckets) <= 2 * LAST + 1
    assert len(found.text()) < 25_000


def test_a_boolean_comes_in_any_type() -> None:
    for values in ([True, False, None, True], [1, 0, None, 1], [1.0, 0.0, float("nan"), 1.0]):
        assert one_column(MEMBER, values).counts["member"] == Counts(nulls=1, buckets={0: 1, 1: 2})


def test_a_whole_number_can_be_a_level() -> None:
    assert one_column(category(["7", "8"]), [7, 8, 8, 9, None]).counts["x"] == Counts(
        nulls=1, buckets={-1: 1, 0: 1, 1: 2}
    )


@given(st.lists(st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=20))  # noqa: DTZ001
@settings(max_examples=20, deadline=None)
def test_times_are_counted_by_hour_and_weekday(times: list[datetime | None]) -> None:
    found = measure(pl.DataFrame({"at": pl.Series(times, dtype=pl.Datetime("us"))}), [HOUR, WEEKDAY])
    known = [time for time in times if time is not None]
    for name, values in (("at_hour", [t.hour for t in known]), ("at_weekday", [t.weekday() for t in known])):
        expected = {value: values.count(value) for value in sorted(set(values))}
        assert found.counts[name] == Counts(nulls=len(times) - len(known), buckets=expected)


def test_dates_are_times_and_times_with_a_zone_are_read_in_utc() -> None:
    days = measure(pl.DataFrame({"at": [date(2025, 3, 1)]}), [HOUR, WEEKDAY])
    assert (days.counts["at_hour"].buckets, days.counts["at_weekday"].buckets) == ({0: 1}, {5: 1})
    late = datetime(2025, 3, 1, 23, tzinfo=timezone(timedelta(hours=-2)))
    for moment in (late, late.astimezone(UTC)):
        found = measure(pl.DataFrame({"at": [moment]}), [HOUR, WEEKDAY])
        assert (found.counts["at_hour"].buckets, found.counts["at_weekday"].buckets) == ({1: 1}, {6: 1})


# --- a change of type is a break ---

TYPES: dict[str, list[Any]] = {
    "number": [pl.Int8, pl.Int64, pl.UInt16, pl.UInt64, pl.Float32, pl.Float64, pl.Decimal(10, 2)],
    "text": [pl.String, pl.Categorical, pl.Enum(["a"])],
    "boolean": [pl.Boolean],
    "time": [pl.Date, pl.Datetime("ms"), pl.Datetime("ns"), pl.Datetime("us", "UTC")],
    "neither": [pl.Duration, pl.Time, pl.List(pl.Int64), pl.Binary],
    "nothing": [pl.Null],
}
READABLE = {
    "numeric": {"number", "boolean", "nothing"},
    "boolean": {"number", "boolean", "nothing"},
    "categorical": {"text", "boolean", "nothing"},
    "hour": {"time", "nothing"},
    "weekday": {"time", "nothing"},
}


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("group", TYPES)
def test_a_column_is_read_as_its_kind_or_is_broken(kind: str, group: str) -> None:
    feature = Feature(name="x", column="x", kind=kind)  # type: ignore[arg-type]
    for of_type in TYPES[group]:
        frame = pl.DataFrame({"x": pl.Series([None, None], dtype=of_type)})
        found = measure(frame, [feature])
        readable = group in READABLE[kind] or (
            kind == "categorical" and of_type in (pl.Int8, pl.Int64, pl.UInt16, pl.UInt64)
        )
        if readable:
            assert found.counts["x"] == Counts(nulls=2), of_type
            assert not found.broken
        else:
            assert not found.counts, of_type
            ((name, reason),) = found.broken
            assert (name, reason.startswith("a column of type ")) == ("x", True)
        assert found.rows == 2


def test_a_missing_column_breaks_its_features_alone() -> None:
    found = measure(pl.DataFrame({"amount": [1.0], "kind": [1.5]}), EACH)
    assert set(found.counts) == {"amount"}
    assert found.broken == {
        ("kind", "a column of type double"),
        ("member", "missing"),
        ("at_hour", "missing"),
        ("at_weekday", "missing"),
    }


# --- a file, and a connection of one's own ---


def a_frame(rows: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    start = datetime(2025, 1, 1)  # noqa: DTZ001 - the data's times have no zone
    return pl.DataFrame(
        {
            "amount": random.normal(5, 3, rows),
            "kind": random.choice(["a", "b", "c"], rows),
            "member": random.random(rows) < 0.3,
            "at": [start + timedelta(hours=5 * row) for row in range(rows)],
            "nothing": pl.Series([None] * rows),
        }
    )


def test_a_file_gives_what_the_table_gives(tmp_path: Path) -> None:
    frame, nothing = a_frame(500), number([1.0], "nothing")
    frame.write_parquet(tmp_path / "it's.parquet")
    assert measure(tmp_path / "it's.parquet", [*EACH, nothing]) == measure(frame, [*EACH, nothing])


def test_any_relation_called_rows_can_be_counted() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    connection.execute("CREATE VIEW rows AS SELECT TIMESTAMPTZ '2025-03-01 23:00:00+00' AS at FROM range(3)")
    found = count(connection, [HOUR])
    assert (found.rows, found.counts["at_hour"].buckets) == (3, {23: 3})


def test_a_column_of_an_enumeration_is_text() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TYPE letters AS ENUM ('a', 'z')")
    connection.execute("CREATE TABLE rows AS SELECT CAST('a' AS letters) AS kind")
    assert count(connection, [KIND]).counts["kind"] == Counts(buckets={0: 1})
