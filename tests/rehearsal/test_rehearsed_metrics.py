"""Metrics: statistics of periods, what a period holds, and what is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.metrics import KEPT, Metric, Metrics

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WHO = {"Endpoint": "shop"}


def metric(stat="Sum", period=HOUR, name="Loss", dimensions=WHO):
    return Metric(namespace="Loop", name=name, dimensions=dimensions, stat=stat, period=period)


def stored(*points, dimensions=WHO):
    metrics = Metrics()
    for value, time in points:
        metrics.put("Loop", "Loss", dimensions, value, time)
    return metrics


@pytest.mark.parametrize(
    ("stat", "value"),
    [("Sum", 12), ("Average", 3), ("Minimum", 1), ("Maximum", 6), ("SampleCount", 4), ("p50", 2), ("p100", 6)],
)
def test_each_statistic(stat, value):
    metrics = stored(*((each, NOON - MINUTE * each) for each in (6, 2, 3, 1)))
    assert metrics.series(metric(stat), NOON, 1) == [value]


def test_percentiles_are_values_that_were_measured_by_nearest_rank():
    metrics = stored(*((each, NOON - MINUTE) for each in range(1, 1001)))
    for percent, value in [("p1", 10), ("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999), ("p0", 1)]:
        assert metrics.series(metric(percent), NOON, 1) == [value]


@given(st.lists(st.floats(0, 1e9), min_size=1), st.integers(0, 100))
def test_a_percentile_has_its_share_at_or_below(values, percent):
    (found,) = stored(*((each, NOON - MINUTE) for each in values)).series(metric(f"p{percent}"), NOON, 1)
    assert found in values
    assert sum(each <= found for each in values) >= percent / 100 * len(values) - 1e-6
    assert sum(each < found for each in values) <= percent / 100 * len(values)


def test_there_is_no_percentile_of_negative_values():
    metrics = stored((-1, NOON - MINUTE), (5, NOON - MINUTE))
    assert metrics.series(metric("p50"), NOON, 1) == [None]
    assert metrics.series(metric("Maximum"), NOON, 1) == [5]


def test_a_period_has_its_first_moment_and_not_its_last():
    metrics = stored((1, NOON - HOUR), (2, NOON), (4, NOON - 2 * HOUR))
    assert metrics.series(metric(), NOON, 2) == [4, 1]
    assert metrics.series(metric(), NOON + HOUR, 1) == [2]


def test_periods_slide_and_those_without_points_are_missing():
    metrics = stored((1, NOON - 90 * MINUTE))
    assert metrics.series(metric(), NOON, 3) == [None, 1, None]
    assert metrics.series(metric(), NOON - 30 * MINUTE, 3) == [None, None, 1]
    assert metrics.series(metric(name="Other"), NOON, 2) == [None, None]


def test_the_minute_that_is_not_over_is_not_read():
    metrics = stored((1, NOON + timedelta(seconds=10)))
    assert metrics.series(metric(period=MINUTE), NOON + timedelta(seconds=50), 1) == [None]
    assert metrics.series(metric(period=MINUTE), NOON + MINUTE, 1) == [1]


def test_a_metric_is_found_by_all_its_dimensions():
    metrics = stored((1, NOON - MINUTE), dimensions={"Endpoint": "shop", "Variant": "live"})
    assert metrics.series(metric(), NOON, 1) == [None]
    assert metrics.series(metric(dimensions={"Variant": "live", "Endpoint": "shop"}), NOON, 1) == [1]


@given(st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 600)), max_size=30))
def test_order_of_arrival_and_width_of_periods_change_no_sum(points):
    placed = [(value, NOON - MINUTE * back) for value, back in points]
    forward, backward = stored(*placed), stored(*reversed(placed))
    hours = forward.series(metric(), NOON, 10)
    assert hours == backward.series(metric(), NOON, 10)
    (all_of_them,) = forward.series(metric(period=10 * HOUR), NOON, 1)
    assert (all_of_them or 0) == sum(filter(None, hours))


def test_what_no_alarm_can_read_is_dropped_and_memory_stays_bounded():
    metrics = Metrics()
    for hour in range(24 * 60):
        metrics.put("Loop", "Loss", WHO, 1, NOON + hour * HOUR)
    (series,) = metrics._series.values()
    assert len(series._minutes) == len(series._values) == KEPT // HOUR + 1
    assert metrics.series(metric(period=DAY), NOON + 60 * DAY, 21) == [24] * 21
    metrics.put("Loop", "Loss", WHO, 1, NOON)
    assert len(series._values) == KEPT // HOUR + 1


def test_points_of_a_minute_lie_together():
    metrics = stored(*((1, NOON + timedelta(seconds=second)) for second in range(120)))
    (series,) = metrics._series.values()
    assert series._minutes == [NOON, NOON + MINUTE]


def test_a_series_longer_than_what_is_kept_is_refused():
    with pytest.raises(UnknownError, match="22 periods"):
        Metrics().series(metric(period=DAY), NOON, 22)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_cloudwatch_takes_no_value_that_is_no_number(value):
    with pytest.raises(ValueError, match="takes no"):
        stored((value, NOON))


def test_a_time_has_a_zone():
    with pytest.raises(ValueError, match="zone"):
        stored((1, datetime(2026, 1, 5)))  # noqa: DTZ001 - that is the point


def test_points_of_another_unit_are_refused():
    metrics = Metrics()
    metrics.put("Loop", "Loss", WHO, 1, NOON, unit="Count")
    metrics.put("Loop", "Loss", WHO, 1, NOON, unit="Count")
    with pytest.raises(UnknownError, match="Loss in Seconds"):
        metrics.put("Loop", "Loss", WHO, 1, NOON, unit="Seconds")


@pytest.mark.parametrize("stat", ["IQM", "tm99", "p101", "p", "sum", "PR(:300)"])
def test_a_statistic_that_is_not_emulated_is_refused(stat):
    with pytest.raises(UnknownError):
        metric(stat)


@pytest.mark.parametrize("period", [timedelta(0), timedelta(seconds=10), timedelta(seconds=90)])
def test_a_period_of_no_whole_minutes_is_refused(period):
    with pytest.raises(UnknownError):
        metric(period=period)
