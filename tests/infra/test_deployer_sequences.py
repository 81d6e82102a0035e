"""The deployer through anything that may happen, in any order: people, rollbacks, crashes, alarms, odd events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strict_client import Crash
from wakeups import serving_world, version
from wakeups import wake_deployer as wake

steps = st.sampled_from(
    ["register", "approve", "reject", "wake", "wake", "wake", "arrive", "arrive", "back", "scale", "alarm", "quiet"]
) | st.integers(1, 25)


@settings(deadline=None)
@given(st.lists(steps, max_size=40))
def test_no_sequence_of_events_breaks_a_rule(sequence):
    with pytest.MonkeyPatch.context() as patch:
        world = serving_world(patch)
        patch.setattr("sys.stdout.write", lambda _: None)
        accept, condemned = world.sagemaker_update_endpoint, set()

        def asked(EndpointConfigName, **request):  # noqa: N803
            number = int(EndpointConfigName.split("-v")[1].split("-")[0])
            live = int(version(world) or 0)
            assert world.packages[number]["ModelApprovalStatus"] == "Approved"
            assert number not in condemned
            assert number > live or world.packages[live]["ModelApprovalStatus"] == "Rejected"
            assert not live or "ALARM" not in world.alarms.values()
            return accept(EndpointConfigName=EndpointConfigName, **request)

        patch.setattr(world, "sagemaker_update_endpoint", asked)
        for step in sequence:
            happen(world, step, condemned)
            assert world.serving, "what serves exists"
        settle(world, condemned)


def happen(world, step, condemned):
    newest, moving = max(world.packages, default=0), world.endpoint["EndpointStatus"] != "InService"
    world.later(minutes=10)
    if step == "register":
        world.package(newest + 1)
    elif step in {"approve", "reject"} and newest:
        world.packages[newest]["ModelApprovalStatus"] = "Approved" if step == "approve" else "Rejected"
    elif step == "arrive" and moving:
        world.arrive()
    elif step == "back" and moving:
        condemned.add(int(world.deployments[-1]["EndpointConfigName"].split("-v")[1].split("-")[0]))
        world.arrive(rolled_back=True)
    elif step == "scale" and not moving:
        world.endpoint["LastModifiedTime"] = world.now
    elif step in {"alarm", "quiet"}:
        world.alarms["churn-dev-latency"] = "ALARM" if step == "alarm" else "OK"
    elif step == "wake" or isinstance(step, int):
        world.crash = (len(world.calls) + step, "after") if isinstance(step, int) else None
        try:
            wake()
        except Crash:
            world.crash = None


def settle(world, condemned):
    """Left alone, it ends with the newest version that may serve."""
    for step in ["quiet", *["wake", "arrive"] * 8, "wake"]:
        happen(world, step, condemned)
    fit = [number for number, each in world.packages.items() if each["ModelApprovalStatus"] == "Approved"]
    fit = [number for number in fit if world.marks(number) != "rolled_back"]
    assert not fit or version(world) == str(max(fit))
