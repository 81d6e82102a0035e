"""Delete any one wire of the stack, and a rehearsal shows what does not happen, or too late, without it."""

from __future__ import annotations

import json

import pytest
from drill import drill
from unwired import CONTROL, DAYS, arrange, changed, denied, seen, without

from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack
from stacks import graph, needs_pulumi, shared

pytestmark = needs_pulumi

PARTS = 8
KINDS = ("rule", "target", "permission", "alarm", "schedule")
ROLES = ("controller", "deployer", "scheduler", "monitoring")
UNSEEN = {
    "Logs": "what Lambda writes to a log for a function is read by people alone",
    "Trace": "traces are read by people alone",
    "Login": "the project's environment stands for the image: none is pulled",
    "Network": "there is no network to be in",
}
"""Statements of roles whose lack a rehearsal cannot show, and why."""


@pytest.fixture(scope="module")
def stack():
    return Stack(graph("dev"), Sources(shared()))


def lacking(stack):
    """Yield each wire by its name, with a function that makes the stack without it."""
    for kind in KINDS:
        for node in stack.of(kind):
            yield f"{kind} {node.name}", lambda node=node: without(stack, node)
    for node in stack.of("alarm"):
        yield f"actions of {node.name}", lambda node=node: changed(stack, node, alarmActions=None)
    for role in ROLES:
        node = next(each for each in stack.of("role-policy") if each.name == f"roles-{role}-policy")
        for statement in json.loads(node.inputs["policy"])["Statement"]:
            sid = statement["Sid"]
            if sid not in UNSEEN:
                yield f"{role} {sid}", lambda node=node, sid=sid: denied(stack, node, sid)


def played(stack, room):
    room.mkdir()
    return seen(drill(stack, room, DAYS, arrange, CONTROL))


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory):
    return played(stack, tmp_path_factory.mktemp("whole") / "room")


@pytest.mark.parametrize("part", range(PARTS))
def test_each_lack_is_seen(stack, whole, tmp_path, figures, part):
    names = list(lacking(stack))[part::PARTS]
    assert len(names) > 5
    unseen, told = [], []
    for number, (name, made) in enumerate(names):
        found = played(made(), tmp_path / str(number))
        lost, new = [each for each in whole if each not in found], [each for each in found if each not in whole]
        if not lost and not new:
            unseen.append(name)
        else:
            told.append(f"{name}: {len(lost)} things fewer, {len(new)} others; first {(lost or new)[0]}")
    assert not unseen
    figures(f"{len(told)} wires; for instance {told[0][:160]}")


def test_the_whole_drill_closes_the_loop(whole):
    text = "\n".join(whole)
    for word in (
        "rolled back",
        "is live",
        "retraining for drift",
        "retraining for quality",
        "retraining for manual: failed",
    ):
        assert word in text, word
