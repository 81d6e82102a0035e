"""EventBridge Scheduler: when a schedule is due, and its call of a target.

- Expressions: "Schedule types in EventBridge Scheduler" (EventBridge Scheduler User Guide): a rate starts at once, or
  at its start date; its days are of 24 hours. For the rest see ``cron``. A target is called within the minute that is
  due; here at its first second.
- Retries: "RetryPolicy" (EventBridge Scheduler API Reference); every failed call is one, a missing permission too.
- Dead letters: "Configuring a schedule's dead-letter queue in EventBridge Scheduler".
- Payload: "Adding context attributes in EventBridge Scheduler"; "Using templated targets in EventBridge Scheduler".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loopwright.rehearsal.aws.cron import Cron
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.plans import Plan, plans
from loopwright.rehearsal.aws.retrying import Delivery, DeliveryError, Outcome
from loopwright.wiring.schedules import ONCE, RATE, UNITS

if TYPE_CHECKING:
    import re

    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.rehearsal.aws.retrying import Deliver, Event
    from loopwright.wiring.stack import Stack

__all__ = ["Schedules", "next_after"]


def next_after(
    expression: str, moment: datetime, timezone: str = "UTC", *, start: datetime | None = None
) -> datetime | None:
    """Return when a schedule is due next after a moment, in UTC; None where it is not due any more.

    Args:
        expression: ``rate(...)``, ``cron(...)`` or ``at(...)``.
        moment: With a time zone.
        timezone: The zone that ``cron`` and ``at`` are read in.
        start: When a rate is due first; None: ``moment`` was such a time.

    Raises:
        UnknownError: AWS would refuse it, or does not say what it means.
    """
    zone = _zone(timezone)
    if found := RATE.fullmatch(expression):
        return _next_of_rate(found, moment, start or moment)
    if ONCE.fullmatch(expression):
        due = _once(expression, zone)
        return due if due > moment else None
    return Cron.of(expression).after(moment, zone)


def _next_of_rate(found: re.Match[str], moment: datetime, start: datetime) -> datetime:
    number, unit, plural = int(found[1]), found[2], bool(found[3])
    if number < 1 or plural != (number > 1):
        raise _refused(found[0], "a rate is of one minute, hour or day, or of two or more minutes, hours or days")
    every = timedelta(seconds=number * UNITS[unit])
    return (start if start > moment else start + ((moment - start) // every + 1) * every).astimezone(UTC)


def _once(expression: str, zone: ZoneInfo) -> datetime:
    due = datetime.fromisoformat(expression[len("at(") : -1]).replace(tzinfo=zone)
    # The two readings differ where the clock jumps, forward as well as back.
    if due.utcoffset() != due.replace(fold=1).utcoffset():
        raise _refused(expression, f"{zone.key} has not this time, or has it twice")
    return due.astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _refused(name, "it is no time zone of the IANA database") from error


def _refused(what: str, because: str) -> UnknownError:
    return UnknownError(f"the schedule {what}", because=because, attempt="write it as AWS documents it")


class Schedules:
    """The schedules of a stack.

    Args:
        stack: The stack.
        clock: The clock that they are planned on; a schedule is made at its present moment.
        deliver: Calls a target: a function is handed the payload, a pipeline the parameters of StartPipelineExecution.
        queues: Where dead letters go.
        seed: Fixes the jitter of the retries.

    Raises:
        UnknownError: A schedule has something that is not emulated.
    """

    def __init__(self, stack: Stack, clock: Clock, deliver: Deliver, queues: Queues, *, seed: int = 0) -> None:
        self._clock, self._deliver, self._queues, self._seed = clock, deliver, queues, seed
        self._made = clock.now
        for plan in plans(stack, queues):
            self._plan(plan, self._first(plan))

    def _first(self, plan: Plan) -> datetime | None:
        start = plan.start or self._made
        # A rate is due at its start itself, a cron expression at a time of its own from then on.
        return self._next(plan, max(start, self._made) - timedelta(microseconds=1))

    def _next(self, plan: Plan, moment: datetime) -> datetime | None:
        return next_after(plan.expression, moment, plan.timezone, start=plan.start or self._made)

    def _plan(self, plan: Plan, due: datetime | None) -> None:
        if due is not None and (plan.end is None or due <= plan.end):
            self._clock.at(due, partial(self._fire, plan, due))

    def _fire(self, plan: Plan, due: datetime) -> None:
        self._plan(plan, self._next(plan, due))
        seed = f"{self._seed} {plan.arn} {due.isoformat()}"
        call, ended = partial(self._call, plan, due), partial(self._ended, plan, due)
        Delivery(self._clock, plan.retries, seed=seed, call=call, ended=ended).start(due)

    def _call(self, plan: Plan, due: datetime, attempt: int) -> None:
        if plan.refused:
            raise plan.refused
        self._deliver(plan.target, _payload(plan, due, attempt))

    def _ended(self, plan: Plan, due: datetime, outcome: Outcome) -> None:
        if outcome.error is not None and plan.dead_letters is not None and plan.may_bury:
            body = json.dumps(_payload(plan, due, outcome.retries + 1))
            self._queues.send(plan.dead_letters, body, _attributes(plan, due, outcome, outcome.error))


def _payload(plan: Plan, due: datetime, attempt: int) -> Event:
    text = plan.payload
    for name, value in {
        "schedule-arn": plan.arn,
        "scheduled-time": _written(due),
        "execution-id": plan.execution(due, attempt),
        "attempt-number": str(attempt),
    }.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    event: dict[str, Any] = json.loads(text)
    return event


def _attributes(plan: Plan, due: datetime, outcome: Outcome, error: DeliveryError) -> dict[str, str]:
    found = {
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        "EXECUTION_ID": plan.execution(due, outcome.retries + 1),
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": str(outcome.retries),
        "SCHEDULED_TIME": _written(due),
        "SCHEDULE_ARN": plan.arn,
        "TARGET_ARN": plan.target,
    }
    return found | ({"EXHAUSTED_RETRY_CONDITION": outcome.exhausted} if outcome.exhausted else {})


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
