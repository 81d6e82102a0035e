"""How a plug-in takes part in a call: a function of the call and of what stands behind it, registered by action.

    @on("sagemaker", "DescribeModel")
    def describe_model(call: Call, moto: Moto) -> dict:
        return as_asked(moto(), moto.memory("model")[call.params["ModelName"]])

A hook answers by itself, changes what moto answers, or raises `Refused` before moto is asked at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .wire import Call

Result = dict[str, Any]


@dataclass(frozen=True)
class Moto:
    """What stands behind a hook: moto's own answer to the same call, and the memory of earlier calls."""

    ask: Callable[[], Result]
    kept: dict[str, dict[str, Any]]

    def __call__(self) -> Result:
        """Let moto answer; its refusals are raised as `Refused`."""
        return self.ask()

    def memory(self, kind: str) -> dict[str, Any]:
        """Return what hooks have kept of one kind, in the call's region; empty at first."""
        return self.kept[kind]


Hook = Callable[[Call, Moto], Result]
HOOKS: dict[tuple[str, str], Hook] = {}


def on(service: str, *actions: str) -> Callable[[Hook], Hook]:
    """Register a hook for actions of a service; each action has one hook at most."""

    def register(hook: Hook) -> Hook:
        for action in actions:
            if (service, action) in HOOKS:
                raise RuntimeError(f"{service}:{action} has a hook already")
            HOOKS[service, action] = hook
        return hook

    return register


@dataclass
class Memory:
    """What hooks have kept, by service and region, so that nothing of one is seen in another."""

    shelves: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)

    def of(self, call: Call) -> dict[str, dict[str, Any]]:
        """Return the shelf of a call's service and region."""
        return self.shelves.setdefault((call.service, call.region), defaultdict(dict))


def reads(action: str) -> bool:
    """Tell whether an action changes nothing."""
    return action.startswith(("Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Simulate", "BatchGet"))


def removes(action: str) -> bool:
    """Tell whether an action takes something away."""
    verbs = "Delete", "Remove", "Detach", "Revoke", "Untag", "Disassociate", "Deregister", "Unsubscribe", "Schedule"
    return action.startswith((*verbs, "Disable", "Cancel", "Stop", "Abort", "BatchDelete"))


def mutates(action: str) -> bool:
    """Tell whether an action makes or changes something: what a failing deployment stops at."""
    return not reads(action) and not removes(action)
