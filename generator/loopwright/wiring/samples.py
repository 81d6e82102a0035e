"""A sample of every event that AWS sends about a stack, with whom it must reach: the table of intentions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from loopwright.wiring.alarms import WORDS, waking
from loopwright.wiring.metrics import alarm_metrics
from loopwright.wiring.stack import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.wiring.stack import Stack

__all__ = ["Sample", "samples"]

EVENTS = Path(__file__).with_name("events")
FOREIGN = "another-prod"
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
APPROVALS = ("Approved", "Rejected", "PendingManualApproval")
EXECUTIONS = ("Executing", "Stopping", "Failed", "Stopped", "Succeeded")
ENDED = {"Failed", "Stopped", "Succeeded"}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One event, and whom it wakes."""

    told: str
    """What happened, in words."""
    event: dict[str, Any]
    wakes: str | None
    """The handler that it must reach; None for nobody."""
    needed: bool = True
    """False: it may reach that handler, which then finds nothing to do or is a tick early."""


def samples(stack: Stack) -> Iterator[Sample]:
    """Yield the events of the stack, and the like of others in its account."""
    yield from _alarms(stack)
    yield from _packages(stack)
    yield from _executions(stack)
    yield from _endpoints(stack)
    yield from _objects(stack)


def _alarms(stack: Stack) -> Iterator[Sample]:
    wanted = {WORDS[word] for word in waking(stack)}
    for name, node in stack.named("alarm").items():
        wakes = bool(wanted & {use.name for use in alarm_metrics(stack, node)})
        for state in STATES:
            who = "controller" if wakes and state == "ALARM" else None
            yield _sample(stack, "alarm", name, state, told=f"{name} is {state}", wakes=who)
        # A longer name that begins alike, and one of another stack with the same role.
        for other in (f"{name}-2", f"{FOREIGN}-{name.rpartition('-')[2]}"):
            yield _sample(stack, "alarm", other, "ALARM", told=f"{other} of others is ALARM", wakes=None)


def _packages(stack: Stack) -> Iterator[Sample]:
    for name in stack.named("model-package-group"):
        for state in APPROVALS:
            needed = state != "PendingManualApproval"
            for group in (name, f"{name}-2", f"{FOREIGN}-models"):
                who, told = "deployer" if group == name else None, f"a version in {group} is {state}"
                yield _sample(stack, "model_package", group, state, told=told, wakes=who, needed=needed)
            told = f"a version comes into {name} as {state}"
            new = _sample(stack, "model_package", name, state, told=told, wakes="deployer", needed=needed)
            del new.event["detail"]["UpdatedModelPackageFields"]
            yield new
        # The deployer marks versions: were it woken by that, a mark of a failure would repeat what failed.
        marked = _sample(stack, "model_package", name, "Approved", told=f"a version in {name} is marked", wakes=None)
        marked.event["detail"]["UpdatedModelPackageFields"] = ["CustomerMetadataProperties"]
        yield marked


def _executions(stack: Stack) -> Iterator[Sample]:
    training = stack.variables("controller").get("PIPELINE_NAME")
    for name in [*stack.named("pipeline"), f"{FOREIGN}-training"]:
        for state in EXECUTIONS:
            who = "controller" if name == training and state in ENDED else None
            told = f"a run of {name} is {state}"
            yield _sample(stack, "pipeline_execution", name.lower(), state, told=told, wakes=who)


def _endpoints(stack: Stack) -> Iterator[Sample]:
    guarded = not any(
        "serverlessConfig" in variant
        for node in stack.of("endpoint-config")
        for variant in stack.inputs(node).get("productionVariants") or []
    )
    for name in [*stack.named("endpoint"), FOREIGN]:
        who = None if name == FOREIGN else "deployer"
        told = f"the deployment of {name} moves on"
        yield _sample(stack, "endpoint_deployment", name, "UPDATING", told=told, wakes=who, needed=guarded)
        # The deployer acts on an endpoint in service; without this event it does so at its next tick.
        told = f"{name} is in service again"
        yield _sample(stack, "endpoint", name, "IN_SERVICE", told=told, wakes=who, needed=False)


def _objects(stack: Stack) -> Iterator[Sample]:
    handed = stack.variables("controller")
    bucket, prefix = handed.get("DATA_BUCKET"), handed.get("DATA_PREFIX", "data/")
    wanted = "controller" if stack.agreed("triggers", "new_data") else None
    for name in [*stack.named("bucket"), f"{FOREIGN}-data-{ACCOUNT_ID}"]:
        for key in (f"{prefix}2026/10/02.parquet", f"other/{prefix}x.parquet"):
            who = wanted if name == bucket and key.startswith(prefix) else None
            yield _sample(stack, "object_created", name, key, told=f"{key} arrived in {name}", wakes=who)


def _sample(
    stack: Stack, kind: str, name: str, state: str, *, told: str, wakes: str | None, needed: bool = True
) -> Sample:
    return Sample(told=told, event=_event(kind, name, state, stack.region), wakes=wakes, needed=needed)


@cache
def _template(kind: str) -> Template:
    return Template((EVENTS / f"{kind}.json").read_text(encoding="utf-8"))


def _event(kind: str, name: str, state: str, region: str) -> dict[str, Any]:
    text = _template(kind).substitute(account=ACCOUNT_ID, region=region, name=name, state=state, endpoint=name)
    event: dict[str, Any] = json.loads(text)
    return event
