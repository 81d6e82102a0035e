"""The bus: who is woken, how often it is tried, and where an event ends that nobody took."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from smallstack import DAY, FUNCTION, HOUR, MINUTE, PIPELINE, RULE, SECOND, START, arrival, small
from smallworlds import BusWorld

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.faults import Faults


def after(stack, event=None, *, run=2 * DAY, **more):
    world = BusWorld(stack, **more)
    world.bus.put(event or arrival())
    world.clock.run(START + run)
    return world


def test_a_matching_event_reaches_the_target_once_and_not_within_put():
    world = BusWorld(small())
    world.bus.put(arrival())
    assert world.taken == []
    world.clock.run(START)
    assert world.taken == [(FUNCTION, arrival())]
    assert {name: world.told.total(name) for name in ("MatchedEvents", "TriggeredRules", "Invocations")} == {
        "MatchedEvents": 1,
        "TriggeredRules": 1,
        "Invocations": 1,
    }
    assert world.told.total("FailedInvocations") == 0


def test_what_the_target_does_to_the_event_stays_with_it():
    world = BusWorld(small())
    event = arrival()
    world.bus.put(event)
    event["detail"]["object"]["key"] = "changed"
    world.clock.run(START)
    assert world.keys == ["new/a"]


def test_the_constant_input_is_handed_over_in_place_of_the_event():
    assert after(small(target={"input": '{"reason": "drift"}'})).taken == [(FUNCTION, {"reason": "drift"})]


@pytest.mark.parametrize(
    "stack",
    [
        small("rule"),
        small("target"),
        small(rule={"state": "DISABLED"}),
        small(rule={"isEnabled": False}),
        small(rule={"eventPattern": '{"source": ["other"]}'}),
    ],
)
def test_without_a_rule_that_is_on_and_a_target_nothing_happens(stack):
    world = after(stack)
    assert (world.taken, world.dead) == ([], ())
    assert world.told.total("FailedInvocations") == 0


UNPERMITTED = [
    small("permission"),
    small(permission={"sourceArn": RULE + "-2"}),
    small(permission={"principal": "s3.amazonaws.com"}),
    small(permission={"action": "lambda:GetFunction"}),
    small(permission={"sourceAccount": "000000000000"}),
    small(permission={"function": "another"}),
]


@pytest.mark.parametrize("stack", UNPERMITTED)
def test_without_permission_it_goes_to_the_dead_letters_at_once(stack):
    world = after(stack, run=timedelta(0))
    assert world.times == []
    (dead,) = world.dead
    assert json.loads(dead.body) == arrival()
    assert dead.attributes == {
        "RULE_ARN": RULE,
        "TARGET_ARN": FUNCTION,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": f"{RULE} may not perform lambda:InvokeFunction on {FUNCTION}",
        "RETRY_ATTEMPTS": "0",
    }
    assert [world.told.total(name) for name in ("FailedInvocations", "InvocationsSentToDlq")] == [1, 1]


def test_a_target_that_is_gone_is_not_tried_again():
    world = after(small("function", "config", "schedule"), run=timedelta(0))
    assert [each.attributes["ERROR_CODE"] for each in world.dead] == ["NO_RESOURCE"]
    assert "EXHAUSTED_RETRY_CONDITION" not in world.dead[0].attributes


def test_it_is_tried_again_until_the_target_takes_it():
    world = BusWorld(small(), code="THROTTLING")
    world.bus.put(arrival())
    world.clock.run(START)
    world.code = None
    world.clock.run(START + HOUR)
    assert (len(world.times), len(world.taken), world.dead) == (2, 1, ())
    assert [world.told.total(name) for name in ("Invocations", "FailedInvocations")] == [1, 0]


def test_the_retries_of_the_target_are_the_last_word():
    world = after(small(target={"retryPolicy.maximumRetryAttempts": 3}), code="TIMEOUT")
    assert len(world.times) == 4
    (dead,) = world.dead
    assert dead.attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert (dead.attributes["RETRY_ATTEMPTS"], dead.attributes["ERROR_CODE"]) == ("3", "TIMEOUT")


def test_no_attempt_comes_after_the_maximum_age():
    policy = {"retryPolicy": {"maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 185}}
    world = after(small(target=policy), code="TIMEOUT")
    assert max(world.times) <= START + MINUTE
    (dead,) = world.dead
    assert dead.attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert dead.sent == START + MINUTE
    assert int(dead.attributes["RETRY_ATTEMPTS"]) == len(world.times) - 1


def test_without_a_policy_it_is_tried_for_a_day_and_at_most_185_times():
    world = after(small(target={"retryPolicy": None}), code="TIMEOUT")
    assert len(world.times) <= 186
    assert START + 12 * HOUR < max(world.times) <= START + DAY
    assert len(world.dead) == 1


def test_the_waits_grow_with_jitter_from_the_seed():
    one, same, other = (after(small(), code="TIMEOUT", seed=seed).times for seed in (1, 1, 2))
    assert one == same != other
    waits = [later - earlier for earlier, later in pairwise(one)]
    assert all(wait <= SECOND * 2**number for number, wait in enumerate(waits, 1))
    assert sum(waits[-3:], timedelta(0)) > sum(waits[:3], timedelta(0))


LOST = [
    (small(target={"deadLetterConfig": None}), 0),
    (small("queue-policy"), 1),
    (small(queue_policy={"policy": '{"Statement": []}'}), 1),
    (small(key={"policy": '{"Statement": []}'}), 1),
    (small("key"), 1),
]


@pytest.mark.parametrize(("stack", "refused"), LOST)
def test_without_a_queue_that_takes_it_the_event_is_lost(stack, refused):
    world = after(stack, code="NO_RESOURCE")
    assert world.dead == ()
    assert world.told.total("FailedInvocations") == 1
    assert world.told.total("InvocationsFailedToBeSentToDlq") == refused


@pytest.mark.parametrize(
    ("stack", "bucket", "woken"),
    [
        (small(), "data", 1),
        (small(), "another", 0),
        (small("notification"), "data", 0),
        (small(notification={"eventbridge": False}), "data", 0),
    ],
)
def test_s3_tells_only_where_the_bucket_says_so(stack, bucket, woken):
    detail = {"bucket": {"name": bucket}, "object": {"key": "new/a"}}
    assert len(after(stack, arrival(source="aws.s3", detail=detail)).taken) == woken


REFUSED = [
    {"target": {"inputPath": "$.detail"}},
    {"target": {"inputTransformer": {"inputTemplate": "x"}}},
    {"target": {"arn": PIPELINE}},
    {"target": {"retryPolicy.maximumRetryAttempts": 186}},
    {"target": {"retryPolicy.maximumEventAgeInSeconds": 59}},
    {"target": {"retryPolicy.maximumEventAgeInSeconds": 86_401}},
    {"rule": {"eventBusName": "other"}},
    {"rule": {"state": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}},
    {"rule": {"scheduleExpression": "rate(1 hour)"}},
    {"rule": {"eventPattern": '{"source": [{"cidr": "10.0.0.0/8"}]}'}},
]


@pytest.mark.parametrize("changed", REFUSED)
def test_what_is_not_emulated_is_refused(changed):
    with pytest.raises(UnknownError):
        BusWorld(small(**changed))


def test_an_event_without_its_fields_is_refused():
    event = arrival()
    del event["detail-type"]
    with pytest.raises(UnknownError):
        BusWorld(small()).bus.put(event)


def test_a_late_event_is_as_old_as_it_is():
    policy = {"retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 185}}
    world = after(small(target=policy), code="TIMEOUT", faults=Faults(delay=1, longest=HOUR))
    assert START < min(world.times) < max(world.times) <= START + HOUR
