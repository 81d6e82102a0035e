"""Alarms: each tells somebody, says what missing data means, and wakes or rolls back what it is meant to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.wiring import filters
from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import allowed, principals, statements
from loopwright.wiring.metrics import alarm_metrics, namespaces, publishers, seconds
from loopwright.wiring.stack import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.metrics import Use
    from loopwright.wiring.stack import Stack

__all__ = ["RULES", "key_lets", "queue_lets", "topic_lets", "waking"]

WORDS = {"drift": "DriftScore", "quality": "QualityCusum", "data": "BrokenShare"}
"""The words that the controller knows its alarms by, and the metric that each must watch."""
MISSING = {"breaching", "notBreaching", "ignore", "missing"}
KEY_USE = ("kms:Decrypt", "kms:GenerateDataKey")


def waking(stack: Stack) -> set[str]:
    """Return the words of the alarms that the contract wants to wake the controller."""
    found = {"drift"} if stack.agreed("triggers", "drift") == "wake" else set()
    return found | ({"quality"} if stack.agreed("triggers", "quality") else set())


def actions(stack: Stack) -> Iterator[Finding]:
    """An alarm has an action, and the action is a topic of the stack."""
    for node in stack.of("alarm"):
        stack.proven["alarms"] += 1
        given = stack.inputs(node).get("alarmActions") or []
        if not given or stack.inputs(node).get("actionsEnabled") is False:
            yield _broken("alarms.action", node, "alarmActions", "the alarm tells nobody", "it has no action that runs")
        for index, action in enumerate(given):
            if stack.at(action, "topic") is None:
                because = f"{action} is no topic of the stack"
                yield _broken("alarms.action", node, f"alarmActions[{index}]", "the alarm tells nobody", because)


def topics(stack: Stack) -> Iterator[Finding]:
    """Whoever publishes to a topic may: alarms, the budget, and through the topic's key."""
    for service, node, where, value in _tellers(stack):
        topic = stack.at(value, "topic")
        if topic is None:
            continue
        if not topic_lets(stack, topic, service, stack.arn(node)):
            because = f"the policy of {topic.id} does not let {service} publish"
            yield _broken("alarms.topic", node, where, "what it tells does not arrive", because)
        yield from key_lets(stack, topic, "kmsMasterKeyId", service)


def topic_lets(stack: Stack, topic: Node, service: str, source: str) -> bool:
    """Tell whether a topic's policy lets a service publish for one source."""
    policies = [
        each
        for each in stack.graph.of_type("aws:sns/topicPolicy:TopicPolicy")
        if stack.at(stack.inputs(each).get("arn"), "topic") is topic
    ]
    given = [each for policy in policies for each in statements(stack.json(policy, "policy"))]
    mine = [each for each in given if service in principals(each, "Service")]
    return allowed(mine, "sns:Publish", stack.arn(topic), {**stack.context, "aws:SourceArn": source})


def _tellers(stack: Stack) -> Iterator[tuple[str, Node, str, str]]:
    for node in stack.of("alarm"):
        for field in ("alarmActions", "okActions", "insufficientDataActions"):
            for index, value in enumerate(stack.inputs(node).get(field) or []):
                yield "cloudwatch.amazonaws.com", node, f"{field}[{index}]", value
    for node in stack.of("budget"):
        for index, notice in enumerate(stack.inputs(node).get("notifications") or []):
            for value in notice.get("subscriberSnsTopicArns") or []:
                yield "budgets.amazonaws.com", node, f"notifications[{index}]", value


def key_lets(stack: Stack, node: Node, field: str, service: str) -> Iterator[Finding]:
    """Yield a finding where a service may not use the key that encrypts a node."""
    key = stack.at(stack.inputs(node).get(field), "key")
    if key is None:
        return
    given = [each for each in statements(stack.json(key, "policy")) if service in principals(each, "Service")]
    for action in KEY_USE:
        if not allowed(given, action, stack.arn(key), stack.context):
            yield Finding(
                rule="alarms.key" if node.type.endswith("Topic") else "events.key",
                node=key.id,
                path="policy",
                what=f"{service} cannot send to {node.id}",
                because=f"what is sent there is encrypted with this key, whose policy does not allow it {action}",
                attempt="add the service to the key's statement about services",
            )


def queue_lets(stack: Stack, queue: Node, service: str, source: str) -> bool:
    """Tell whether a queue's policy lets a service send for one source."""
    policies = [
        each
        for each in stack.graph.of_type("aws:sqs/queuePolicy:QueuePolicy")
        if stack.at(stack.inputs(each).get("queueUrl"), "queue") is queue
    ]
    given = [each for policy in policies for each in statements(stack.json(policy, "policy"))]
    mine = [each for each in given if service in principals(each, "Service")]
    return allowed(mine, "sqs:SendMessage", stack.arn(queue), {**stack.context, "aws:SourceArn": source})


def missing(stack: Stack) -> Iterator[Finding]:
    """An alarm says what missing data means."""
    for node in stack.of("alarm"):
        said = stack.inputs(node).get("treatMissingData")
        if said not in MISSING:
            because = f"treatMissingData is {said}; without a word CloudWatch goes to INSUFFICIENT_DATA and back"
            yield _broken("alarms.missing", node, "treatMissingData", "missing data means nothing here", because)
        inputs = stack.inputs(node)
        if int(inputs.get("datapointsToAlarm") or 1) > int(inputs.get("evaluationPeriods") or 1):
            because = "more datapoints must breach than periods are looked at"
            yield _broken("alarms.datapoints", node, "datapointsToAlarm", "the alarm can never be in ALARM", because)


def rollback(stack: Stack) -> Iterator[Finding]:
    """What takes a rollout back watches the endpoint's variant, and is none of the alarms that the cure is for."""
    node = stack.functions.get("deployer")
    names = parsed(stack.variables("deployer").get("ROLLBACK_ALARMS"))
    if node is None or not isinstance(names, list):
        return
    where = "environment.variables.ROLLBACK_ALARMS"
    if not names:
        yield _broken("alarms.rollback", node, where, "no rollout can be taken back", "it names no alarm")
    read = parsed(stack.variables("controller").get("ALARMS"))
    curing = set(read.values()) if isinstance(read, dict) else set()
    for name in names:
        stack.proven["rollback alarms"] += 1
        alarm = stack.at(name, "alarm")
        uses = alarm_metrics(stack, alarm) if alarm else []
        if name in curing:
            because = "the controller waits for it too: it is in ALARM exactly when the cure is rolled out"
            yield _broken("alarms.rollback", node, where, f"{name} takes a cure back", because)
        elif not all(_of_the_endpoint(stack, use) for use in uses):
            because = "it watches something else than the requests to the endpoint, or than its answers"
            yield _broken("alarms.rollback", node, where, f"{name} takes rollouts back", because)


def _of_the_endpoint(stack: Stack, use: Use) -> bool:
    """Tell whether a metric is SageMaker's of the endpoint's variant, or counted in the endpoint's own log."""
    if (use.namespace, use.name) in (made := filters.made(stack)):
        return filters.on_endpoint(stack, made[use.namespace, use.name][0])
    return use.namespace == "AWS/SageMaker" and set(use.dimensions) == {"EndpointName", "VariantName"}


def controller(stack: Stack) -> Iterator[Finding]:
    """The controller reads the alarms that the contract wants, each under the word for what it watches."""
    node = stack.functions.get("controller")
    read = parsed(stack.variables("controller").get("ALARMS"))
    if node is None or not isinstance(read, dict):
        return
    where = "environment.variables.ALARMS"
    if (wanted := {*waking(stack), "data"}) != set(read):
        because = f"loop.yaml asks for {', '.join(sorted(wanted))}, and it reads {', '.join(sorted(read))}"
        yield _broken("alarms.waking", node, where, "the controller reads other alarms than agreed", because)
    for word, name in sorted(read.items()):
        alarm = stack.at(name, "alarm")
        watched = {use.name for use in alarm_metrics(stack, alarm)} if alarm else set()
        if alarm and WORDS.get(word) not in watched:
            because = f"{name} watches {', '.join(sorted(watched))}, and {word} is {WORDS.get(word, 'no known word')}"
            yield _broken("alarms.waking", node, where, f"the controller takes {name} for {word}", because)


def heartbeats(stack: Stack) -> Iterator[Finding]:
    """Whoever should run has a heartbeat, and its absence is an alarm."""
    watched: set[str] = set()
    for node in stack.of("alarm"):
        inputs = stack.inputs(node)
        beats = [use.name for use in alarm_metrics(stack, node) if use.name.endswith("Heartbeat")]
        watched.update(beats)
        if beats and inputs.get("treatMissingData") != "breaching":
            because = "a heart that stopped publishes nothing, and nothing is what this alarm passes over"
            yield _broken("alarms.heartbeat", node, "treatMissingData", f"{beats[0]} may end unnoticed", because)
        if beats and not str(inputs.get("comparisonOperator", "")).startswith("LessThan"):
            because = f"{inputs.get('comparisonOperator')} is an alarm about too many of them"
            yield _broken("alarms.heartbeat", node, "comparisonOperator", f"{beats[0]} may end unnoticed", because)
        yield from _long_enough(stack, node, beats)
    for name, word in sorted(publishers(stack).items()):
        if name.endswith("Heartbeat") and name not in watched and stack.functions:
            board = next(iter(stack.functions.values()))
            because = f"{word} publishes {name}, and no alarm watches it"
            yield _broken("alarms.heartbeat", board, "", f"{name} may end unnoticed", because)


def _long_enough(stack: Stack, node: Node, beats: list[str]) -> Iterator[Finding]:
    inputs = stack.inputs(node)
    span = int(inputs.get("period") or 0) * int(inputs.get("evaluationPeriods") or 1)
    own, every = publishers(stack), seconds(stack.agreed("drift", "every"))
    if beats and own.get(beats[0]) == "monitor" and inputs.get("namespace") in namespaces(stack) and span < every:
        because = f"the monitor runs every {every} seconds, and the alarm looks back {span}: it would never be OK"
        yield _broken("alarms.heartbeat", node, "period", f"{beats[0]} is missed while all is well", because)


def dead_letters(stack: Stack) -> Iterator[Finding]:
    """Every queue of what could not be delivered has an alarm that is in ALARM from the first message on."""
    watched = {
        use.dimensions.get("QueueName"): node
        for node in stack.of("alarm")
        for use in alarm_metrics(stack, node)
        if use.name == "ApproximateNumberOfMessagesVisible"
    }
    for name, node in stack.named("queue").items():
        alarm = watched.get(name)
        if alarm is None:
            because = "no alarm watches ApproximateNumberOfMessagesVisible of it"
            yield _broken("alarms.dead_letters", node, "", "what lies in this queue is seen by nobody", because)
        elif stack.inputs(alarm).get("threshold") != 0:
            because = f"the alarm waits for more than {stack.inputs(alarm).get('threshold')} messages"
            yield _broken("alarms.dead_letters", alarm, "threshold", "the first message is seen by nobody", because)


def _broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    attempt = "mend infra/mlops/alarms.py, which declares every alarm"
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=attempt)


RULES = (actions, topics, missing, rollback, controller, heartbeats, dead_letters)
