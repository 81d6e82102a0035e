"""Asynchronous invocation: retries after one and two minutes, waiting for the one that runs, and what is discarded."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallstack import DAY, FUNCTION, HOUR, MINUTE, QUEUE, SECOND, START, small
from smallworlds import LambdaWorld, after, metrics

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.lambdas import FunctionError
from loopwright.rehearsal.aws.retrying import DeliveryError


def test_the_call_is_accepted_and_the_function_runs_behind_it():
    world = LambdaWorld(small(), lasts=2 * SECOND)
    world.functions.invoke(FUNCTION, {"number": 0})
    assert world.runs == []
    world.clock.run(START + MINUTE)
    assert world.runs == [("wake", {"number": 0}, START)]
    assert metrics(world, "Invocations", "Errors", "Duration", "AsyncEventsDropped") == [1, 0, 2000, 0]
    assert ("AWS/Lambda", "Errors", {"FunctionName": "wake"}, 0.0, START + 2 * SECOND, "Count") in world.told.points


def test_a_function_that_is_not_there_takes_nothing():
    with pytest.raises(DeliveryError) as refused:
        LambdaWorld(small()).functions.invoke(FUNCTION + "2", {})
    assert refused.value.code == "NO_RESOURCE"


def test_it_is_tried_again_after_one_minute_and_after_two_more():
    world = after(small(), fails=9)
    assert world.times == [0 * MINUTE, MINUTE, 3 * MINUTE]
    assert metrics(world, "Invocations", "Errors", "AsyncEventsDropped") == [3, 3, 1]


def test_the_waits_count_from_the_end_of_a_run():
    assert after(small(), fails=9, lasts=10 * SECOND).times == [0 * MINUTE, 70 * SECOND, 200 * SECOND]


def test_an_event_that_is_handled_at_last_is_no_dead_letter():
    world = after(small(), fails=2)
    assert (len(world.runs), world.dead) == (3, ())


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (1, 2), (2, 3), (None, 3)])
def test_the_number_of_retries_is_the_configured_one(retries, runs):
    assert len(after(small(config={"maximumRetryAttempts": retries}), fails=9).runs) == runs


def test_without_a_configuration_it_is_tried_twice_more():
    assert len(after(small("config"), fails=9).runs) == 3


def test_no_run_starts_after_the_maximum_age():
    world = after(small(config={"maximumEventAgeInSeconds": 60}), fails=9)
    assert world.times == [0 * MINUTE, MINUTE]
    (dead,) = world.dead
    assert (dead.sent, dead.attributes["ErrorCode"]) == (START + MINUTE, "200")


def test_an_event_that_finds_the_function_running_waits_longer_each_time():
    world = after(small(), lasts=40 * SECOND, events=2)
    # 1, 2, 4, 8, 16 and 32 seconds: the first moment after the first run is the 63rd second.
    assert world.times == [0 * SECOND, 63 * SECOND]
    assert metrics(world, "Throttles", "Errors", "Invocations") == [6, 0, 2]


def test_two_runs_of_a_function_with_one_place_never_overlap():
    world = after(small(), lasts=50 * SECOND, events=5)
    assert len(world.runs) == 5
    assert all(later - earlier >= 50 * SECOND for earlier, later in zip(world.times, world.times[1:], strict=False))


def test_a_retry_that_finds_the_function_running_waits_a_second_first():
    world = after(small(function={"timeout": 900}), lasts=100 * SECOND, events=2, fails=9)
    # The second event waits 127 seconds, runs till 227, is due again at 287 when the first runs again, and waits anew.
    assert [time // SECOND for time in world.times] == [0, 127, 287, 414, 514, 634]


def test_without_a_reserved_concurrency_events_run_beside_each_other():
    for reserved in (None, -1):
        world = after(small(function={"reservedConcurrentExecutions": reserved}), lasts=50 * SECOND, events=3)
        assert world.times == [0 * SECOND] * 3


def test_waiting_ends_at_the_maximum_age_and_throttling_costs_no_retry():
    stack = small(function={"timeout": 900}, config={"maximumEventAgeInSeconds": 600})
    world = after(stack, lasts=900 * SECOND, events=2)
    assert world.times == [0 * SECOND]
    (dead,) = world.dead
    assert (dead.sent, dead.attributes["ErrorCode"]) == (START + 10 * MINUTE, "429")
    world = after(small(), lasts=40 * SECOND, events=2, fails=9)
    assert len(world.runs) == 6


def test_the_wait_for_a_free_place_is_five_minutes_at_most():
    stack = small(function={"timeout": 900}, config={"maximumEventAgeInSeconds": 21_600})
    world = after(stack, lasts=900 * SECOND, events=2)
    # 511 seconds are nine waits that double; then five minutes, twice.
    assert world.times == [0 * SECOND, 1111 * SECOND]


def test_with_no_concurrency_at_all_every_event_is_discarded_at_once():
    world = after(small(function={"reservedConcurrentExecutions": 0}), run=timedelta(0))
    assert (world.runs, len(world.dead)) == ([], 1)


def test_a_run_that_lasts_too_long_is_an_error_at_the_timeout():
    world = after(small(config={"maximumRetryAttempts": 0}), lasts=61 * SECOND)
    (dead,) = world.dead
    assert dead.attributes["ErrorMessage"] == "Task timed out after 60.00 seconds"
    assert dead.sent == START + MINUTE


def test_what_the_caller_does_to_the_event_later_is_not_seen():
    world, event = LambdaWorld(small()), {"number": 0}
    world.functions.invoke(FUNCTION, event)
    event["number"] = 1
    world.clock.run(START)
    assert world.runs[0][1] == {"number": 0}


def test_what_a_run_does_to_the_event_is_gone_at_the_next():
    world = LambdaWorld(small())
    seen = []

    def run(_, event):
        seen.append(dict(event))
        event["touched"] = True
        raise FunctionError("boom")

    world.functions._run = run
    world.functions.invoke(FUNCTION, {"number": 0})
    world.clock.run(START + HOUR)
    assert seen == [{"number": 0}] * 3


def test_what_the_emulated_aws_does_not_know_is_no_error_of_the_handler():
    world = LambdaWorld(small())

    def run(*_):
        raise UnknownError("a call", because="b", attempt="c")

    world.functions._run = run
    world.functions.invoke(FUNCTION, {})
    with pytest.raises(UnknownError):
        world.clock.run(START)


REFUSED = [
    {"config": {"maximumRetryAttempts": 3}},
    {"config": {"maximumEventAgeInSeconds": 59}},
    {"config": {"maximumEventAgeInSeconds": 21_601}},
    {"config": {"qualifier": "live"}},
    {"config": {"destinationConfig": {"onSuccess": {"destination": QUEUE}}}},
    {"config": {"destinationConfig": {"onFailure": {"destination": "arn:aws:sns:eu-west-1:123456789012:topic"}}}},
    {
        "config": {"destinationConfig": {"onFailure": {"destination": QUEUE}}},
        "function": {"reservedConcurrentExecutions": 0},
    },
    {"function": {"deadLetterConfig": {"targetArn": "arn:aws:sns:eu-west-1:123456789012:topic"}}},
]


@pytest.mark.parametrize("changed", REFUSED)
def test_what_is_not_emulated_is_refused(changed):
    with pytest.raises(UnknownError):
        LambdaWorld(small(**changed))


@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.integers(0, 59), st.integers(0, 12))
def test_every_event_is_handled_or_discarded(waits, lasts, fails):
    world = LambdaWorld(small(), lasts=lasts * SECOND, fails=fails)
    for number, wait in enumerate(waits):
        world.clock.run(world.clock.now + wait * SECOND)
        world.functions.invoke(FUNCTION, {"number": number})
    world.clock.run(world.clock.now + DAY)
    handled = [event["number"] for _, event, _ in world.runs[fails:]]
    discarded = [json.loads(each.body)["number"] for each in world.dead]
    assert sorted(handled + discarded) == list(range(len(waits)))
