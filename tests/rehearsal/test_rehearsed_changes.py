"""The event of a state change has the shape of the sample that the wiring proof matches rules against."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import loopwright.wiring
from loopwright.rehearsal.aws.alarms import Alarm, State, initial
from loopwright.rehearsal.aws.changes import state_change
from loopwright.wiring.patterns import matches

SAMPLE = Path(loopwright.wiring.__file__).with_name("events") / "alarm.json"
NOON = datetime(2026, 10, 2, 12, 0, 40, 989_000, tzinfo=UTC)
WHERE = {"account": "123456789012", "region": "eu-west-1"}
SHARED = {"comparisonOperator": "GreaterThanThreshold", "threshold": 1, "evaluationPeriods": 3}
METRIC = {"namespace": "Loop/shop", "metricName": "DriftScore", "dimensions": {"Endpoint": "shop"}, "period": 86400}
SINGLE = Alarm.of({"name": "shop-drift", "alarmDescription": "moved", **SHARED, **METRIC, "statistic": "Maximum"})


def change(alarm, value="ALARM", since=NOON):
    new = State(value=value, reason="so", since=since, points=[None, 2.0, 3.0])
    return state_change(alarm, initial(NOON - timedelta(days=1)), new, **WHERE)


def shape(value):
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_it_has_every_field_of_the_sample_and_no_other():
    assert shape(change(SINGLE)) == shape(json.loads(SAMPLE.read_text()))


def test_it_tells_the_alarm_both_states_and_what_was_read():
    event = change(SINGLE)
    assert event["resources"] == ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop-drift"]
    assert (event["time"], event["account"], event["region"]) == ("2026-10-02T12:00:40Z", *WHERE.values())
    detail = event["detail"]
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert detail["state"]["timestamp"] == "2026-10-02T12:00:40.989+0000"
    data = json.loads(detail["state"]["reasonData"])
    assert (data["period"], data["statistic"], data["threshold"]) == (86400, "Maximum", 1)
    assert data["recentDatapoints"] == [2, 3]
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"] == {
        "dimensions": {"Endpoint": "shop"},
        "name": "DriftScore",
        "namespace": "Loop/shop",
    }


def test_a_rule_as_the_loop_declares_it_matches():
    rule = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["shop-drift"], "state": {"value": ["ALARM"]}}}
    assert matches(rule, change(SINGLE))
    assert not matches(rule, change(SINGLE, "OK"))


def test_an_expression_is_told_with_its_metrics():
    reads = {"id": "m", "metric": {**METRIC, "stat": "Sum"}}
    value = {"id": "value", "expression": "m / 2", "label": "half", "returnData": True}
    event = change(Alarm.of({"name": "shop-half", **SHARED, "metricQueries": [value, reads]}))
    told, metric = event["detail"]["configuration"]["metrics"]
    assert told == value
    assert (metric["id"], metric["returnData"], metric["metricStat"]["stat"]) == ("m", False, "Sum")
    assert "statistic" not in json.loads(event["detail"]["state"]["reasonData"])


def test_the_id_is_the_same_for_the_same_change_and_another_for_another():
    assert change(SINGLE) == change(SINGLE)
    assert change(SINGLE)["id"] != change(SINGLE, since=NOON + timedelta(minutes=1))["id"]
