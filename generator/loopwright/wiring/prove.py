"""The proof: every rule over one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.wiring import alarms, definitions, events, filters, functions, metrics, names, places, roles, schedules
from loopwright.wiring.findings import Finding, Proof
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopwright.graph.model import ResourceGraph

__all__ = ["RULES", "prove"]

RULES: tuple[Callable[[Stack], Iterator[Finding]], ...] = (
    *names.RULES,
    *metrics.RULES,
    *filters.RULES,
    *alarms.RULES,
    *events.RULES,
    *schedules.RULES,
    *functions.RULES,
    *roles.RULES,
    *definitions.RULES,
    *places.RULES,
)


def prove(graph: ResourceGraph, project: Path, *, sources: Sources | None = None) -> Proof:
    """Prove that whatever one resource says of another is true, from the graph and the project's sources alone.

    Args:
        graph: The graph of a stack, with tokens.
        project: The generated repository whose graph it is.
        sources: Its files, where they were read already.
    """
    stack = Stack(graph, sources or Sources(project))
    found = sorted({finding for rule in RULES for finding in _applied(rule, stack)})
    return Proof(
        stack=graph.stack,
        findings=tuple(finding for finding in found if not finding.note),
        notes=tuple(finding for finding in found if finding.note),
        proven=dict(sorted(stack.proven.items())),
    )


def _applied(rule: Callable[[Stack], Iterator[Finding]], stack: Stack) -> Iterator[Finding]:
    """Yield what a rule finds; what it cannot read is not proven, and that is a finding too."""
    try:
        yield from rule(stack)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        place = f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"
        yield Finding(
            rule="wiring.shape",
            node="infra/",
            path="",
            what=f"{place} cannot be proven",
            because=f"an input has another shape than AWS takes: {type(error).__name__}: {error}",
            attempt="mend policies, patterns, definitions or alarms that are not as their service documents them",
        )
