"""Schedules: what is done again and again is there, may be started, and happens as often as the contract says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import allowed, as_list, principals, statements
from loopwright.wiring.metrics import seconds
from loopwright.wiring.stack import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES"]

RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
FIELD = r"[\d*?,\-/A-Z#]+"
CRON = re.compile(rf"cron\({FIELD} {FIELD} {FIELD} {FIELD} {FIELD} {FIELD}\)")
ONCE = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
ACTIONS = {"function": "lambda:InvokeFunction", "pipeline": "sagemaker:StartPipelineExecution"}
KEY_USE = ("kms:Decrypt", "kms:GenerateDataKey")


def expressions(stack: Stack) -> Iterator[Finding]:
    """An expression is one that Scheduler takes."""
    for node in stack.of("schedule"):
        stack.proven["schedules"] += 1
        text = str(stack.inputs(node).get("scheduleExpression", ""))
        if fault := _fault(text):
            yield _broken("schedules.expression", node, "scheduleExpression", f"{text} is no time", fault)


def _fault(text: str) -> str:
    """Return what is wrong with an expression, or nothing."""
    if found := RATE.fullmatch(text):
        number, plural = int(found[1]), bool(found[3])
        return "" if number and plural == (number > 1) else "one minute, but two minutes; never none"
    if CRON.fullmatch(text):
        _, _, day, _, weekday, _ = text[len("cron(") : -1].split(" ")
        return "" if (day == "?") != (weekday == "?") else "either the day of the month or that of the week is ?"
    return "" if ONCE.fullmatch(text) else "it is rate(NUMBER UNIT), cron(with six fields) or at(DATE)"


def targets(stack: Stack) -> Iterator[Finding]:
    """A schedule's target is there, and its role may start it, keep what failed, and use the key."""
    for node in stack.of("schedule"):
        target = stack.inputs(node).get("target") or {}
        kind, found = _target(stack, target.get("arn"))
        role = stack.at(target.get("roleArn"), "role")
        if found is None:
            because = f"{target.get('arn')} is no function and no pipeline of the stack"
            yield _broken("schedules.target", node, "target.arn", "it starts nothing", because)
            continue
        if role is None:
            continue  # names.py says so
        action, arn = ACTIONS[kind], str(target.get("arn"))
        if not allowed(stack.policy(role), action, arn, stack.context):
            because = f"the policy of {role.id} does not allow {action} on {arn}"
            yield _broken("schedules.role", node, "target.roleArn", "the schedule may not start its target", because)
        yield from _kept(stack, node, role)
        yield from _key(stack, node, role)


def _target(stack: Stack, arn: object) -> tuple[str, Node | None]:
    for kind in ACTIONS:
        if found := stack.at(arn, kind):
            return kind, found
    return "", None


def _kept(stack: Stack, node: Node, role: Node) -> Iterator[Finding]:
    value = ((stack.inputs(node).get("target") or {}).get("deadLetterConfig") or {}).get("arn")
    queue = stack.at(value, "queue")
    if queue is None:
        because = f"{value} is no queue of the stack" if value else "the schedule has no dead-letter queue"
        yield _broken("schedules.dead_letter", node, "target.deadLetterConfig.arn", "a failed start is lost", because)
    elif not allowed(stack.policy(role), "sqs:SendMessage", stack.arn(queue), stack.context):
        because = f"the policy of {role.id} does not allow sqs:SendMessage on {stack.arn(queue)}"
        yield _broken("schedules.dead_letter", node, "target.deadLetterConfig.arn", "a failed start is lost", because)


def _key(stack: Stack, node: Node, role: Node) -> Iterator[Finding]:
    """The payload is encrypted with a key, and so is the queue; the role uses both."""
    key = stack.at(stack.inputs(node).get("kmsKeyArn"), "key")
    given = statements(stack.json(key, "policy")) if key else []
    mine = [each for each in given if stack.arn(role) in _users(stack, each)]
    for action in KEY_USE if key else ():
        if not allowed(mine, action, "*", stack.context):
            because = f"the policy of {key.id if key else ''} does not allow {role.id} {action}"
            yield _broken("schedules.key", node, "kmsKeyArn", "the schedule cannot read its own payload", because)


def _users(stack: Stack, statement: dict[str, object]) -> list[str]:
    """Return the roles of a statement as ARNs; in the graph they may be references to one."""
    found = []
    for value in principals(statement, "AWS"):
        role = stack.at(value, "role")
        found.append(stack.arn(role) if role else value)
    return found


def payloads(stack: Stack) -> Iterator[Finding]:
    """A function is handed a JSON object with a reason, and never the one that only a person gives."""
    manual = stack.sources.manual_reasons
    for node in stack.of("schedule"):
        target = stack.inputs(node).get("target") or {}
        if stack.at(target.get("arn"), "function") is None:
            continue
        payload = parsed(target.get("input"))
        reason = payload.get("reason") if isinstance(payload, dict) else None
        if not isinstance(reason, str):
            because = "the handler takes a JSON object that says the reason"
            yield _broken("schedules.payload", node, "target.input", "the payload says nothing", because)
        elif reason in manual:
            because = f"{reason} is what a person says, and it starts a retraining whatever the state is"
            yield _broken("schedules.payload", node, "target.input", f"the clock says {reason}", because)


def agreed(stack: Stack) -> Iterator[Finding]:
    """The monitor runs as often as the contract says, and every handler looks at the world again and again."""
    if not stack.functions:
        return
    started: dict[str, list[str]] = {}
    for node in stack.of("schedule"):
        _, found = _target(stack, (stack.inputs(node).get("target") or {}).get("arn"))
        if found is not None and stack.inputs(node).get("state", "ENABLED") == "ENABLED":
            started.setdefault(found.id, []).append(str(stack.inputs(node).get("scheduleExpression")))
    for word, node in sorted(stack.functions.items()):
        if not any(text.startswith("rate(") for text in started.get(node.id, [])):
            because = "an event may be lost, and drift may outlive a retraining: without a tick nobody looks again"
            yield _broken("schedules.tick", node, "", f"the {word} has no tick", because)
    yield from _monitored(stack, started)
    wanted = str(stack.agreed("triggers", "schedule") or "")
    controller = stack.functions.get("controller")
    if wanted.startswith("cron(") and controller and wanted not in started.get(controller.id, []):
        because = f"loop.yaml says {wanted}, and no schedule wakes the controller then"
        yield _broken("schedules.agreed", controller, "", "nothing is retrained on schedule", because)


def _monitored(stack: Stack, started: dict[str, list[str]]) -> Iterator[Finding]:
    every, training = seconds(stack.agreed("drift", "every")), stack.variables("controller").get("PIPELINE_NAME")
    for name, node in stack.named("pipeline").items():
        found = [RATE.fullmatch(text) for text in started.get(node.id, [])]
        spans = [int(each[1]) * UNITS[each[2]] for each in found if each]
        if name == training:
            if started.get(node.id):
                because = "only the controller starts it: it knows the champion, the windows and the budget"
                yield _broken("schedules.agreed", node, "", "the training pipeline starts by the clock", because)
        elif every not in spans:
            because = (
                f"loop.yaml says drift.every {stack.agreed('drift', 'every')}, and it starts every {spans} seconds"
            )
            yield _broken("schedules.agreed", node, "", "the monitor does not run as agreed", because)


def retries(stack: Stack) -> Iterator[Finding]:
    """A function keeps what it could not do in a queue that its role may send to."""
    for node in stack.of("function"):
        value = (stack.inputs(node).get("deadLetterConfig") or {}).get("targetArn")
        queue, role = stack.at(value, "queue"), stack.at(stack.inputs(node).get("role"), "role")
        if queue is None:
            because = f"{value} is no queue of the stack" if value else "the function has no dead-letter queue"
            yield _broken("functions.dead_letter", node, "deadLetterConfig", "a failed wake-up is lost", because)
        elif role and not allowed(stack.policy(role), "sqs:SendMessage", stack.arn(queue), stack.context):
            because = f"the policy of {role.id} does not allow sqs:SendMessage on {stack.arn(queue)}"
            yield _broken("functions.dead_letter", node, "deadLetterConfig", "a failed wake-up is lost", because)


def key_users(stack: Stack) -> Iterator[Finding]:
    """Every role of a service may use the stack's key: all that it reads and writes is encrypted with it."""
    for role in stack.of("role"):
        trusted = [each for each in statements(stack.json(role, "assumeRolePolicy")) if principals(each, "Service")]
        for key in stack.of("key") if trusted else ():
            given = statements(stack.json(key, "policy"))
            mine = [each for each in given if stack.arn(role) in _users(stack, each)]
            for action in KEY_USE:
                if not any(action in as_list(each.get("Action")) for each in mine):
                    because = f"the key's policy does not name {role.id} for {action}"
                    yield _broken("roles.key", key, "policy", f"{stack.name(role)} cannot read what it should", because)


def _broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    attempt = "mend infra/mlops/triggers.py or the role in infra/mlops/policies/roles.py"
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=attempt)


RULES = (expressions, targets, payloads, agreed, retries, key_users)
