"""What is left of an event that a function could not handle: dead letters, records, or nothing."""

from __future__ import annotations

import json

import pytest
from smallstack import FUNCTION, HOUR, MINUTE, QUEUE, START, small
from smallworlds import LambdaWorld, after, metrics

from loopwright.rehearsal.aws.lambdas import FunctionError


def test_a_dead_letter_is_the_event_with_three_attributes():
    (dead,) = after(small(), fails=9).dead
    assert json.loads(dead.body) == {"number": 0}
    assert dead.attributes == {"RequestID": "000000000001", "ErrorCode": "200", "ErrorMessage": "boom"}
    assert dead.sent == START + 3 * MINUTE


def test_the_message_of_a_dead_letter_is_cut_at_a_kilobyte():
    world = LambdaWorld(small())
    world.functions._run = lambda *_: (_ for _ in ()).throw(FunctionError("ä" * 600))
    world.functions.invoke(FUNCTION, {})
    world.clock.run(START + HOUR)
    assert world.dead[0].attributes["ErrorMessage"] == "ä" * 512


LOST = [
    small(function={"deadLetterConfig": None}),
    small("queue"),
    small("role-policy"),
    small(role={"assumeRolePolicy": "{}"}),
    small(key={"policy": '{"Statement": []}'}),
    small("key"),
]


@pytest.mark.parametrize(("stack", "failed"), list(zip(LOST, [0, 0, 1, 1, 1, 1], strict=True)))
def test_without_a_queue_that_the_role_may_send_to_the_event_is_lost(stack, failed):
    world = after(stack, fails=9)
    assert world.dead == ()
    assert metrics(world, "AsyncEventsDropped", "DeadLetterErrors") == [1, failed]


def test_the_failure_destination_gets_a_record():
    config = {"destinationConfig": {"onFailure": {"destination": QUEUE}}}
    (sent,) = after(small(function={"deadLetterConfig": None}, config=config), fails=9).dead
    assert json.loads(sent.body) == {
        "version": "1.0",
        "timestamp": "2026-01-01T00:03:00.000Z",
        "requestContext": {
            "requestId": "000000000001",
            "functionArn": f"{FUNCTION}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"number": 0},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "boom"},
    }


def test_a_record_says_that_the_event_was_too_old():
    config = {"maximumEventAgeInSeconds": 60, "destinationConfig": {"onFailure": {"destination": QUEUE}}}
    world = after(small(config=config), fails=9)
    record, dead = world.dead
    assert json.loads(record.body)["requestContext"]["condition"] == "EventAgeExceeded"
    assert json.loads(dead.body) == {"number": 0}
