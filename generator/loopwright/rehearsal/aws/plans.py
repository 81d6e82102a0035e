"""The schedules of a graph as the emulated Scheduler reads them; what it does not know is refused.

"CreateSchedule" and "Target" (EventBridge Scheduler API Reference); "Setting up the execution role" (EventBridge
Scheduler User Guide): Scheduler calls the target and sends the dead letter as the schedule's role.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.permits import role_may, role_sends
from loopwright.rehearsal.aws.retrying import DeliveryError, Retries, only
from loopwright.wiring.schedules import ACTIONS

if TYPE_CHECKING:
    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.wiring.stack import Stack

__all__ = ["Plan", "plans"]

SCHEDULER = "scheduler.amazonaws.com"
SCHEDULE = {
    *(
        "name",
        "namePrefix",
        "groupName",
        "description",
        "region",
        "state",
        "kmsKeyArn",
        "target",
        "startDate",
        "endDate",
    ),
    *("scheduleExpression", "scheduleExpressionTimezone", "flexibleTimeWindow"),
}
TARGET = {"arn", "roleArn", "input", "deadLetterConfig", "retryPolicy", "sagemakerPipelineParameters"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule that is on."""

    arn: str
    expression: str
    timezone: str
    start: datetime | None
    end: datetime | None
    target: str
    """ARN of a function or of a pipeline."""
    payload: str
    """JSON, with the context attributes not yet replaced."""
    refused: DeliveryError | None
    """Why the target can never be called."""
    retries: Retries
    dead_letters: Node | None
    may_bury: bool

    def execution(self, due: datetime, attempt: int) -> str:
        """Return the id of an attempt: sixteen hexadecimal digits, the same each time."""
        return hashlib.sha256(f"{self.arn} {due.isoformat()} {attempt}".encode()).hexdigest()[:16]


def plans(stack: Stack, queues: Queues) -> list[Plan]:
    """Return the schedules that are on.

    Raises:
        UnknownError: A schedule has something that is not emulated.
    """
    found = [(node, stack.inputs(node)) for node in stack.of("schedule")]
    return [_plan(stack, queues, node) for node, inputs in found if _on(node, inputs)]


def _on(node: Node, inputs: dict[str, Any]) -> bool:
    only(f"the schedule {node.id}", inputs, SCHEDULE)
    state, window = inputs.get("state") or "ENABLED", (inputs.get("flexibleTimeWindow") or {}).get("mode")
    if state not in {"ENABLED", "DISABLED"}:
        raise _refused(node, f"the state {state}", "a schedule is ENABLED or DISABLED")
    if window != "OFF":
        raise _refused(node, f"the flexible window {window}", "when in its window Scheduler calls is not documented")
    return bool(state == "ENABLED")


def _plan(stack: Stack, queues: Queues, node: Node) -> Plan:
    inputs = stack.inputs(node)
    target = inputs.get("target") or {}
    only(f"the target of {node.id}", target, TARGET)
    kind, found = _target(stack, node, target)
    role, arn = stack.at(target.get("roleArn"), "role"), stack.arn(found) if found else str(target.get("arn"))
    queue = queues.at((target.get("deadLetterConfig") or {}).get("arn"))
    return Plan(
        arn=stack.arn(node),
        expression=str(inputs.get("scheduleExpression")),
        timezone=inputs.get("scheduleExpressionTimezone") or "UTC",
        start=_date(inputs.get("startDate")),
        end=_date(inputs.get("endDate")),
        target=arn,
        payload=_payload(stack, node, kind, found),
        refused=_why_not(stack, role, kind, found, arn),
        retries=Retries.of(target.get("retryPolicy")),
        dead_letters=queue,
        may_bury=queue is not None and role_sends(stack, role, SCHEDULER, queue),
    )


def _target(stack: Stack, node: Node, target: dict[str, Any]) -> tuple[str, Node | None]:
    arn = target.get("arn")
    for kind in ACTIONS:
        if found := stack.at(arn, kind):
            return kind, found
    if "aws-sdk" in str(arn):
        raise _refused(node, f"the target {arn}", "calls other than of a function or a pipeline are not emulated")
    return "", None


def _why_not(stack: Stack, role: Node | None, kind: str, found: Node | None, arn: str) -> DeliveryError | None:
    if found is None:
        return DeliveryError("ResourceNotFoundException", f"{arn} does not exist")
    if not role_may(stack, role, SCHEDULER, ACTIONS[kind], arn):
        return DeliveryError("AccessDeniedException", f"the schedule's role may not perform {ACTIONS[kind]} on {arn}")
    return None


def _payload(stack: Stack, node: Node, kind: str, found: Node | None) -> str:
    target = stack.inputs(node)["target"]
    given = (target.get("sagemakerPipelineParameters") or {}).get("pipelineParameters") or []
    if kind == "pipeline" and found is not None:
        if target.get("input"):
            raise _refused(node, "an input for a pipeline", "a pipeline takes parameters")
        parameters = [{"Name": each["name"], "Value": each["value"]} for each in given]
        return json.dumps({"PipelineName": stack.name(found), "PipelineParameters": parameters})
    if not target.get("input") and found is not None:
        raise _refused(node, "no input for a function", "the notification that AWS sends then is not emulated")
    return str(target.get("input") or "{}")


def _date(value: object) -> datetime | None:
    """Return a start or an end, which AWS reads as UTC."""
    return datetime.fromisoformat(str(value)).astimezone(UTC) if value else None


def _refused(node: Node, what: str, because: str) -> UnknownError:
    return UnknownError(f"{node.id} with {what}", because=because, attempt="rehearse a schedule without it")
