"""A deployment configuration as steps: the documented ways to shift traffic, as data."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from servings import canary, policy

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.rollouts import rollout

PERCENT, COUNT = "CAPACITY_PERCENT", "INSTANCE_COUNT"


def steps(deployment, instances=4, *, guarded=True):
    plan = rollout(deployment, instances, guarded=guarded)
    return [(round(each.share, 6), each.wait.total_seconds(), each.parameter[:4]) for each in plan.steps]


def canary_of(kind, value):
    return policy("CANARY", 600, 300, CanarySize={"Type": kind, "Value": value})


def linear(kind, value):
    return policy("LINEAR", 300, 120, LinearStepSize={"Type": kind, "Value": value})


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ({}, [(1, 0, "Term")]),
        (policy("ALL_AT_ONCE", 60, 600), [(1, 600, "Term")]),
        (canary_of(PERCENT, 30), [(0.3, 600, "Wait"), (1, 300, "Term")]),
        (canary_of(PERCENT, 50), [(0.5, 600, "Wait"), (1, 300, "Term")]),
        (canary_of(COUNT, 1), [(0.25, 600, "Wait"), (1, 300, "Term")]),
        (canary_of(COUNT, 2), [(0.5, 600, "Wait"), (1, 300, "Term")]),
        (linear(PERCENT, 20), [*((n / 5, 300, "Wait") for n in range(1, 5)), (1, 120, "Term")]),
        (linear(PERCENT, 33), [*((n * 0.33, 300, "Wait") for n in range(1, 4)), (1, 120, "Term")]),
        (linear(PERCENT, 50), [(0.5, 300, "Wait"), (1, 120, "Term")]),
        (linear(COUNT, 1), [*((n / 4, 300, "Wait") for n in range(1, 4)), (1, 120, "Term")]),
    ],
)
def test_the_documented_ways(deployment, expected):
    assert steps(deployment) == expected


@pytest.mark.parametrize(
    "deployment",
    [canary_of(PERCENT, 51), canary_of(COUNT, 3), linear(PERCENT, 9), linear(PERCENT, 51), linear(COUNT, 3)],
)
def test_a_size_beyond_the_documented_bounds_is_refused(deployment):
    with pytest.raises(ClientError, match="of the variant's 4 instances"):
        steps(deployment)


@pytest.mark.parametrize("kind", ["CANARY", "LINEAR"])
def test_a_size_that_is_missing_is_refused(kind):
    with pytest.raises(ClientError, match=f"{kind} needs"):
        steps(policy(kind))


def test_what_is_not_blue_green_is_unknown():
    size = {"Type": PERCENT, "Value": 20}
    with pytest.raises(UnknownError, match="RollingUpdatePolicy"):
        steps({"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}})
    with pytest.raises(UnknownError, match="CanarySize with ALL_AT_ONCE"):
        steps(policy("ALL_AT_ONCE", CanarySize=size))


def test_without_guardrails_everything_moves_at_once_and_nothing_is_watched():
    plan = rollout(canary(limit=3600), 0, guarded=False)
    assert steps(canary(), 0, guarded=False) == [(1, 0, "Term")]
    assert (plan.alarms, plan.limit) == ((), None)


def test_alarms_and_the_limit_are_those_asked_for():
    plan = rollout(canary(limit=3600, alarms=("errors", "latency")), 2, guarded=True)
    assert (plan.alarms, plan.limit) == (("errors", "latency"), timedelta(hours=1))
    assert rollout(canary(alarms=()), 2, guarded=True).limit is None


@given(percent=st.integers(10, 50), wait=st.integers(0, 3600), last=st.integers(0, 3600))
def test_a_linear_rollout_grows_to_the_whole_and_waits_between(percent, wait, last):
    size = {"Type": PERCENT, "Value": percent}
    plan = rollout(policy("LINEAR", wait, last, LinearStepSize=size), 3, guarded=True)
    shares = [0, *(each.share for each in plan.steps)]
    grown = [after - before for before, after in pairwise(shares)]
    assert shares[-1] == 1
    assert all(0 < each <= percent / 100 + 1e-9 for each in grown)
    assert len(plan.steps) == -(-100 // percent)
    assert sum((each.wait for each in plan.steps), timedelta()) == timedelta(seconds=wait * (len(grown) - 1) + last)
