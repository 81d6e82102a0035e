"""Who may do what: the permissions without which an event does not arrive.

"Using resource-based policies for Amazon EventBridge" (Amazon EventBridge User Guide): a function lets a rule call it
by its own policy, and so does a queue that takes dead letters; a key of that queue lets EventBridge use it too.
"Key management" (Amazon SQS Developer Guide): to a queue under AWS's own key no other service can send; a key that the
stack does not make is taken for such a one.
"Setting up the execution role" (EventBridge Scheduler User Guide) and "Lambda execution role" (AWS Lambda Developer
Guide): Scheduler and Lambda send as the role that they are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.wiring.alarms import KEY_USE, key_lets, queue_lets
from loopwright.wiring.iam import allowed, glob, principals, statements

if TYPE_CHECKING:
    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["role_may", "role_sends", "role_uses", "rule_invokes", "service_sends"]

EVENTBRIDGE = "events.amazonaws.com"


def rule_invokes(stack: Stack, rule: Node, function: Node) -> bool:
    """Tell whether a function lets EventBridge invoke it for a rule."""
    source, account = stack.arn(rule), stack.context["aws:SourceAccount"]
    return any(
        stack.at(inputs.get("function"), "function") is function
        and inputs.get("principal") == EVENTBRIDGE
        and inputs.get("action") in {"lambda:InvokeFunction", "lambda:*"}
        and glob(str(inputs.get("sourceArn", source)), source)
        and inputs.get("sourceAccount", account) == account
        for inputs in map(stack.inputs, stack.of("permission"))
    )


def service_sends(stack: Stack, queue: Node, service: str, source: str) -> bool:
    """Tell whether a service may send to a queue, and use the queue's key, for the ARN of a source."""
    if not queue_lets(stack, queue, service, source) or _locked(stack, queue):
        return False
    return not any(key_lets(stack, queue, "kmsMasterKeyId", service))


def role_may(stack: Stack, role: Node | None, service: str, action: str, resource: str) -> bool:
    """Tell whether a service may take a role, and the role may do something."""
    return (
        role is not None
        and _trusts(stack, role, service)
        and allowed(stack.policy(role), action, resource, stack.context)
    )


def role_sends(stack: Stack, role: Node | None, service: str, queue: Node) -> bool:
    """Tell whether a service may send to a queue as a role, and the role may use the queue's key."""
    if role is None or not role_may(stack, role, service, "sqs:SendMessage", stack.arn(queue)):
        return False
    if _locked(stack, queue):
        return False
    key = stack.at(stack.inputs(queue).get("kmsMasterKeyId"), "key")
    return key is None or all(role_uses(stack, key, role, action) for action in KEY_USE)


def _locked(stack: Stack, queue: Node) -> bool:
    """Tell whether a queue is encrypted with a key that is not of the stack."""
    key = stack.inputs(queue).get("kmsMasterKeyId")
    return bool(key) and stack.at(key, "key") is None


def _trusts(stack: Stack, role: Node, service: str) -> bool:
    given = statements(stack.json(role, "assumeRolePolicy"))
    # A trust policy is about the role itself: it names no resource.
    mine = [each | {"Resource": "*"} for each in given if service in principals(each, "Service")]
    return allowed(mine, "sts:AssumeRole", stack.arn(role), stack.context)


def role_uses(stack: Stack, key: Node, role: Node, action: str) -> bool:
    """Tell whether a key's policy lets a role do something with it."""
    given = [each for each in statements(stack.json(key, "policy")) if stack.arn(role) in _roles(stack, each)]
    return allowed(given, action, stack.arn(key), stack.context)


def _roles(stack: Stack, statement: dict[str, Any]) -> list[str]:
    """Return the roles that a statement names as ARNs; in the graph they may be references to one."""
    named = [(value, stack.at(value, "role")) for value in principals(statement, "AWS")]
    return [stack.arn(role) if role else value for value, role in named]
