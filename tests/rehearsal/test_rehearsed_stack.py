"""What the shipped stack declares can all be read, and its guards work on it from the log line to the state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from loopwright.rehearsal.aws.alarms import Alarm, checked, initial
from loopwright.rehearsal.aws.logs import Filter, Filters
from loopwright.rehearsal.aws.metrics import Metrics
from loopwright.wiring.stack import Stack
from stacks import graph, needs_pulumi

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def stack():
    return Stack(graph("prod"), None)


@needs_pulumi
def test_every_alarm_and_every_filter_is_one_that_is_emulated(stack):
    alarms = [Alarm.of(stack.inputs(node)) for node in stack.of("alarm")]
    for alarm in alarms:
        assert len(alarm.points(Metrics(), NOON)) == alarm.periods + 2
    assert {alarm.name for alarm in alarms} == set(stack.named("alarm"))
    assert len([Filter.of(stack.inputs(node)) for node in stack.of("log-filter")]) == 1


@needs_pulumi
def test_odd_answers_in_the_log_raise_the_alarm_that_takes_a_rollout_back(stack):
    alarm = Alarm.of(stack.inputs(stack.named("alarm")["shop-prod-answers"]))
    metrics = Metrics()
    filters = Filters([Filter.of(stack.inputs(node)) for node in stack.of("log-filter")], metrics)
    served = {"EndpointName": "shop-prod", "VariantName": "live"}
    state, seen = initial(NOON), []
    for step, odd in enumerate([0, 0, 50, 50, 0, 0, 0]):
        time = NOON + step * MINUTE
        metrics.put("AWS/SageMaker", "Invocations", served, 200, time)
        for index in range(100):
            line = json.dumps({"event": "request", "odd": int(index < odd)})
            filters.write("/aws/sagemaker/Endpoints/shop-prod", line, time)
        filters.close(time + MINUTE)
        state = checked(alarm, metrics, state, time + MINUTE)
        seen.append(state.value)
    assert seen == ["OK", "OK", "OK", "ALARM", "ALARM", "OK", "OK"]
