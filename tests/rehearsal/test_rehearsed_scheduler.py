"""Scheduler: when it calls what with which words, and where a failed call ends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from smallstack import DAY, FUNCTION, HOUR, MINUTE, PIPELINE, QUEUE, SCHEDULE, START, small

from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.queues import Queues
from loopwright.rehearsal.aws.retrying import DeliveryError
from loopwright.rehearsal.aws.scheduler import Schedules


class World:
    """Schedules whose target fails as long as it is told to."""

    def __init__(self, stack, *, code=None, seed=0, now=START):
        self.clock, self.code = Clock(now), code
        self.queues = Queues(stack, self.clock)
        self.taken, self.times = [], []
        self.schedules = Schedules(stack, self.clock, self._take, self.queues, seed=seed)

    def _take(self, arn, event):
        self.times.append(self.clock.now)
        if self.code:
            raise DeliveryError(self.code, "no")
        self.taken.append((arn, event))

    @property
    def dead(self):
        queue = self.queues.at(QUEUE)
        return self.queues.messages(queue) if queue else ()


def after(stack, *, run, **more):
    world = World(stack, **more)
    world.clock.run(world.clock.now + run)
    return world


def every(expression, **more):
    return small(schedule={"scheduleExpression": expression, **more})


def test_a_rate_starts_at_once_and_keeps_its_beat():
    world = after(every("rate(6 hours)"), run=DAY)
    assert world.times == [START + number * 6 * HOUR for number in range(5)]
    assert world.taken[0] == (FUNCTION, {"reason": "tick"})


def test_a_rate_with_a_start_is_due_then_and_not_before():
    world = after(every("rate(1 day)", startDate="2026-01-02T05:00:00Z"), run=3 * DAY)
    assert world.times == [START + DAY + 5 * HOUR, START + 2 * DAY + 5 * HOUR]


def test_a_rate_with_a_start_in_the_past_keeps_the_beat_of_then():
    world = after(every("rate(1 day)", startDate="2025-12-30T05:00:00Z"), run=2 * DAY)
    assert world.times == [START + 5 * HOUR, START + DAY + 5 * HOUR]


def test_nothing_is_due_after_the_end():
    world = after(every("rate(1 day)", endDate="2026-01-03T00:00:00Z"), run=9 * DAY)
    assert world.times == [START, START + DAY, START + 2 * DAY]


def test_cron_is_read_in_the_zone_of_the_schedule():
    world = after(every("cron(0 4 * * ? *)", scheduleExpressionTimezone="Asia/Tokyo"), run=2 * DAY)
    assert world.times == [START + 19 * HOUR, START + 43 * HOUR]


def test_cron_with_a_start_is_due_at_its_own_times_from_then_on():
    world = after(every("cron(0 4 * * ? *)", startDate="2026-01-02T05:00:00Z"), run=3 * DAY)
    assert world.times == [START + 2 * DAY + 4 * HOUR]


def test_a_single_time_is_due_once():
    assert after(every("at(2026-01-01T12:00:00)"), run=9 * DAY).times == [START + 12 * HOUR]
    assert after(every("at(2025-01-01T12:00:00)"), run=9 * DAY).times == []


@pytest.mark.parametrize("stack", [small("schedule"), small(schedule={"state": "DISABLED"})])
def test_without_a_schedule_that_is_on_nothing_happens(stack):
    assert after(stack, run=DAY).times == []


def test_the_context_attributes_are_replaced():
    words = {"a": "schedule-arn", "t": "scheduled-time", "n": "attempt-number", "x": "execution-id"}
    text = json.dumps({key: f"<aws.scheduler.{name}>" for key, name in words.items()})
    (first,), (second,) = (
        [event for _, event in after(small(schedule={"target.input": text}), run=MINUTE, now=now).taken]
        for now in (START, START + DAY)
    )
    assert (first["a"], first["t"], first["n"]) == (SCHEDULE, "2026-01-01T00:00:00Z", "1")
    assert len(first["x"]) == 16
    assert first["x"] != second["x"]


def test_a_pipeline_is_started_with_its_parameters():
    parameters = {"pipelineParameters": [{"name": "Window", "value": "30"}]}
    target = {"target.arn": PIPELINE, "target.input": None, "target.sagemakerPipelineParameters": parameters}
    world = after(small(schedule=target), run=MINUTE)
    assert world.taken == [
        (PIPELINE, {"PipelineName": "monitor", "PipelineParameters": [{"Name": "Window", "Value": "30"}]})
    ]


def test_a_failed_call_is_tried_again_and_the_next_one_is_not_late_for_it():
    world = World(every("rate(1 hour)"), code="THROTTLING")
    world.clock.run(START)
    world.code = None
    world.clock.run(START + HOUR)
    assert (len(world.times), len(world.taken), world.dead) == (3, 2, ())
    assert world.times[-1] == START + HOUR


def test_the_retries_end_with_a_dead_letter():
    stack = small(schedule={"target.retryPolicy.maximumRetryAttempts": 3})
    world = after(stack, run=HOUR - MINUTE, code="THROTTLING")
    assert len(world.times) == 4
    (dead,) = world.dead
    assert json.loads(dead.body) == {"reason": "tick"}
    assert len(dead.attributes.pop("EXECUTION_ID")) == 16
    assert dead.attributes == {
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "no",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "3",
        "SCHEDULED_TIME": "2026-01-01T00:00:00Z",
        "SCHEDULE_ARN": SCHEDULE,
        "TARGET_ARN": FUNCTION,
    }


def test_a_dead_letter_is_what_the_last_attempt_sent():
    changed = {"target.input": '{"n": "<aws.scheduler.attempt-number>"}', "target.retryPolicy.maximumRetryAttempts": 3}
    (dead,) = after(small(schedule=changed), run=HOUR - MINUTE, code="THROTTLING").dead
    assert json.loads(dead.body) == {"n": "4"}


def test_no_attempt_comes_after_the_maximum_age():
    policy = {"maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 185}
    world = after(small(schedule={"target.retryPolicy": policy}), run=HOUR - MINUTE, code="THROTTLING")
    assert max(world.times) <= START + MINUTE
    assert world.dead[0].attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


UNABLE = [
    (small("role"), "AccessDeniedException", 0),
    (small(role={"assumeRolePolicy": "{}"}), "AccessDeniedException", 0),
    (small("role-policy"), "AccessDeniedException", 0),
    (small("function", "config", "target", "permission"), "ResourceNotFoundException", 1),
]


@pytest.mark.parametrize(("stack", "code", "dead"), UNABLE)
def test_without_a_target_that_the_role_may_call_nothing_is_called(stack, code, dead):
    world = after(stack, run=HOUR - MINUTE)
    assert world.taken == []
    assert [each.attributes["ERROR_CODE"] for each in world.dead] == [code] * dead


def test_a_role_that_may_not_call_the_target_may_still_bury():
    policy = {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}]}
    world = after(small(role_policy={"policy": json.dumps(policy)}), run=HOUR - MINUTE)
    assert [each.attributes["ERROR_CODE"] for each in world.dead] == ["AccessDeniedException"]
    assert world.dead[0].attributes["RETRY_ATTEMPTS"] == "8"


LOST = [
    small(schedule={"target.deadLetterConfig": None}),
    small("queue"),
    small(key={"policy": '{"Statement": []}'}),
    small("key"),
]


@pytest.mark.parametrize("stack", LOST)
def test_without_a_queue_that_the_role_may_send_to_the_call_is_lost(stack):
    assert after(stack, run=HOUR, code="THROTTLING").dead == ()


REFUSED = [
    {"scheduleExpression": "cron(0 0 * * *)"},
    {"scheduleExpressionTimezone": "Mars/Base"},
    {"flexibleTimeWindow": {"mode": "FLEXIBLE", "maximumWindowInMinutes": 5}},
    {"flexibleTimeWindow": None},
    {"state": "PAUSED"},
    {"actionAfterCompletion": "DELETE"},
    {"target.input": None},
    {"target.arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"},
    {"target.arn": PIPELINE},  # with an input
    {"target.ecsParameters": {"taskCount": 1}},
    {"target.retryPolicy.maximumRetryAttempts": 200},
]


@pytest.mark.parametrize("changed", REFUSED)
def test_what_is_not_emulated_is_refused(changed):
    with pytest.raises(UnknownError):
        World(small(schedule=changed))


def test_a_year_of_hours_plans_one_call_at_a_time():
    world = World(every("rate(1 hour)"))
    for day in range(366):
        assert len(world.clock._due) == 1
        world.clock.run(START + timedelta(days=day))
    assert len(world.times) == 365 * 24 + 1
    assert world.times[-1] == datetime.fromisoformat("2027-01-01T00:00:00+00:00")


def test_the_same_seed_gives_the_same_retries():
    one, same, other = (after(small(), run=HOUR, code="THROTTLING", seed=seed).times for seed in (1, 1, 2))
    assert one == same != other
