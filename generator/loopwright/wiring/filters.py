"""Filters: a metric that is made of a log counts lines that something writes to that log, by fields that they have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loopwright.wiring.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES", "made", "on_endpoint"]

ENDPOINTS = "/aws/sagemaker/Endpoints/"
"""SageMaker writes what an endpoint's containers print to a group of this name and the endpoint's."""
CLAUSE = re.compile(r'\s*\$\.(?P<field>\w+)\s*(?:=\s*"(?P<text>[^"*]+)"|(?:>|>=|<|<=|=|!=)\s*[\d.]+)\s*')


def made(stack: Stack) -> dict[tuple[str, str], tuple[Node, tuple[str, ...]]]:
    """Return every metric that is made of a log: its filter and its dimensions, by namespace and name."""
    found = {}
    for node in stack.of("log-filter"):
        into = stack.inputs(node).get("metricTransformation") or {}
        key = (str(into.get("namespace")), str(into.get("name")))
        found[key] = (node, tuple(into.get("dimensions") or {}))
    return found


def on_endpoint(stack: Stack, node: Node) -> bool:
    """Tell whether a filter reads what an endpoint of the stack prints."""
    group = str(stack.inputs(node).get("logGroupName"))
    return group.removeprefix(ENDPOINTS) in stack.named("endpoint") and group.startswith(ENDPOINTS)


def lines(stack: Stack) -> Iterator[Finding]:
    """A filter counts lines that the server writes: it reads the endpoint's log, an event and fields that are there."""
    for node in stack.of("log-filter"):
        stack.proven["log filters"] += 1
        if not on_endpoint(stack, node):
            because = f"only what an endpoint of the stack prints lies in a group below {ENDPOINTS}"
            yield _broken(node, "logGroupName", "the filter reads a log that nobody writes to", because)
            continue
        pattern = str(stack.inputs(node).get("pattern"))
        clauses = [CLAUSE.fullmatch(part) for part in pattern.strip(" {}").split("&&")]
        if not pattern.startswith("{") or not all(clauses):
            yield _broken(
                node, "pattern", f"the pattern {pattern!r} is not read", "it is no conjunction of JSON fields"
            )
            continue
        named = {clause["field"]: clause["text"] for clause in clauses if clause}
        written = stack.sources.lines.get(named.get("event") or "", set())
        if wrong := sorted(set(named) - written):
            because = "no line that the server writes has that, so the metric stays at its default for ever"
            yield _broken(node, "pattern", f"the pattern reads {', '.join(wrong)}", because)


def _broken(node: Node, path: str, what: str, because: str) -> Finding:
    attempt = "name event and fields as ml/serve.py logs them, and the endpoint's log group"
    return Finding(rule="filters.lines", node=node.id, path=path, what=what, because=because, attempt=attempt)


RULES = (lines,)
