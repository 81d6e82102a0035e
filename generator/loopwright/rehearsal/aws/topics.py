"""SNS as far as a person is told something: "Publish" (Amazon SNS API Reference). What is published is kept.

"Notifying users on alarm changes" (Amazon CloudWatch User Guide) and "Using AWS KMS with Amazon SNS" (Amazon SNS
Developer Guide): an alarm publishes where the topic's policy, and the policy of the topic's key, let CloudWatch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from loopwright.rehearsal.aws.requests import Answer, Request, operation, refused, unknown
from loopwright.wiring.alarms import key_lets, topic_lets

if TYPE_CHECKING:
    from datetime import datetime

    from loopwright.rehearsal.aws.alarms import Alarm, State
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.wiring.stack import Stack

__all__ = ["Notice", "Topics"]

CLOUDWATCH = "cloudwatch.amazonaws.com"
MOST = 99
"""Characters of a subject, which is ASCII without line breaks ("Publish")."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a person gets to read."""

    topic: str
    """Its ARN."""
    subject: str
    message: str
    sent: datetime


class Topics:
    """The topics of a stack.

    Args:
        stack: The stack.
        clock: The clock that says when something was published.
    """

    def __init__(self, stack: Stack, clock: Clock) -> None:
        self._stack, self._clock = stack, clock
        self._number = count(1)
        self.notices: list[Notice] = []
        """All that was published, the oldest first."""

    @operation("Publish", "TopicArn", "Subject", "Message", service="sns")
    def publish(self, request: Request) -> Answer:
        """Publish a message."""
        topic, subject = request.get("TopicArn", ""), request.get("Subject", "")
        if self._stack.at(topic, "topic") is None:
            raise refused("Publish", "NotFound", "Topic does not exist")
        if len(subject) > MOST or not subject.isascii() or "\n" in subject:
            raise refused("Publish", "InvalidParameter", "Invalid parameter: Subject")
        if not request["Message"]:
            raise refused("Publish", "InvalidParameter", "Invalid parameter: Empty message")
        return {"MessageId": self._keep(topic, subject, request["Message"])}

    def tell(self, alarm: Alarm, old: State, new: State) -> None:
        """Do what an alarm is to do on a change of its state; what CloudWatch may not publish is lost.

        Raises:
            UnknownError: An action is none on a topic.
        """
        for arn in alarm.actions.get(new.value, ()):
            if not arn.startswith("arn:aws:sns:"):
                raise unknown(f"the action {arn} of {alarm.name}")
            topic, source = self._stack.at(arn, "topic"), _arn(self._stack, alarm)
            if topic is None or not topic_lets(self._stack, topic, CLOUDWATCH, source):
                continue
            if not any(key_lets(self._stack, topic, "kmsMasterKeyId", CLOUDWATCH)):
                self._keep(arn, f'{new.value}: "{alarm.name}" in {self._stack.region}', _told(alarm, old, new))

    def _keep(self, topic: str, subject: str, message: str) -> str:
        self.notices.append(Notice(topic=topic, subject=subject, message=message, sent=self._clock.now))
        return str(uuid5(NAMESPACE_URL, f"{topic} {next(self._number)}"))


def _arn(stack: Stack, alarm: Alarm) -> str:
    return f"arn:aws:cloudwatch:{stack.region}:{stack.context['aws:SourceAccount']}:alarm:{alarm.name}"


def _told(alarm: Alarm, old: State, new: State) -> str:
    return json.dumps(
        {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "NewStateValue": new.value,
            "NewStateReason": new.reason,
            "OldStateValue": old.value,
            "StateChangeTime": new.since.isoformat(timespec="milliseconds"),
        }
    )
