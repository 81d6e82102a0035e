"""The rules and targets of a graph as the emulated bus reads them; what it does not know is refused.

A target that is gone or that does not let the rule call it is never tried again: "Using dead-letter queues to process
undelivered events in EventBridge" (Amazon EventBridge User Guide).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.permits import EVENTBRIDGE, rule_invokes, service_sends
from loopwright.rehearsal.aws.retrying import DeliveryError, Event, Retries, only
from loopwright.wiring.patterns import PatternError, matches
from loopwright.wiring.stack import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.wiring.stack import Stack

__all__ = ["Rule", "Target", "rules", "told"]

TOLD = {"description", "name", "namePrefix", "region", "tags", "tagsAll", "forceDestroy"}
RULE = TOLD | {"eventPattern", "state", "isEnabled", "eventBusName"}
TARGET = TOLD | {"rule", "targetId", "arn", "input", "retryPolicy", "deadLetterConfig", "eventBusName"}
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A function that a rule calls."""

    rule: Node
    arn: str
    """ARN of the function."""
    refused: DeliveryError | None
    """Why no event can ever be delivered."""
    retries: Retries
    dead_letters: Node | None
    """The queue for what could not be delivered; None: it is dropped."""
    may_bury: bool
    """False: the queue or its key does not let the rule send there."""
    input: Event | None
    """What the function is handed in place of the event."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that is on."""

    name: str
    pattern: dict[str, Any]
    targets: tuple[Target, ...]


def rules(stack: Stack, queues: Queues) -> list[Rule]:
    """Return the rules that are on.

    Raises:
        UnknownError: A rule or a target has something that is not emulated.
    """
    return [_rule(stack, queues, node) for node in stack.of("rule") if _on(stack, node)]


def _on(stack: Stack, node: Node) -> bool:
    inputs = stack.inputs(node)
    state = inputs.get("state") or "ENABLED"
    if state not in {"ENABLED", "DISABLED"} or inputs.get("eventBusName", "default") != "default":
        raise UnknownError(
            f"the rule {node.id} in the state {state} on the bus {inputs.get('eventBusName', 'default')}",
            because="the emulated bus is the default one, and its rules are on or off",
            attempt="put the rule on the default bus",
        )
    return state == "ENABLED" and inputs.get("isEnabled") is not False


def _rule(stack: Stack, queues: Queues, node: Node) -> Rule:
    only(f"the rule {node.id}", stack.inputs(node), RULE)
    pattern = stack.json(node, "eventPattern")
    try:
        matches(pattern, {})
    except PatternError as error:
        raise UnknownError(
            f"the pattern of {node.id}",
            because=str(error),
            attempt="mend the pattern: `loopwright check` says the same",
        ) from error
    mine = [each for each in stack.of("target") if stack.at(stack.inputs(each).get("rule"), "rule") is node]
    targets = tuple(_target(stack, queues, node, each) for each in mine)
    return Rule(name=stack.name(node), pattern=pattern, targets=targets)


def _target(stack: Stack, queues: Queues, rule: Node, node: Node) -> Target:
    inputs = stack.inputs(node)
    only(f"the target {node.id}", inputs, TARGET)
    arn = str(inputs.get("arn"))
    function = stack.at(arn, "function")
    queue = queues.at((inputs.get("deadLetterConfig") or {}).get("arn"))
    return Target(
        rule=rule,
        arn=stack.arn(function) if function else arn,
        refused=_refused(stack, rule, node, arn),
        retries=Retries.of(inputs.get("retryPolicy")),
        dead_letters=queue,
        may_bury=queue is not None and service_sends(stack, queue, EVENTBRIDGE, stack.arn(rule)),
        input=json.loads(inputs["input"]) if inputs.get("input") else None,
    )


def _refused(stack: Stack, rule: Node, target: Node, arn: str) -> DeliveryError | None:
    function = stack.at(arn, "function")
    if function is None:
        kinds = [kind for kind in KINDS if stack.at(arn, kind)]
        if kinds:
            raise UnknownError(
                f"the target {target.id} that is a {kinds[0]}",
                because="the emulated bus delivers to functions only",
                attempt="let a function do it",
            )
        return DeliveryError("NO_RESOURCE", f"{arn} does not exist")
    if not rule_invokes(stack, rule, function):
        return DeliveryError("NO_PERMISSIONS", f"{stack.arn(rule)} may not perform lambda:InvokeFunction on {arn}")
    return None


def told(stack: Stack) -> Iterator[str]:
    """Yield the ids of the buckets that tell EventBridge about their objects."""
    for node in stack.graph.of_type(NOTIFICATION):
        bucket = stack.at(stack.inputs(node).get("bucket"), "bucket")
        if bucket is not None and stack.inputs(node).get("eventbridge"):
            yield bucket.id
