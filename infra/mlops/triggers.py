"""`loopwright:triggers:DeadLetters` and `loopwright:triggers:Triggers`: what wakes the handlers and the monitor.

Children: the queue of what could not be delivered; EventBridge rules with one target each; schedules. Events only wake:
what is done follows from the state of the world, so a lost or doubled one changes nothing. Costs: next to nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import cloudwatch, lambda_, scheduler, sqs

from mlops.policies import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.naming import Names
    from mlops.patterns import Pattern

__all__ = ["DeadLetters", "DeadLettersArgs", "Schedule", "Triggers", "TriggersArgs", "Wake"]

KEPT_SECONDS = 14 * 24 * 3600
RETRIES, EVENT_AGE_SECONDS = 8, 3600
RECHECK = "rate(1 hour)"


@dataclass(frozen=True, kw_only=True)
class DeadLettersArgs:
    """Inputs of `DeadLetters`."""

    names: Names
    """The stack's names."""
    key_arn: pulumi.Input[str]
    """Key of the queue."""


class DeadLetters(pulumi.ComponentResource):
    """The queue that keeps, for two weeks, what could not be delivered or handled."""

    queue_arn: pulumi.Output[str]
    """ARN of the queue."""

    def __init__(self, name: str, args: DeadLettersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:triggers:DeadLetters", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        queue = sqs.Queue(
            f"{name}-queue",
            name=args.names.of("failed"),
            kms_master_key_id=args.key_arn,
            message_retention_seconds=KEPT_SECONDS,
            opts=child,
        )
        sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.url,
            policy=pulumi.Output.json_dumps(resources.queue(args.names)),
            opts=child,
        )
        self.queue_arn = queue.arn
        self.register_outputs({"queue_arn": self.queue_arn})


@dataclass(frozen=True, kw_only=True)
class Wake:
    """A function, and the events that wake it."""

    function_arn: pulumi.Input[str]
    patterns: Mapping[str, Pattern]
    """Event patterns by role; each becomes a rule."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Something done again and again."""

    expression: str
    """`rate(...)` or `cron(...)`, in UTC."""
    target_arn: pulumi.Input[str]
    payload: Mapping[str, Any] | None = field(default=None)
    """What a function is handed; None for a pipeline."""


@dataclass(frozen=True, kw_only=True)
class TriggersArgs:
    """Inputs of `Triggers`."""

    names: Names
    """The stack's names."""
    wakes: Mapping[str, Wake]
    """The functions by their role."""
    schedules: Mapping[str, Schedule]
    """The schedules by their role."""
    scheduler_role_arn: pulumi.Input[str]
    """Role of the schedules."""
    queue_arn: pulumi.Input[str]
    """Queue of what could not be delivered."""
    key_arn: pulumi.Input[str]
    """Key of the schedules' payloads."""


class Triggers(pulumi.ComponentResource):
    """The rules and schedules of the loop."""

    rule_names: dict[str, pulumi.Output[str]]
    """Names of the rules by role."""

    def __init__(self, name: str, args: TriggersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:triggers:Triggers", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.rule_names = {}
        for function, wake in args.wakes.items():
            for role, pattern in wake.patterns.items():
                self.rule_names[role] = self._rule(role, pattern, function, wake.function_arn)
        for role, schedule in args.schedules.items():
            self._schedule(role, schedule)
        self.register_outputs({"rule_names": self.rule_names})

    def _rule(self, role: str, pattern: Pattern, function: str, function_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        """Make a rule that wakes one function, and let it do so."""
        name, names = f"{self._name}-{role}", self._args.names
        rule = cloudwatch.EventRule(
            name,
            name=names.of(role),
            description=f"wakes the {function}",
            event_pattern=json.dumps(pattern, sort_keys=True),
            opts=self._child,
        )
        cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id=function,
            arn=function_arn,
            dead_letter_config={"arn": self._args.queue_arn},
            retry_policy={"maximum_event_age_in_seconds": EVENT_AGE_SECONDS, "maximum_retry_attempts": RETRIES},
            opts=self._child,
        )
        lambda_.Permission(
            f"{name}-permission",
            statement_id=role,
            action="lambda:InvokeFunction",
            function=function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            source_account=names.account,
            opts=self._child,
        )
        return rule.name

    def _schedule(self, role: str, schedule: Schedule) -> None:
        payload = {"input": json.dumps(schedule.payload)} if schedule.payload is not None else {}
        scheduler.Schedule(
            f"{self._name}-{role}",
            name=self._args.names.of(role),
            schedule_expression=schedule.expression,
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            kms_key_arn=self._args.key_arn,
            target={
                "arn": schedule.target_arn,
                "role_arn": self._args.scheduler_role_arn,
                "dead_letter_config": {"arn": self._args.queue_arn},
                "retry_policy": {
                    "maximum_event_age_in_seconds": EVENT_AGE_SECONDS,
                    "maximum_retry_attempts": RETRIES,
                },
                **payload,
            },
            opts=self._child,
        )
