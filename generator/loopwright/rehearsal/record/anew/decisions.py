"""Decisions, made anew by the project's own pure functions from the state that is recorded with them."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .values import made

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ABSENT", "COMPONENTS", "Difference", "differences"]

ABSENT = "(there is none)"
HANDLERS = "mlops.handlers"


class Difference(NamedTuple):
    """A field that comes out otherwise than it is recorded."""

    field: str
    recorded: Any
    now: Any


def _retraining(document: Mapping[str, Any]) -> Any:
    module = import_module(f"{HANDLERS}.retraining")
    state, policy = (made(getattr(module, key.title()), document[key], key) for key in ("state", "policy"))
    return module.decide(state, policy, datetime.fromisoformat(document["at"]))


def _rollout(document: Mapping[str, Any]) -> Any:
    module = import_module(f"{HANDLERS}.rollout")
    return module.decide(made(module.State, document["state"], "state"), document["image"])


COMPONENTS = {"controller": (_retraining, {"start", "page"}), "deployer": (_rollout, {"page"})}
"""How each component decides, and which fields of a decision may become others when it is carried out."""


def differences(component: str, document: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield where a decision comes out otherwise than it is recorded, and where it was carried out otherwise.

    Args:
        component: A name in `COMPONENTS`.
        document: As the handler returned it.
    """
    decide, becoming = COMPONENTS[component]
    recorded = document.get("decided", {})
    plain = import_module(f"{HANDLERS}.aws").plain
    try:
        # Bounded as the recorded one is.
        now = plain({"decided": decide(document)})["decided"]
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the project's code of today makes of it
        yield Difference("decided", recorded, f"{type(error).__name__}: {error}")
        return
    yield from _unequal(recorded, now)
    told = {key: document.get(key, ABSENT) for key in recorded}
    kept = {key: recorded[key] if key in becoming else value for key, value in told.items()}
    for each in _unequal(kept, recorded):
        yield each._replace(field=f"{each.field} (carried out)")
    if told.get("start") is True and recorded.get("start") is not True:
        yield Difference("start (carried out)", recorded=True, now=recorded.get("start", ABSENT))


def _unequal(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for key in sorted({*recorded, *now}):
        before, after = recorded.get(key, ABSENT), now.get(key, ABSENT)
        # Compared as text: to Python, true is 1.
        if json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
            yield Difference(key, before, after)
