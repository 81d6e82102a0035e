"""Whatever is taken out of the wiring of a stack, a drill shows what is lost by it, or what is late."""

from __future__ import annotations

import pytest
from drill import drill
from unwired import CONTROL, DAYS, arrange, changed, denied, seen, without

from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack
from stacks import graph, needs_pulumi, shared

pytestmark = needs_pulumi

ROLES = ("controller", "deployer", "monitoring", "scheduler")
BLIND, DEAF = "03-01T00:00 page shop dev: the controller is blind", "03-01T00:05 page shop dev: the deployer is blind"
UNSAFE = "03-01T00:25 page shop dev: a rollback alarm is missing"
REFUSED = "03-01T00:25 page shop dev: version 1 is refused"
UNWATCHED = "03-02T01:00 alarm shop-dev-drift ALARM"
CANNOT = "page shop dev: retraining cannot start: AccessDenied"


def page(time, alarm):
    return f'{time} page ALARM: "shop-dev-{alarm}" in eu-west-1'


def wire(rule, lost, late=""):
    """Return what a rule, its target and its permission are for: without the permission there is a dead letter, too."""
    dead = f"rule/shop-dev-{rule}"
    parts = {"": late, "-target": late, "-permission": dead}
    return {f"triggers-{rule}{part}": (lost, new) for part, new in parts.items()}


PAGES = {
    "answers": page("03-03T21:37", "answers"),
    "broken": page("03-07T00:06", "broken"),
    "controller.errors": page("03-09T06:01", "controller.errors"),
    "controller.heartbeat": page("03-09T14:01", "controller.heartbeat"),
    "deployer.errors": page("03-09T06:01", "deployer.errors"),
    "deployer.heartbeat": page("03-09T14:01", "deployer.heartbeat"),
    "drift": page("03-02T01:00", "drift"),
    "errors": page("03-03T12:37", "errors"),
    "failed": page("03-08T00:07", "failed"),
    "heartbeat": page("03-11T01:00", "heartbeat"),
    "latency": page("03-03T18:37", "latency"),
    "quality": page("03-06T00:06", "quality"),
    "training": page("03-04T06:16", "training"),
}
"""What a person reads of each alarm."""
NEEDED = dict.fromkeys(("broken", "drift", "quality"), BLIND) | dict.fromkeys(("answers", "errors", "latency"), UNSAFE)
"""Alarms without which a function does nothing, and what it says."""
NODES = {
    **wire("alarmed", "03-06T00:06 retraining for quality", "03-06T01:00 retraining for quality"),
    **wire("approved", "03-01T00:25 version 1 goes out", "03-01T01:00 version 1 goes out"),
    **wire("deployed", "03-03T12:40 page shop dev: version 3 was rolled back", ""),
    **wire("ended", "03-02T01:25 controller, woken by aws.sagemaker: SageMaker Model Building Pipeline", ""),
    **{f"monitor-{role}": (line, NEEDED.get(role, "")) for role, line in PAGES.items()},
    "triggers-monitoring": (UNWATCHED, page("03-01T01:00", "heartbeat")),
    "triggers-recheck": ("03-01T00:00 retraining for schedule", page("03-01T00:01", "controller.heartbeat")),
    "triggers-redeploy": ("03-01T02:00 deployer, woken by tick", page("03-01T10:33", "deployer.heartbeat")),
}
"""What is lost without each, and what comes instead, or later."""
STATEMENTS = {
    "controller Keep": ('03-09T06:03 dead letter {"reason": "tick"} (2 times)', ""),
    **{f"controller {sid}": ("", BLIND) for sid in ("Start", "Listed", "Alarms", "Pause", "Spend")},
    "controller Champion": ("03-02T01:00 retraining for drift", f"03-02T01:00 {CANNOT}"),
    "controller ListNewData": ("03-01T00:00 retraining for schedule", f"03-01T00:00 {CANNOT}"),
    **{
        f"controller {sid}": ("03-02T01:00 retraining for drift", "03-01T00:25 page shop dev: the controller is blind")
        for sid in ("ListVerdicts", "ReadVerdicts")
    },
    **{f"controller {sid}": ("", page("03-01T00:01", "controller.errors")) for sid in ("Record", "Metrics")},
    **{
        f"controller {sid}": ("03-07T01:00 page shop dev: broken data", page("03-07T01:01", "controller.errors"))
        for sid in ("ListRecord", "Tell")
    },
    "deployer Keep": ('03-09T06:03 dead letter {"reason": "tick"} (2 times)', ""),
    "deployer Endpoint": ("03-01T00:25 version 1 goes out", "03-01T00:00 page shop dev: the deployer is blind"),
    **{f"deployer {sid}": ("03-01T00:25 version 1 goes out", DEAF) for sid in ("Versions", "Listed", "Alarms")},
    "deployer Packages": ("03-01T00:25 version 1 goes out", "03-01T00:25 page shop dev: the deployer is blind"),
    **{f"deployer {sid}": ("03-01T00:25 version 1 goes out", REFUSED) for sid in ("Update", "PassRole", "Artefact")},
    "deployer Listing": ("", "03-01T01:32 page shop dev: a change by the deployer is refused"),
    **{f"deployer {sid}": ("", page("03-01T00:01", "deployer.errors")) for sid in ("Record", "Metrics")},
    **{
        f"deployer {sid}": (
            "03-03T12:40 page shop dev: version 3 was rolled back",
            page("03-03T12:41", "deployer.errors"),
        )
        for sid in ("ListRecord", "Tell")
    },
    "scheduler Monitor": (UNWATCHED, '03-01T00:03 dead letter {"PipelineName": "shop-dev-monitor"'),
    "scheduler Wake": ("03-01T00:00 retraining for schedule", '03-01T00:03 dead letter {"reason": "tick"} (2 times)'),
    "scheduler Keep": ('03-08T00:05 dead letter {"PipelineName": "shop-dev-monitor"', ""),
    **{
        f"monitoring {sid}": (UNWATCHED, "")
        for sid in (
            *("ListCaptured", "ReadCaptured", "ListLabels", "ListReports", "ReadReports"),
            *("Model", "Keep", "Endpoint", "Serves", "Metrics"),
        )
    },
    "monitoring ReadLabels": ("03-06T00:06 alarm shop-dev-quality ALARM", ""),
}
"""The same of what roles may do, by the role and the statement's id."""
UNSEEN = {
    "controller Logs": "Lambda itself writes the log",
    "controller Trace": "Lambda itself writes traces",
    "deployer Logs": "Lambda itself writes the log",
    "deployer Trace": "Lambda itself writes traces",
    "monitoring Image": "SageMaker itself fetches the image before the container starts",
    "monitoring Login": "SageMaker itself fetches the image before the container starts",
    "monitoring Logs": "SageMaker itself writes the log",
}
"""What the platform does in a role's name and no code of the project: the rehearsal starts processes instead."""


@pytest.fixture(scope="module")
def stack():
    return Stack(graph("dev"), Sources(shared()))


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory):
    """What is seen of the whole stack."""
    return drilled(stack, tmp_path_factory.mktemp("whole"))


def drilled(stack, room):
    return seen(drill(stack, room, DAYS, arrange, CONTROL))


def wired(stack):
    """Return the nodes that wake somebody or let somebody be woken, by name."""
    return {
        node.name: node for kind in ("rule", "target", "permission", "alarm", "schedule") for node in stack.of(kind)
    }


def policies(stack):
    """Return the policies of the roles that the drill uses, and the ids of their statements."""
    named = {node.name: node for node in stack.of("role-policy")}
    found = {role: named[f"roles-{role}-policy"] for role in ROLES}
    return {
        role: (node, [each["Sid"] for each in stack.json(node, "policy")["Statement"]]) for role, node in found.items()
    }


def begins(lines, text):
    """Tell whether a line begins with a text, or is a dead letter that names it."""
    return any(line.startswith(text) or ("dead letter" in line and text in line) for line in lines)


def differs(whole, now, lost, instead):
    assert not lost or begins(whole, lost), f"the whole stack does not show {lost}"
    assert not lost or not begins(now, lost), f"it is there all the same: {lost}"
    assert not instead or not begins(whole, instead), f"the whole stack shows it, too: {instead}"
    assert not instead or begins(now, instead), f"it does not show {instead}"
    assert lost or instead


def test_the_drill_sees_every_alarm_and_all_ends_well(whole):
    assert [line for line in PAGES.values() if not begins(whole, line)] == []
    assert begins(whole, "03-10T02:32 version 7 is live")
    assert not any("without end" in line for line in whole)


def test_the_same_drill_is_the_same_again(stack, whole, tmp_path):
    assert drilled(stack, tmp_path) == whole


def test_everything_that_is_wired_is_taken_out_once(stack):
    assert set(NODES) == set(wired(stack))
    every = {f"{role} {sid}" for role, (_, sids) in policies(stack).items() for sid in sids}
    assert set(STATEMENTS) | set(UNSEEN) == every
    assert not set(STATEMENTS) & set(UNSEEN)


@pytest.mark.parametrize("name", NODES)
def test_without_a_node(stack, whole, tmp_path, name):
    differs(whole, drilled(without(stack, wired(stack)[name]), tmp_path), *NODES[name])


@pytest.mark.parametrize("role", PAGES)
def test_an_alarm_that_does_nothing_tells_nobody(stack, whole, tmp_path, role):
    now = drilled(changed(stack, wired(stack)[f"monitor-{role}"], alarmActions=None), tmp_path)
    differs(whole, now, PAGES[role], "")
    assert begins(now, PAGES[role].replace('page ALARM: "', "alarm ").replace('" in eu-west-1', " ALARM"))


@pytest.mark.parametrize("name", STATEMENTS)
def test_without_a_statement(stack, whole, tmp_path, name):
    role, sid = name.split()
    differs(whole, drilled(denied(stack, policies(stack)[role][0], sid), tmp_path), *STATEMENTS[name])


@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_not_seen(stack, whole, tmp_path, name):
    role, sid = name.split()
    assert drilled(denied(stack, policies(stack)[role][0], sid), tmp_path) == whole


def test_a_deployment_that_is_refused_is_not_tried_without_end(stack, tmp_path):
    update = denied(stack, policies(stack)["deployer"][0], "Update")
    assert not drill(update, tmp_path, 1, lambda _: None).storm
