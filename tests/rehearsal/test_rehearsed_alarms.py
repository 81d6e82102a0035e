"""Alarms: both tables of AWS's page, premature transitions, windows that slide, and how a node is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws.alarms import EXTRA, Alarm, checked, evaluate, initial
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.metrics import Metrics

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
RETAINED = "retained"
POINT = {"0": 0.0, "X": 2.0, "-": None}
SHARED = {
    "name": "shop-drift",
    "comparisonOperator": "GreaterThanThreshold",
    "threshold": 1,
    "evaluationPeriods": 3,
    "treatMissingData": "ignore",
}
SINGLE = SHARED | {
    "namespace": "Loop",
    "metricName": "DriftScore",
    "dimensions": {"Endpoint": "shop"},
    "period": 60,
    "statistic": "Maximum",
}
INVOCATIONS = {"namespace": "AWS/SageMaker", "metricName": "Invocations", "period": 60, "stat": "Sum"}
# "Configuring how CloudWatch alarms treat missing data": M, then the points, then the state by treatment. N is 3.
TABLES = [
    (3, "0 - X - X", "OK", "OK", "OK", "OK"),
    (3, "0 - - - -", "OK", "OK", "OK", "OK"),
    (3, "- - - - -", "INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
    (3, "0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (3, "- - X - -", "ALARM", RETAINED, "ALARM", "OK"),
    (2, "0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "0 - X - -", "OK", "OK", "ALARM", "OK"),
    (2, "- - - - 0", "OK", "OK", "ALARM", "OK"),
    (2, "- - - X -", "ALARM", RETAINED, "ALARM", "OK"),
]
# Rows that only the page's older version has; the newer one contradicts none.
OLDER = [
    (3, "- - - - X", "INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
    (3, "X - - - -", "ALARM", RETAINED, "ALARM", "OK"),
    (2, "- - - - X", "INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
]
# "Avoiding premature transitions to alarm state": examples in its text, with M of 3 and missing points as missing.
PREMATURE = [
    ("- - - - X", False),
    ("- - - X -", False),
    ("- - - X 0", False),
    ("- - X - 0", False),
    ("- - X - -", True),
]


def alarm(**changes):
    return Alarm.of(SINGLE | changes)


def of(m, treatment, n=3):
    return alarm(evaluationPeriods=n, datapointsToAlarm=m, treatMissingData=treatment)


def row(text):
    return [POINT[word] for word in text.split()]


@pytest.mark.parametrize(("m", "points", "states"), [(m, points, states) for m, points, *states in TABLES + OLDER])
@pytest.mark.parametrize("before", STATES)
def test_the_tables_of_missing_data(m, points, states, before):
    found = [evaluate(of(m, treatment), row(points), before) for treatment in TREATMENTS]
    assert found == [before if state == RETAINED else state for state in states]


@pytest.mark.parametrize(("points", "alarmed"), PREMATURE)
def test_no_premature_alarm(points, alarmed):
    assert (evaluate(of(3, "missing"), row(points), "OK") == "ALARM") is alarmed


RANGES = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.just(n), st.integers(1, n), st.lists(st.sampled_from("0X-"), min_size=n + EXTRA, max_size=n + EXTRA)
    )
)


@given(RANGES, st.sampled_from(TREATMENTS), st.sampled_from(STATES))
def test_where_n_points_are_there_the_last_n_decide_alone(case, treatment, before):
    n, m, words = case
    there = [word for word in words if word != "-"]
    if len(there) >= n:
        wanted = "ALARM" if there[-n:].count("X") >= m else "OK"
        assert evaluate(of(m, treatment, n), row(" ".join(words)), before) == wanted


@given(RANGES, st.sampled_from(STATES))
def test_each_treatment_is_what_it_says(case, before):
    n, m, words = case
    points = row(" ".join(words))
    state = {treatment: evaluate(of(m, treatment, n), points, before) for treatment in TREATMENTS}
    if state["notBreaching"] == "ALARM":
        assert set(state.values()) == {"ALARM"}
    if state["breaching"] == "OK":
        assert set(state.values()) <= {"OK", before}
    assert state["breaching"] != "INSUFFICIENT_DATA" != state["notBreaching"]
    assert state["missing"] == "INSUFFICIENT_DATA" or "0" in words or "X" in words
    assert state["ignore"] == before or set(words) & {"0", "X"}


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", {2}),
        ("GreaterThanOrEqualToThreshold", {1, 2}),
        ("LessThanThreshold", {0}),
        ("LessThanOrEqualToThreshold", {0, 1}),
    ],
)
def test_each_comparison(comparison, breaching):
    one = alarm(comparisonOperator=comparison, evaluationPeriods=1)
    assert {value for value in (0, 1, 2) if evaluate(one, [None, None, value], "OK") == "ALARM"} == breaching


def test_a_heart_that_stops_is_missed_only_when_no_beat_is_in_the_range():
    beat = alarm(
        metricName="Heartbeat",
        comparisonOperator="LessThanThreshold",
        statistic="Sum",
        evaluationPeriods=1,
        period=3600,
        treatMissingData="breaching",
    )
    metrics = Metrics()
    metrics.put("Loop", "Heartbeat", {"Endpoint": "shop"}, 1, NOON)
    state = initial(NOON)
    found = [checked(beat, metrics, state, NOON + hour * HOUR).value for hour in (1, 2, 3, 4)]
    assert found == ["OK", "OK", "OK", "ALARM"]


def test_a_state_tells_since_when_and_why_and_stays_the_same_while_it_lasts():
    metrics, one = Metrics(), alarm(evaluationPeriods=2, datapointsToAlarm=2)
    state = initial(NOON - HOUR)
    assert state.value == "INSUFFICIENT_DATA"
    assert checked(one, metrics, state, NOON) is state
    for back in (1, 2):
        metrics.put("Loop", "DriftScore", {"Endpoint": "shop"}, 5, NOON - back * MINUTE)
    after = checked(one, metrics, state, NOON)
    assert (after.value, after.since, after.points) == ("ALARM", NOON, [None, None, 5, 5])
    assert after.reason.startswith("Threshold Crossed: 2 out of the last 2 datapoints greater than the threshold (1.0)")
    assert checked(one, metrics, after, NOON + MINUTE) is after


def test_a_short_window_slides_by_the_minute():
    metrics, one = Metrics(), alarm(period=3600, evaluationPeriods=1)
    metrics.put("Loop", "DriftScore", {"Endpoint": "shop"}, 5, NOON + 2 * MINUTE)
    assert one.every == MINUTE
    assert one.points(metrics, NOON + 2 * MINUTE) == [None, None, None]
    assert one.points(metrics, NOON + 3 * MINUTE) == [None, None, 5]
    assert one.points(metrics, NOON + 63 * MINUTE) == [None, 5, None]


def test_a_window_of_days_is_evaluated_by_the_hour_up_to_the_full_hour():
    metrics, one = Metrics(), alarm(period=86400)
    metrics.put("Loop", "DriftScore", {"Endpoint": "shop"}, 5, NOON + 2 * MINUTE)
    assert (one.every, alarm(period=86400, evaluationPeriods=1).every) == (HOUR, MINUTE)
    assert one.points(metrics, NOON + 59 * MINUTE)[-1] is None
    assert one.points(metrics, NOON + HOUR) == [None] * 4 + [5]


def queries(*extra, expression="IF(requests >= 100, failed / requests, 0)"):
    failed = INVOCATIONS | {"metricName": "Invocation5XXErrors"}
    metrics = [{"id": "requests", "metric": INVOCATIONS}, {"id": "failed", "metric": failed}]
    value = {"id": "value", "expression": expression, "label": "share", "returnData": True}
    return SHARED | {"metricQueries": [value, *metrics, *extra]}


def test_an_expression_is_compared_through_other_expressions():
    half = {"id": "half", "expression": "failed / 2"}
    one = Alarm.of(queries(half, expression="IF(requests >= 100, half / requests, 0)"))
    metrics = Metrics()
    for back, failed in ((1, 20), (2, 40)):
        metrics.put("AWS/SageMaker", "Invocations", {}, 100, NOON - back * MINUTE)
        metrics.put("AWS/SageMaker", "Invocation5XXErrors", {}, failed, NOON - back * MINUTE)
    assert one.points(metrics, NOON) == (None, None, None, 0.2, 0.1)


@pytest.mark.parametrize("text", ["value + 1", "other * 2"])
def test_an_expression_that_reads_itself_or_nothing_is_refused(text):
    with pytest.raises(UnknownError) as caught:
        Alarm.of(queries(expression=text)).points(Metrics(), NOON)
    assert caught.value.because == "value reads what is not there, or itself"


def test_only_a_change_is_told_and_only_where_actions_are_enabled():
    told = {"alarmActions": ["arn:a"], "okActions": ["arn:b"]}
    assert alarm(**told).actions == {"ALARM": ("arn:a",), "OK": ("arn:b",), "INSUFFICIENT_DATA": ()}
    assert alarm(**told, actionsEnabled=False).actions == {}


def test_m_is_n_and_missing_is_missing_where_a_node_does_not_say():
    inputs = {key: value for key, value in SINGLE.items() if key != "treatMissingData"}
    one = Alarm.of(inputs)
    assert (one.datapoints, one.periods, one.missing) == (3, 3, "missing")
    assert alarm(datapointsToAlarm=2).datapoints == 2


@pytest.mark.parametrize(
    "change",
    [
        {"comparisonOperator": "GreaterThanUpperThreshold"},
        {"treatMissingData": "zero"},
        {"thresholdMetricId": "band"},
        {"unit": "Count"},
        {"evaluationWindow": {"wallClockWindow": {}}},
        {"evaluateLowSampleCountPercentiles": "ignore"},
        {"extendedStatistic": "p99"},
        {"metricQueries": [{"id": "a", "metric": INVOCATIONS, "returnData": True}]},
    ],
)
def test_what_is_not_emulated_is_refused(change):
    with pytest.raises(UnknownError):
        alarm(**change)


@pytest.mark.parametrize(
    "query",
    [
        {"id": "more", "expression": "failed", "returnData": True},
        {"id": "more", "expression": "failed", "accountId": "1"},
        {"id": "more"},
        {"id": "more", "metric": {"namespace": "a", "metricName": "b", "period": 300, "stat": "Sum"}},
        {"id": "more", "metric": {"namespace": "a", "metricName": "b", "period": 60, "stat": "Sum", "unit": "Count"}},
    ],
)
def test_queries_that_are_not_emulated_are_refused(query):
    with pytest.raises(UnknownError):
        Alarm.of(queries(query))
