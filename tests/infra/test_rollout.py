"""What to serve: every branch of the decision, and what always holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import DIGEST, IMAGE
from handlers.rollout import BROKEN, MOVING, Endpoint, Package, State, decide, desired
from hypothesis import assume, given
from hypothesis import strategies as st
from strict_client import service

SHA256 = "5" * 64
STATUSES = service("sagemaker").shape_for("EndpointStatus").enum
SERVICE = Endpoint(status="InService", config="base", modified="monday")


def package(version, approval="Approved", **marks):
    return Package(
        version=version,
        arn=f"arn:{version}",
        approval=approval,
        image=DIGEST,
        artefact=f"s3://artifacts/{version}",
        marks={"artefact_sha256": SHA256, **marks},
    )


def serving(version, config=None):
    facts = {"version": version, "image": DIGEST, "artefact": f"s3://artifacts/{version}", "model": f"m{version}"}
    return replace(SERVICE, config=config or f"c{version}", **facts)


def state(endpoint, *packages, **facts):
    return State(endpoint=endpoint, packages=packages, **{"sha256": SHA256, "alarms": {"latency": "OK"}, **facts})


LIVE = {"deploy": "live"}
STARTED = {"deploy": "started:c2", "deploy_seen": "monday", "deploy_previous": "c1"}


@pytest.mark.parametrize(
    ("given_state", "reason", "version", "page"),
    [
        (State(unreadable="AccessDenied"), "unreadable", None, "the deployer is blind"),
        (State(), "unreadable", None, "the deployer is blind"),
        (state(SERVICE), "no-package", None, ""),
        (state(SERVICE, package(1, "Rejected"), package(2, "PendingManualApproval")), "no-package", None, ""),
        (state(SERVICE, package(1)), "deploy", 1, ""),
        (state(SERVICE, package(1), package(3), package(2)), "deploy", 3, ""),
        (state(SERVICE, replace(package(2), completed=False), package(1)), "deploy", 1, ""),
        (state(serving(1), package(1, **LIVE)), "serves", None, ""),
        (state(serving(1), package(1, **LIVE), package(2)), "deploy", 2, ""),
        (state(serving(1), package(1, **LIVE), package(2, deploy="rolled_back")), "serves", None, ""),
        # Nothing is left: what serves goes on
        (state(serving(1), package(1, "Rejected")), "all-revoked", None, "no approved version is left"),
        # Never back, unless a person rejected what serves
        (state(serving(2), package(1), package(2, "Rejected")), "deploy", 1, ""),
        (
            state(serving(2), package(1), package(2, "PendingManualApproval")),
            "no-downgrade",
            None,
            "version 2 serves without approval",
        ),
        (state(serving(2), package(1)), "no-downgrade", None, "version 2 serves without approval"),
        # What cannot be verified
        (state(SERVICE, replace(package(1), image="sha256:b")), "refused", None, "version 1 is refused"),
        (state(SERVICE, replace(package(1), image="")), "refused", None, "version 1 is refused"),
        (state(SERVICE, package(1, artefact_sha256="")), "refused", None, "version 1 is refused"),
        (state(SERVICE, package(1), sha256=""), "refused", None, "version 1 is refused"),
        (state(SERVICE, package(1), sha256="6" * 64), "refused", None, "version 1 is refused"),
        (state(replace(SERVICE, oddity="two variants"), package(1)), "refused", None, "version 1 is refused"),
        (state(replace(serving(1), image="sha256:b"), package(1)), "impostor", None, "what serves is not version 1"),
        (state(replace(serving(1), artefact="s3://x/y"), package(1)), "impostor", None, "what serves is not version 1"),
        (state(replace(serving(1), artefact="s3://x/y"), package(1), package(2)), "deploy", 2, ""),
        # Alarms that would end it at once
        (
            state(serving(1), package(1), package(2), alarms={"latency": "ALARM"}),
            "alarm",
            None,
            "a rollback alarm keeps version 2 waiting",
        ),
        # Without any model the endpoint answers with errors, and that is what its alarms see.
        (state(SERVICE, package(1), alarms={"errors": "ALARM"}), "deploy", 1, ""),
        (state(SERVICE, package(1), alarms={"latency": "MISSING"}), "no-alarm", None, "a rollback alarm is missing"),
        (state(SERVICE, package(1), alarms={"latency": "INSUFFICIENT_DATA"}), "deploy", 1, ""),
        (state(SERVICE, package(1), alarms={}), "deploy", 1, ""),
    ],
)
def test_every_branch(given_state, reason, version, page):
    decision = decide(given_state, IMAGE)
    assert (decision.reason, decision.page) == (reason, page)
    assert (decision.deploy.version if decision.deploy else None) == version


@pytest.mark.parametrize("status", [*STATUSES, "Levitating"])
def test_every_status_of_the_endpoint_has_a_decision(status):
    decision = decide(state(replace(SERVICE, status=status), package(1)), IMAGE)
    assert (decision.deploy is not None) == (status == "InService")
    assert bool(decision.page) == (status not in {*MOVING, "InService"})
    assert {*MOVING, *BROKEN, "InService"} == set(STATUSES)
    assert decision.marks == ()


@pytest.mark.parametrize(
    ("given_state", "marks", "reason"),
    [
        # It arrived, and what it replaced is told so
        (
            state(serving(2), package(1, **LIVE), package(2, **STARTED)),
            [(1, "replaced", False), (2, "live", False)],
            "serves",
        ),
        # A rollback that SageMaker reports to nobody: the endpoint changed since, and serves what it served before
        (
            state(replace(serving(1), modified="tuesday"), package(1, **LIVE), package(2, **STARTED), package(3)),
            [(2, "rolled_back", True)],
            "rolled-back",
        ),
        # Nothing happened since: the function ended before it asked. It is asked for again, or not any more
        (state(serving(1), package(1, **LIVE), package(2, **STARTED)), [], "deploy"),
        (state(serving(1), package(1, **LIVE), package(2, **STARTED), package(3)), [(2, "waiting", False)], "deploy"),
        (state(serving(1), package(1, **LIVE), package(2, "Rejected", **STARTED)), [(2, "waiting", False)], "serves"),
        # Revoked while it was on its way: it serves, so it is live, and the next one follows
        (
            state(serving(2), package(1, deploy="replaced"), package(2, "Rejected", **STARTED)),
            [(2, "live", False)],
            "deploy",
        ),
        # A person put another model there
        (state(serving(1), package(1, deploy="replaced"), package(2, **LIVE)), [(1, "live", False)], "deploy"),
        # What serves is not what was registered: that is never called live
        (state(replace(serving(2), image="sha256:b"), package(2, **STARTED)), [], "impostor"),
        # A person put back what was rolled back: nothing is forgiven by that
        (state(serving(2), package(2, "Rejected", deploy="rolled_back")), [], "all-revoked"),
    ],
)
def test_the_registry_follows_the_endpoint(given_state, marks, reason):
    decision = decide(given_state, IMAGE)
    assert [(mark.package.version, mark.deploy, mark.reject) for mark in decision.marks] == marks
    assert decision.reason == reason
    assert bool(decision.page) == (reason in {"rolled-back", "impostor", "all-revoked"})


marks = st.sampled_from(["", "live", "replaced", "waiting", "rolled_back", "started:c1", "started:c2", "started:base"])
packages = st.lists(
    st.builds(
        lambda version, approval, deploy, seen, odd: replace(
            package(version, approval, deploy=deploy, deploy_seen=seen), **odd
        ),
        st.integers(1, 6),
        st.sampled_from(["Approved", "Approved", "Rejected", "PendingManualApproval"]),
        marks,
        st.sampled_from(["monday", "tuesday"]),
        st.sampled_from([{}, {}, {}, {"image": "sha256:b"}, {"completed": False}]),
    ),
    max_size=6,
    unique_by=lambda each: each.version,
).map(tuple)
endpoints = st.one_of(
    st.just(SERVICE),
    st.integers(1, 6).map(serving),
    st.sampled_from([*STATUSES, "Levitating"]).map(lambda status: replace(serving(2), status=status)),
)
states = st.builds(
    State,
    unreadable=st.sampled_from(["", "", "", "denied"]),
    endpoint=st.one_of(endpoints, endpoints, st.none()),
    packages=packages,
    alarms=st.dictionaries(
        st.sampled_from("ab"), st.sampled_from(["OK", "OK", "OK", "ALARM", "MISSING", "INSUFFICIENT_DATA"])
    ),
    sha256=st.sampled_from([SHA256, SHA256, SHA256, "", "6" * 64]),
)


@given(states)
def test_it_decides_on_any_state_and_deploys_only_what_it_may(world):
    decision = decide(world, IMAGE)
    assert decision == decide(world, IMAGE)
    assert all(mark.deploy == "rolled_back" for mark in decision.marks if mark.reject)
    if chosen := decision.deploy:
        approvals = {each.version: each.approval for each in world.packages}
        assert world.endpoint.status == "InService"
        assert (chosen.approval, chosen.completed, chosen.image) == ("Approved", True, DIGEST)
        assert chosen.deploy != "rolled_back"
        assert world.sha256 == SHA256
        live = world.endpoint.version
        assert not set(world.alarms.values()) & {"MISSING", *([] if live is None else ["ALARM"])}
        assert not decision.page
        assert live is None or chosen.version > live or approvals.get(live) == "Rejected"
        assert chosen == desired(world.packages)


def marked(world, decision):
    """Return the packages once the marks of a decision are made."""
    made = {mark.package.version: mark for mark in decision.marks}
    return tuple(
        replace(
            each,
            approval="Rejected" if made[each.version].reject else each.approval,
            marks={**each.marks, "deploy": made[each.version].deploy},
        )
        if each.version in made
        else each
        for each in world.packages
    )


@given(states)
def test_its_marks_settle(world):
    """Once the marks of a decision are made, the same endpoint asks for no more of them."""
    after = replace(world, packages=marked(world, decide(world, IMAGE)))
    assert all(mark.deploy == "waiting" for mark in decide(after, IMAGE).marks)


@given(states)
def test_what_it_began_is_enough(world):
    """Once the deployment that it asks for is under way, it asks for nothing; once it serves, for no other."""
    decision = decide(world, IMAGE)
    chosen = decision.deploy
    if not chosen:
        return
    # A configuration serves the version that it was made for.
    assume(
        all(world.endpoint.config != each.asked or each.version == world.endpoint.version for each in world.packages)
    )
    marks = {**chosen.marks, "deploy": "started:new", "deploy_seen": world.endpoint.modified}
    packages = tuple(replace(each, marks=marks) if each == chosen else each for each in marked(world, decision))
    moving = replace(world, packages=packages, endpoint=replace(world.endpoint, status="Updating", modified="later"))
    assert (decide(moving, IMAGE).deploy, decide(moving, IMAGE).marks) == (None, ())
    there = decide(replace(moving, endpoint=replace(serving(chosen.version, "new"), modified="later")), IMAGE)
    assert there.reason == "serves"
    assert chosen.version in {mark.package.version for mark in there.marks if mark.deploy == "live"}


@given(states, st.sampled_from("ab"), st.sampled_from(["ALARM", "MISSING"]))
def test_one_alarm_more_deploys_nothing(world, name, value):
    fired = replace(world, alarms={**world.alarms, name: value})
    assert decide(world, IMAGE).deploy or not decide(fired, IMAGE).deploy


@given(states, st.integers(1, 6), st.sampled_from(["Rejected", "PendingManualApproval"]))
def test_a_version_that_lost_its_approval_is_not_deployed(world, version, approval):
    """Nor is anything else put in its place that is older than what serves, unless it is what serves that lost it."""
    after = tuple(replace(each, approval=approval) if each.version == version else each for each in world.packages)
    chosen = decide(replace(world, packages=after), IMAGE).deploy
    live = world.endpoint.version if world.endpoint else None
    assert not chosen or chosen.version != version
    assert (
        not chosen
        or live is None
        or chosen.version > live
        or (version, approval) == (live, "Rejected")
        or (decide(world, IMAGE).deploy)
    )


@given(states)
def test_what_cannot_be_read_or_changed_is_left_alone(world):
    blind = decide(replace(world, unreadable="denied"), IMAGE)
    assert (blind.deploy, blind.marks, blind.page) == (None, (), "the deployer is blind")
    if world.endpoint:
        for status in {*STATUSES, "Levitating"} - {"InService"}:
            assert decide(replace(world, endpoint=replace(world.endpoint, status=status)), IMAGE).deploy is None
