"""SQS as far as dead letters need it: messages that wait, and the metric that counts them.

"Amazon SQS message quotas" and "CreateQueue" (Amazon SQS Developer Guide and API Reference): a message is deleted after
the queue's retention, four days where nothing says it. "Monitoring Amazon SQS queues using CloudWatch" (Amazon SQS
Developer Guide): an active queue reports every minute, and a queue is active for six hours after it held a message or
was called; after that its metrics are missing. Nobody receives in a rehearsal: every message is visible.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.metrics import MINUTE, minute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.metrics import Metrics
    from loopwright.wiring.stack import Stack

__all__ = ["Message", "Queues"]

RETENTION_SECONDS = 345_600
ACTIVE = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message."""

    body: str
    attributes: Mapping[str, str]
    """Message attributes by name; numbers as text, as SQS keeps them."""
    sent: datetime


@dataclass(kw_only=True)
class _Queue:
    name: str
    retention: timedelta
    messages: list[Message] = field(default_factory=list)
    called: datetime | None = None
    """When it last held a message or was called."""

    def expire(self, now: datetime) -> None:
        if self.messages:
            self.called = min(now, max(self.messages[-1].sent + self.retention, self.called or now))
        self.messages = [each for each in self.messages if each.sent + self.retention > now]


class Queues:
    """The queues of a stack.

    Args:
        stack: The stack.
        clock: The clock that messages are stamped and deleted by.
        metrics: Where the counts are put, by the minute while a queue is active; None: nowhere.
    """

    def __init__(self, stack: Stack, clock: Clock, metrics: Metrics | None = None) -> None:
        self._stack, self._clock, self._metrics = stack, clock, metrics
        self._queues = {node.id: _queue(stack, node) for node in stack.of("queue")}
        self._reporting: set[str] = set()
        """The ids of the queues whose next report is planned."""

    def at(self, value: object) -> Node | None:
        """Return the queue that an ARN or a URL names; None where the stack has none."""
        return self._stack.at(value, "queue")

    def send(self, queue: Node, body: str, attributes: Mapping[str, str]) -> None:
        """Put a message into a queue; who may do so is for the caller to know."""
        found = self._queues[queue.id]
        found.messages.append(Message(body=body, attributes=dict(attributes), sent=self._clock.now))
        self._use(queue)

    def messages(self, queue: Node) -> tuple[Message, ...]:
        """Return what waits in a queue, the oldest first."""
        found = self._queues[queue.id]
        found.expire(self._clock.now)
        return tuple(found.messages)

    def purge(self, queue: Node) -> None:
        """Delete what waits in a queue, as a person does who has looked at it."""
        found = self._queues[queue.id]
        found.messages.clear()
        self._use(queue)

    def _use(self, queue: Node) -> None:
        self._queues[queue.id].called = self._clock.now
        if self._metrics is not None and queue.id not in self._reporting:
            self._reporting.add(queue.id)
            self._clock.at(minute(self._clock.now) + MINUTE, partial(self._report, queue.id, self._metrics))

    def _report(self, queue: str, metrics: Metrics) -> None:
        found, now = self._queues[queue], self._clock.now
        found.expire(now)
        if not found.messages and (found.called is None or now - found.called > ACTIVE):
            self._reporting.discard(queue)
            return
        dimensions, count = {"QueueName": found.name}, float(len(found.messages))
        metrics.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, count, now, unit="Count")
        self._clock.after(MINUTE, partial(self._report, queue, metrics))


def _queue(stack: Stack, node: Node) -> _Queue:
    inputs = stack.inputs(node)
    odd = [name for name in ("delaySeconds", "fifoQueue", "redrivePolicy") if inputs.get(name)]
    if odd:
        raise UnknownError(
            f"the queue {node.id} with {', '.join(odd)}",
            because="the emulated queues keep dead letters: nothing is delayed, ordered or received",
            attempt="rehearse with a plain standard queue",
        )
    seconds = int(inputs.get("messageRetentionSeconds") or RETENTION_SECONDS)
    return _Queue(name=stack.name(node), retention=timedelta(seconds=seconds))
