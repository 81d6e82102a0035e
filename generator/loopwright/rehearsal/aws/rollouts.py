"""How an update moves an endpoint's traffic: a deployment configuration as steps, as a pure function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.requests import invalid, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Rollout", "Step", "rollout"]

_ASKED = "UpdateEndpoint"
_PERCENT = 100
_SIZES = {"ALL_AT_ONCE": "", "CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_LEAST, _MOST = 0.1, 0.5


@dataclass(frozen=True, kw_only=True)
class Step:
    """One shift of traffic, and how long it bakes."""

    share: float
    """Of the traffic, to the new fleet: above 0, at most 1."""
    wait: timedelta
    parameter: str
    """Which parameter says how long, as the events name it."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """All of a deployment."""

    steps: tuple[Step, ...]
    alarms: tuple[str, ...] = ()
    limit: timedelta | None = None
    """How long all of it may take; None where nothing is asked for, and AWS documents no default."""


def rollout(deployment: Mapping[str, Any], instances: int, *, guarded: bool) -> Rollout:
    """Return the steps of an update.

    The steps follow "All At Once Traffic Shifting", "Canary Traffic Shifting" and "Linear Traffic Shifting" of the
    SageMaker guide: WaitIntervalInSeconds bakes every step but the last, TerminationWaitInSeconds the last one, when
    the new fleet has all traffic. Without a policy everything moves at once ("DeploymentConfig"). An endpoint without
    guardrails moves at once too, and does not bake ("Exclusions").

    Args:
        deployment: A ``DeploymentConfig`` that its model allows.
        instances: How many the new fleet has.
        guarded: Whether deployment guardrails exist for the endpoint.

    Raises:
        ClientError: A size is missing or beyond its documented bounds.
        UnknownError: A policy that is not blue/green, or a size that its type of routing has no use for.
    """
    if strange := set(deployment) - {"BlueGreenUpdatePolicy", "AutoRollbackConfiguration"}:
        raise unknown(f"{', '.join(sorted(strange))} of a deployment")
    if not guarded:
        return Rollout(steps=(_last(0),))
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
    between = timedelta(seconds=routing["WaitIntervalInSeconds"])
    steps = [
        Step(share=share, wait=between, parameter="WaitIntervalInSeconds") for share in _shares(routing, instances)
    ]
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    return Rollout(
        steps=(*steps, _last(policy.get("TerminationWaitInSeconds", 0))),
        alarms=tuple(each["AlarmName"] for each in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", ())),
        limit=None if limit is None else timedelta(seconds=limit),
    )


def _last(seconds: int) -> Step:
    return Step(share=1.0, wait=timedelta(seconds=seconds), parameter="TerminationWaitInSeconds")


def _shares(routing: Mapping[str, Any], instances: int) -> Iterator[float]:
    """Yield the shares of the new fleet before it has everything."""
    kind = routing["Type"]
    wanted = _SIZES[kind]
    if strange := (set(_SIZES.values()) - {wanted}) & set(routing):
        raise unknown(f"{', '.join(sorted(strange))} with {kind}", "AWS does not say what it does there")
    if not wanted:
        return
    if wanted not in routing:
        raise invalid(_ASKED, f"{kind} needs {wanted}")
    size = _share(routing[wanted], instances)
    if size > _MOST or (kind == "LINEAR" and size < _LEAST):
        bounds = "at most 50%" if kind == "CANARY" else "10% to 50%"
        raise invalid(_ASKED, f"{wanted} must be {bounds} of the variant's {instances} instances")
    steps = 2 if kind == "CANARY" else math.ceil(round(1 / size, 9))
    yield from (size * number for number in range(1, steps))


def _share(size: Mapping[str, Any], instances: int) -> float:
    """Return a capacity size as a share ("CapacitySize"): so many instances, or so much of the capacity."""
    whole = instances if size["Type"] == "INSTANCE_COUNT" else _PERCENT
    return float(size["Value"] / whole)
