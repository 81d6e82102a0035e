"""Our own rules over an exported plan: what `docs/policies.md` lists, and no scanner sees.

A rule is a function from a `Plan` to what it has against it. It looks at the exported Terraform document, because that
is what plans, scanners and reviewers see, and it is told what the stack is meant to be, because a document cannot tell.
"""

from __future__ import annotations

from rules import (
    actions,
    alarms,
    events,
    features,
    functions,
    identity,
    images,
    keys,
    logs,
    messaging,
    needs,
    network,
    pipelines,
    reading,
    serving,
    stack,
    storage,
    trust,
    values,
)
from rules.plan import Finding, Plan, Resource, Stack
from rules.registry import RULES, Rule

__all__ = ["RULES", "Finding", "Plan", "Resource", "Rule", "Stack", "check"]

_MODULES = (
    storage, keys, identity, actions, needs, trust, images, serving, pipelines, features, functions, messaging, events,
    alarms, logs, network, stack, reading, values,
)  # fmt: skip


def check(plan: Plan) -> list[Finding]:
    """Return what all rules have against a plan, each thing once, sorted."""
    found = {finding for rule in RULES.values() for finding in rule.findings(plan)}
    return sorted(found, key=str)
