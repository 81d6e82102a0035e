"""The pipelines of the shipped stacks as AWS is given them, for a person to read; a change shows in the review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stacks

FOLDER = Path(__file__).parent / "definitions"
PIPELINES = {"monitor-pipeline": "monitor", "training-pipeline": "training"}


@stacks.needs_pulumi
@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_definition_is_what_it_was(request, stack, name):
    graph = stacks.graph(stack)
    (found,) = (node for node in graph.of_type("aws:sagemaker/pipeline:Pipeline") if node.name == name)
    text = json.dumps(json.loads(found.inputs["pipelineDefinition"]), indent=1, sort_keys=True) + "\n"
    kept = FOLDER / f"{stack}-{PIPELINES[name]}.json"
    if request.config.getoption("--update-golden"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text)
    assert text == kept.read_text(), "pytest tests/golden --update-golden writes them again"
