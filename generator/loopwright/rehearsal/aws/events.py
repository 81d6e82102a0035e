"""EventBridge's default bus: patterns, targets, retries and dead letters, as the graph declares them.

- Matching: "Creating Amazon EventBridge event patterns" (Amazon EventBridge User Guide), by the wiring's own matcher.
- A disabled rule does nothing: "Disabling or deleting an Amazon EventBridge rule".
- Retries: "How EventBridge retries delivering events"; see ``retrying``.
- Dead letters and their attributes: "Using dead-letter queues to process undelivered events in EventBridge".
- Metrics: "Monitoring Amazon EventBridge".
- S3 sends nothing where the bucket does not say so: "Enabling Amazon EventBridge" (Amazon S3 User Guide).
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.faults import Faults
from loopwright.rehearsal.aws.retrying import Delivery, DeliveryError, Event, Outcome, copied
from loopwright.rehearsal.aws.routes import Rule, Target, rules, told
from loopwright.wiring.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.metrics import Metrics
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.rehearsal.aws.retrying import Deliver
    from loopwright.wiring.stack import Stack

__all__ = ["Bus"]

ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


class Bus:
    """The default event bus of a stack.

    Args:
        stack: The stack whose rules and targets these are.
        clock: The clock that deliveries are planned on: nothing is delivered within ``put``.
        deliver: Hands an event to a target.
        queues: Where dead letters go.
        seed: Fixes the jitter of the retries.
        faults: What happens to events on the way.
        metrics: Where the metrics of ``AWS/Events`` are put; None: nowhere.

    Raises:
        UnknownError: A rule or a target has something that is not emulated.
    """

    def __init__(
        self,
        stack: Stack,
        clock: Clock,
        deliver: Deliver,
        queues: Queues,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._stack, self._clock, self._deliver, self._queues = stack, clock, deliver, queues
        self._seed, self._faults, self._metrics = seed, faults or Faults(), metrics
        self._rules = rules(stack, queues)
        self._told = set(told(stack))
        self._count = 0
        self._overtaken: list[Callable[[], None]] = []

    def put(self, event: Event) -> None:
        """Take an event that a service of AWS sends about the account, and plan its delivery.

        Raises:
            UnknownError: It has not the fields that every event has.
        """
        if set(event) != ENVELOPE:
            raise UnknownError(
                f"an event with the fields {', '.join(sorted(event))}",
                because=f"every event of AWS has {', '.join(sorted(ENVELOPE))}",
                attempt="make it as the samples beside loopwright.wiring.samples are made",
            )
        if event["source"] == "aws.s3" and not self._notified(event):
            return
        self._count += 1
        fate = self._faults.fate(self._count)
        for copy, delay in enumerate(fate.delays):
            route = partial(self._route, copied(event), f"{self._seed} {self._count} {copy}", self._clock.now)
            if fate.overtaken:
                self._hold(route, self._faults.longest)
            else:
                self._clock.after(delay, route)
        if fate.delays and not fate.overtaken:
            for held in list(self._overtaken):
                self._clock.after(fate.delays[0], partial(self._release, held))

    def disturb(self, faults: Faults) -> None:
        """Let other things happen to events on the way from now on."""
        self._faults = faults

    def _notified(self, event: Event) -> bool:
        bucket = self._stack.at(event["detail"]["bucket"]["name"], "bucket")
        return bucket is not None and bucket.id in self._told

    def _hold(self, route: Callable[[], None], longest: timedelta) -> None:
        self._overtaken.append(route)
        self._clock.after(longest, partial(self._release, route))

    def _release(self, route: Callable[[], None]) -> None:
        if route in self._overtaken:
            self._overtaken.remove(route)
            route()

    def _route(self, event: Event, seed: str, born: datetime) -> None:
        hit = [rule for rule in self._rules if matches(rule.pattern, event)]
        if hit:
            self._tell("MatchedEvents", None)
        for rule in hit:
            self._tell("TriggeredRules", rule.name)
            for number, target in enumerate(rule.targets):
                self._send(event, rule, target, f"{seed} {rule.name} {number}").start(born)

    def _send(self, event: Event, rule: Rule, target: Target, seed: str) -> Delivery:
        given = event if target.input is None else target.input

        def call(_attempt: int) -> None:
            if target.refused:
                raise target.refused
            self._deliver(target.arn, copied(given))

        ended = partial(self._ended, event, rule, target)
        return Delivery(self._clock, target.retries, seed=seed, call=call, ended=ended)

    def _ended(self, event: Event, rule: Rule, target: Target, outcome: Outcome) -> None:
        self._tell("Invocations", rule.name)
        if outcome.error is None:
            return
        self._tell("FailedInvocations", rule.name)
        if target.dead_letters is None:
            return
        if not target.may_bury:
            self._tell("InvocationsFailedToBeSentToDlq", rule.name)
            return
        attributes = _attributes(self._stack.arn(target.rule), target.arn, outcome, outcome.error)
        self._queues.send(target.dead_letters, json.dumps(event), attributes)
        self._tell("InvocationsSentToDlq", rule.name)

    def _tell(self, metric: str, rule: str | None) -> None:
        if self._metrics is not None:
            dimensions = {"RuleName": rule} if rule else {}
            self._metrics.put("AWS/Events", metric, dimensions, 1.0, self._clock.now, unit="Count")


def _attributes(rule: str, target: str, outcome: Outcome, error: DeliveryError) -> dict[str, str]:
    found = {
        "RULE_ARN": rule,
        "TARGET_ARN": target,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
        "RETRY_ATTEMPTS": str(outcome.retries),
    }
    return found | ({"EXHAUSTED_RETRY_CONDITION": outcome.exhausted} if outcome.exhausted else {})
