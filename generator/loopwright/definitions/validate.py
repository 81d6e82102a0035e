"""The proof of one definition: every rule that SageMaker would apply to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loopwright.definitions.conditions import conditions, failures
from loopwright.definitions.document import broken, malformed, read
from loopwright.definitions.jobs import jobs
from loopwright.definitions.order import names, order
from loopwright.definitions.parameters import parameters
from loopwright.definitions.policies import caches, retries
from loopwright.definitions.references import property_files, references
from loopwright.definitions.requests import requests
from loopwright.definitions.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loopwright.definitions.document import Document
    from loopwright.wiring.findings import Finding

__all__ = ["RULES", "validate"]

RULES: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    names,
    parameters,
    requests,
    references,
    property_files,
    order,
    conditions,
    failures,
    caches,
    retries,
    jobs,
)


def validate(definition: Mapping[str, Any], *, node: str = "pipeline") -> Iterator[Finding]:
    """Yield what SageMaker would refuse of a pipeline definition, without asking it.

    Args:
        definition: The definition as parsed JSON. Its texts may hold a graph's tokens for what only AWS knows.
        node: What the findings name as their node.

    Nothing is raised for any JSON object: what has not the shape of a definition is a finding too.
    """
    for each in (*malformed(definition), *_size(definition)):
        yield replace(each, node=node)
    document = read(definition)
    for rule in RULES:
        for each in rule(document):
            yield replace(each, node=node)


def _size(definition: Mapping[str, Any]) -> Iterator[Finding]:
    size, most = len(json.dumps(definition).encode()), shape("PipelineDefinition").metadata["max"]
    if size > most:
        because = f"it has {size} bytes, and {most} is all that CreatePipeline takes"
        yield broken("pipelines.size", "", "the definition is too long", because)
