"""Events: every sample of an AWS event reaches exactly whom it must, and may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.wiring.alarms import key_lets, queue_lets
from loopwright.wiring.findings import Finding
from loopwright.wiring.patterns import PatternError, matches
from loopwright.wiring.samples import Sample, samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES"]

EVENTBRIDGE = "events.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule whose pattern could be read, with the handlers that it wakes."""

    node: Node
    pattern: dict[str, Any]
    wakes: frozenset[str]


def readable(stack: Stack) -> Iterator[Finding]:
    """A pattern is one that EventBridge takes."""
    for node in stack.of("rule"):
        stack.proven["rules"] += 1
        pattern = stack.json(node, "eventPattern")
        if pattern is None and stack.inputs(node).get("scheduleExpression"):
            continue
        try:
            matches(pattern, {})
        except PatternError as error:
            yield _broken("events.pattern", node, "eventPattern", "the pattern cannot be matched", str(error))


def reach(stack: Stack) -> Iterator[Finding]:
    """Every sample reaches exactly the handler that it is meant for; every rule is there for one of them."""
    if not stack.functions:
        return
    rules = list(_rules(stack))
    fired: set[str] = set()
    for sample in samples(stack):
        stack.proven["events"] += 1
        hit = [rule for rule in rules if _on(stack, rule) and matches(rule.pattern, sample.event)]
        fired |= {rule.node.id for rule in hit}
        yield from _compared(stack, sample, hit)
    for rule in rules:
        if rule.node.id not in fired:
            because = "it matches none of the events that AWS sends about this stack"
            yield _broken("events.unmatched", rule.node, "eventPattern", "the rule never wakes anybody", because)


def _compared(stack: Stack, sample: Sample, hit: list[Rule]) -> Iterator[Finding]:
    found = {word for rule in hit for word in rule.wakes}
    wanted = {sample.wakes} - {None}
    for word in sorted(found - wanted):
        rule = next(rule for rule in hit if word in rule.wakes)
        because = f"this is none of its business: {sample.told}"
        yield _broken("events.reach", rule.node, "eventPattern", f"the {word} is woken by an event too many", because)
    for word in sorted(filter(None, wanted - found)):
        node = hit[0].node if hit else stack.functions.get(word)
        kind = sample.event["detail-type"]
        finding = Finding(
            rule="events.reach" if sample.needed else "events.early",
            node=node.id if node else word,
            path="eventPattern" if hit else "",
            what=f"the {word} is not woken when {sample.told}",
            because=f"no rule with the {word} as its target matches this event of the kind {kind!r}",
            attempt="mend the pattern in infra/mlops/patterns.py or its target in infra/mlops/triggers.py",
            note=not sample.needed,
        )
        yield finding


def _rules(stack: Stack) -> Iterator[Rule]:
    words = {node.id: word for word, node in stack.functions.items()}
    for node in stack.of("rule"):
        pattern = stack.json(node, "eventPattern")
        try:
            matches(pattern, {})
        except PatternError:
            continue
        woken = [stack.at(stack.inputs(target).get("arn"), "function") for target in _targets(stack, node)]
        yield Rule(node=node, pattern=pattern, wakes=frozenset(words[each.id] for each in woken if each))


def _on(stack: Stack, rule: Rule) -> bool:
    inputs = stack.inputs(rule.node)
    return inputs.get("state", "ENABLED") != "DISABLED" and inputs.get("isEnabled", True) is not False


def _targets(stack: Stack, rule: Node) -> list[Node]:
    return [node for node in stack.of("target") if stack.at(stack.inputs(node).get("rule"), "rule") is rule]


def targets(stack: Stack) -> Iterator[Finding]:
    """Every rule has a target, the target is a function of the stack, and lets this rule call it."""
    for rule in stack.of("rule"):
        mine = _targets(stack, rule)
        if not mine:
            yield _broken("events.target", rule, "", "the rule has no target", "what matches it wakes nobody")
        for target in mine:
            function = stack.at(stack.inputs(target).get("arn"), "function")
            if function is None:
                because = f"{stack.inputs(target).get('arn')} is no function of the stack"
                yield _broken("events.target", target, "arn", "the rule's target is not there", because)
            elif not any(_permits(stack, each, function, rule) for each in stack.of("permission")):
                because = f"no permission lets {EVENTBRIDGE} invoke {function.id} for the ARN of {rule.id}"
                yield _broken("events.permission", target, "arn", "the function refuses the rule", because)


def _permits(stack: Stack, permission: Node, function: Node, rule: Node) -> bool:
    inputs = stack.inputs(permission)
    return (
        stack.at(inputs.get("function"), "function") is function
        and inputs.get("principal") == EVENTBRIDGE
        and inputs.get("action") == "lambda:InvokeFunction"
        and inputs.get("sourceArn") == stack.arn(rule)
        and inputs.get("sourceAccount", stack.context["aws:SourceAccount"]) == stack.context["aws:SourceAccount"]
    )


def permissions(stack: Stack) -> Iterator[Finding]:
    """Every permission is one that a rule needs."""
    for node in stack.of("permission"):
        rule = stack.at(stack.inputs(node).get("sourceArn"), "rule")
        function = stack.at(stack.inputs(node).get("function"), "function")
        woken = [
            stack.at(stack.inputs(each).get("arn"), "function") for each in (_targets(stack, rule) if rule else ())
        ]
        if rule and function and not any(each is function for each in woken):
            because = f"{rule.id} has another target"
            yield _broken(
                "events.permission", node, "function", "the permission is for a rule that never calls", because
            )


def dead_letters(stack: Stack) -> Iterator[Finding]:
    """What a rule cannot deliver lands in a queue that takes it."""
    for target in stack.of("target"):
        rule = stack.at(stack.inputs(target).get("rule"), "rule")
        value = (stack.inputs(target).get("deadLetterConfig") or {}).get("arn")
        queue = stack.at(value, "queue")
        where = "deadLetterConfig.arn"
        if queue is None:
            because = f"{value} is no queue of the stack" if value else "the target has no dead-letter queue"
            yield _broken("events.dead_letter", target, where, "what cannot be delivered is lost", because)
        elif rule is not None:
            if not queue_lets(stack, queue, EVENTBRIDGE, stack.arn(rule)):
                because = f"the policy of {queue.id} does not let {EVENTBRIDGE} send for {stack.arn(rule)}"
                yield _broken("events.dead_letter", target, where, "what cannot be delivered is lost", because)
            yield from key_lets(stack, queue, "kmsMasterKeyId", EVENTBRIDGE)


def notifications(stack: Stack) -> Iterator[Finding]:
    """A bucket whose objects wake somebody tells EventBridge about them."""
    bucket = stack.at(stack.variables("controller").get("DATA_BUCKET"), "bucket")
    if bucket is None or not stack.agreed("triggers", "new_data"):
        return
    told = [
        node
        for node in stack.graph.of_type("aws:s3/bucketNotification:BucketNotification")
        if stack.at(stack.inputs(node).get("bucket"), "bucket") is bucket and stack.inputs(node).get("eventbridge")
    ]
    if not told:
        because = "the bucket does not tell EventBridge of new objects"
        yield _broken("events.notification", bucket, "", "new data wakes nobody", because)


def _broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    attempt = "mend infra/mlops/triggers.py, which makes rules, targets and permissions"
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=attempt)


RULES = (readable, reach, targets, permissions, dead_letters, notifications)
