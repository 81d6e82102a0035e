"""The definitions of a stack, as ``loopwright check`` asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loopwright.definitions.document import read
from loopwright.definitions.resolve import references
from loopwright.definitions.shapes import JOBS
from loopwright.definitions.validate import validate
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

    from loopwright.graph.model import ResourceGraph
    from loopwright.wiring.findings import Finding

__all__ = ["pipelines"]

_INPUT = "pipelineDefinition"


def pipelines(graph: ResourceGraph, project: Path) -> tuple[list[Finding], dict[str, int]]:
    """Return what SageMaker would refuse of a stack's pipelines, and how much was proven.

    Args:
        graph: The graph of a stack, with tokens.
        project: The generated repository whose graph it is.
    """
    stack = Stack(graph, Sources(project))
    found: list[Finding] = []
    proven = {"definitions": 0, "steps": 0, "requests": 0, "references": 0}
    # What is no JSON at all, the wiring proof tells.
    for node, body in stack.definitions.values():
        found += [replace(each, path=f"{_INPUT}.{each.path}".rstrip(".")) for each in validate(body, node=node.id)]
        steps = read(body).steps
        proven["definitions"] += 1
        proven["steps"] += len(steps)
        proven["requests"] += sum(step.kind in JOBS for step in steps)
        proven["references"] += sum(1 for step in steps for _ in references(step.arguments, ""))
    return sorted(found), proven
