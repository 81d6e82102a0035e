"""SQS: what waits, for how long, and when the metric is silent."""

from __future__ import annotations

import pytest
from smallstack import DAY, HOUR, MINUTE, QUEUE, START, Told, small

from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.queues import Queues


def made(**changed):
    clock, told = Clock(START), Told()
    queues = Queues(small(**changed), clock, told)
    return clock, told, queues, queues.at(QUEUE)


def test_a_message_waits_with_its_attributes_in_the_order_of_sending():
    clock, _, queues, queue = made()
    queues.send(queue, "a", {"ERROR_CODE": "TIMEOUT"})
    clock.run(START + HOUR)
    queues.send(queue, "b", {})
    first, second = queues.messages(queue)
    assert (first.body, first.attributes, first.sent) == ("a", {"ERROR_CODE": "TIMEOUT"}, START)
    assert (second.body, second.sent) == ("b", START + HOUR)


@pytest.mark.parametrize(("seconds", "kept"), [(None, 4 * DAY), (60, MINUTE), (14 * 86_400, 14 * DAY)])
def test_a_message_is_deleted_after_the_retention(seconds, kept):
    clock, _, queues, queue = made(queue={"messageRetentionSeconds": seconds})
    queues.send(queue, "a", {})
    clock.run(START + kept - MINUTE / 2)
    assert len(queues.messages(queue)) == 1
    clock.run(START + kept)
    assert queues.messages(queue) == ()


def test_purging_leaves_nothing():
    _, _, queues, queue = made()
    queues.send(queue, "a", {})
    queues.purge(queue)
    assert queues.messages(queue) == ()


def test_the_metric_counts_by_the_minute_while_the_queue_is_active_and_six_hours_more():
    clock, told, queues, queue = made()
    clock.run(START + HOUR)
    assert told.points == []
    queues.send(queue, "a", {})
    clock.run(START + HOUR + MINUTE / 2)
    queues.send(queue, "b", {})
    clock.run(START + HOUR + 2 * MINUTE)
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "failed"})
    assert told.points == [(*metric, 2.0, START + HOUR + number * MINUTE, "Count") for number in (1, 2)]
    clock.run(START + 2 * HOUR)
    queues.purge(queue)
    clock.run(START + 2 * DAY)
    assert len(told.points) == 60 + 6 * 60
    assert [each[3] for each in told.points] == [2.0] * 60 + [0.0] * 6 * 60
    assert told.points[-1][4] == START + 8 * HOUR


def test_a_queue_is_active_until_six_hours_after_its_last_message_expired():
    clock, told, queues, queue = made()
    queues.send(queue, "a", {})
    clock.run(START + 20 * DAY)
    assert told.points[-1][3:5] == (0.0, START + 14 * DAY + 6 * HOUR)


def test_a_queue_that_was_silent_reports_again():
    clock, told, queues, queue = made()
    for day in (0, 2):
        clock.run(START + day * DAY)
        queues.send(queue, "a", {})
        queues.purge(queue)
    clock.run(START + 3 * DAY)
    assert len(told.points) == 2 * 6 * 60


@pytest.mark.parametrize("odd", [{"fifoQueue": True}, {"delaySeconds": 5}, {"redrivePolicy": "{}"}])
def test_a_queue_that_is_no_plain_one_is_refused(odd):
    with pytest.raises(UnknownError):
        made(queue=odd)
