"""Verdicts of gates and probes, told anew from the figures and limits that are recorded with them."""

from __future__ import annotations

import operator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .decisions import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["RULES", "gate", "gates", "probe"]

RULES = {"at least": operator.ge, "at most": operator.le, "more than": operator.gt, "less than": operator.lt}
"""How the value of a gate that passes stands to its limit."""
MANUAL = "manual"


def gates(facts: Mapping[str, Any]) -> Iterator[tuple[bool, list[Difference]]]:
    """Yield for each gate, and last for all together, whether its figures tell the verdict, and what differs."""
    for each in facts["gates"]:
        now = gate(each, facts["metric"])
        found = [] if now in {None, each["passed"]} else [Difference(each["gate"], each["passed"], now)]
        yield now is not None, found + list(_worst(each))
    every = all(each["passed"] for each in facts["gates"])
    yield True, [] if every == facts["passed"] else [Difference("passed", facts["passed"], every)]


def gate(recorded: Mapping[str, Any], metric: str) -> bool | None:
    """Return whether a gate passes by its figures; None where they alone do not tell."""
    if None in (recorded["value"], recorded["limit"], recorded["rule"]):
        return None
    value, limit = float(recorded["value"]), float(recorded["limit"])
    if recorded["gate"] not in {"metric", "golden"}:
        return bool(RULES[recorded["rule"]](value, limit))
    holds = _holds(metric, recorded["rule"], value, limit)
    # A model's answers on the golden rows have to point the right way, too; only the note says that.
    return None if recorded["gate"] == "golden" and holds else holds


def _holds(metric: str, rule: str, value: float, limit: float) -> bool:
    """Ask the project's own contract."""
    limits = {"minimum" if rule == "at least" else "maximum": limit}
    return bool(import_module("ml.contract").Metric(name=metric, **limits).holds(value))


def _worst(recorded: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield a difference where a gate of slices did not judge the worst of them."""
    known = [each["sure"] for each in recorded["slices"] if isinstance(each["sure"], int | float)]
    if known and len(known) == len(recorded["slices"]) and max(known) != recorded["value"]:
        yield Difference(f"{recorded['gate']} of the worst slice", recorded["value"], max(known))


def probe(facts: Mapping[str, Any]) -> tuple[bool, list[Difference]]:
    """Return whether a probe's figures tell that a run goes on, and what differs.

    It goes on where a person asked, and where the gain is more than what is needed.
    """
    found = facts["probe"]
    if found is None or None in (found["gain"], found["needed"]):
        return False, []
    now = facts["reason"] == MANUAL or float(found["gain"]) > float(found["needed"])
    return True, [] if now == found["go"] else [Difference("go", found["go"], now)]
