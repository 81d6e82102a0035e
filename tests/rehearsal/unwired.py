"""What the drill of `test_unwired.py` plans, what can be seen of it, and stacks that lack one wire."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import MappingProxyType

from drill import DAY, HOUR, START, failing, slow

from loopwright.rehearsal.aws.requests import refused
from loopwright.rehearsal.scenarios.acts import approve_copy, ask
from loopwright.wiring.stack import Stack

DAYS = 10
ODD = json.dumps({"event": "request", "odd": 1})
THROTTLED = 9 * HOUR
CONTROL = {
    "stages": [["train", "2026-03-04", "2026-03-05"], ["monitor", "2026-03-08", "2026-03-13"]],
    "signals": [
        ["DriftScore", "2026-03-01", "2026-03-03", 2.5],
        ["QualityCusum", "2026-03-06", "2026-03-07", 6.0],
        ["BrokenShare", "2026-03-07", "2026-03-08", 0.05],
    ],
}


def arrange(made):
    """Plan it: three bad canaries, a training that fails, a wish while data is broken, and AWS out of order."""
    clock, hooks = made.cloud.clock, made.asked.hooks
    right = hooks.answer

    def mended():
        hooks.answer, made.containers.says = right, ()

    def canary(day, answer=right, says=()):
        def approved():
            hooks.answer, made.containers.says = answer, says
            approve_copy(made)

        clock.at(START + day * DAY + HOUR / 2, approved)
        clock.at(START + day * DAY + 2 * HOUR, mended)

    canary(1.5, failing(made))
    canary(1.75, slow(made))
    canary(1.875, says=(ODD,))
    for day in (2.25, 5.6):
        clock.at(START + day * DAY, lambda: ask(made))
    _disturbed(made, "StartPipelineExecution", 6 * DAY - HOUR / 4, 2 * HOUR)
    clock.at(START + 7.25 * DAY, lambda: setattr(hooks, "refused", _throttled))
    clock.at(START + 7.25 * DAY + THROTTLED, lambda: setattr(hooks, "refused", lambda *_: None))


def _throttled(_service, name):
    return refused(name, "ThrottlingException", "Rate exceeded")


def _disturbed(made, operation, begins, lasts):
    """Throttle what Scheduler asks of SageMaker."""
    executions = made.cloud.executions
    right = executions.start_pipeline_execution

    def throttled(**_):
        raise refused(operation, "ThrottlingException", "Rate exceeded")

    clock = made.cloud.clock
    clock.at(START + begins, lambda: setattr(executions, "start_pipeline_execution", throttled))
    clock.at(START + begins + lasts, lambda: setattr(executions, "start_pipeline_execution", right))


def seen(made):
    """Return what can be seen of a drill: a line for each thing that happened, with its time."""
    told, last = [], {}
    for component, each in made.decisions:
        words = f"{component}, woken by {each['woken_by']}: {each['reason']}"
        if last.get(component) != words or each.get("start"):
            told.append((each["at"], words))
        last[component] = words
    told += [(each.sent.isoformat(), f"page {each.subject}") for each in made.cloud.topics.notices]
    told += [
        (at.isoformat(), f"alarm {name} {value}") for name, all_ in made.chronicle.alarms.items() for at, value in all_
    ]
    for each in made.chronicle.rollouts:
        told += [(each.at.isoformat(), f"version {each.version} goes out")]
        told += [(each.ended.isoformat(), f"version {each.version} is {each.outcome}")] if each.ended else []
    for each in made.chronicle.retrainings.values():
        told += [(each.at.isoformat(), f"retraining for {each.reason}: {each.outcome}")]
    for node in made.stack.of("queue"):
        for each in made.cloud.queues.messages(node):
            told += [(each.sent.isoformat(), f"dead letter {each.attributes.get('RULE_ARN') or each.body[:60]}")]
    told += [(made.cloud.clock.now.isoformat(), f"the {made.storm} wakes itself without end")] if made.storm else []
    counts = Counter(f"{at[5:16]} {words}" for at, words in told)
    return sorted(words if count == 1 else f"{words} ({count} times)" for words, count in counts.items())


def without(stack, node):
    """Return the stack without a node."""
    nodes = {name: each for name, each in stack.graph.nodes.items() if each is not node}
    return Stack(replace(stack.graph, nodes=MappingProxyType(nodes)), stack.sources)


def changed(stack, node, **inputs):
    """Return the stack with other inputs of a node; None takes one away."""
    kept = {name: value for name, value in {**node.inputs, **inputs}.items() if value is not None}
    nodes = {name: replace(each, inputs=kept) if each is node else each for name, each in stack.graph.nodes.items()}
    return Stack(replace(stack.graph, nodes=MappingProxyType(nodes)), stack.sources)


def denied(stack, node, sid):
    """Return the stack with a role's policy that lacks a statement."""
    document = json.loads(node.inputs["policy"])
    document["Statement"] = [each for each in document["Statement"] if each["Sid"] != sid]
    return changed(stack, node, policy=json.dumps(document))
