"""``loopwright export picture``: the architecture of a stack as a picture, drawn from its resource graph.

Boxes are the program's components, and arrows are what one resource says of another: a schedule of what it starts, a
rule of whom it wakes, a function of what it reads. Roles and keys, which everything uses, are left out. The text is
Mermaid in Markdown, which GitHub and GitLab draw where they show the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from loopwright.graph.arns import physical_name
from loopwright.graph.model import Reference, strings, text
from loopwright.placing import replace_own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["picture", "write"]

MADE = "drawn by `loopwright export picture`"
"""Stands in every picture."""
HEAD = (
    "# Architecture",
    "",
    f"The components of `infra/`, and what one says of another, {MADE} from the program",
    "itself. Every box is a class below `infra/mlops/`; roles and the key, which all of them use, have no arrows.",
    "",
)
SHOWN = {
    "Bucket": "bucket",
    "Budget": "budget",
    "Dashboard": "dashboard",
    "Endpoint": "endpoint",
    "EventRule": "rule",
    "FeatureGroup": "feature group",
    "Function": "function",
    "Key": "key",
    "LogMetricFilter": "log filter",
    "MetricAlarm": "alarm",
    "MlflowApp": "MLflow app",
    "MlflowTrackingServer": "MLflow server",
    "ModelPackageGroup": "model package group",
    "Pipeline": "pipeline",
    "Queue": "queue",
    "Repository": "image repository",
    "Role": "role",
    "Schedule": "schedule",
    "Topic": "topic",
    "Vpc": "network",
}
"""Types that a box names, in words; the rest is how these are set up."""
ARROWS = {
    ("Budget", "Topic"): "tells",
    ("EndpointConfiguration", "Bucket"): "captures requests and answers",
    ("Function", "Bucket"): "keeps decisions",
    ("Function", "Budget"): "reads the spend",
    ("Function", "EndpointConfiguration"): "rolls out",
    ("Function", "MetricAlarm"): "reads alarms",
    ("Function", "ModelPackageGroup"): "reads and marks versions",
    ("Function", "Pipeline"): "starts",
    ("Function", "Queue"): "what failed",
    ("Function", "Topic"): "tells",
    ("Model", "Repository"): "runs the image",
    ("Pipeline", "Bucket"): "reads and writes",
    ("Pipeline", "ModelPackageGroup"): "registers",
    ("Pipeline", "Repository"): "runs the image",
    ("Schedule", "Function"): "wakes by the clock",
    ("Schedule", "Pipeline"): "starts by the clock",
    ("Schedule", "Queue"): "what failed",
}
"""What a resource of the first type means by naming one of the second; pairs that are not here are not drawn."""
CHANGES = {
    "Bucket": "new data",
    "Endpoint": "an update ended",
    "MetricAlarm": "an alarm changed",
    "ModelPackageGroup": "a version changed",
    "Pipeline": "a run ended",
}
"""What an event about a resource of this type tells."""


def picture(graph: ResourceGraph) -> str:
    """Return the picture of a stack as a page; the names of project and stack are not in it."""
    drawn = [*_arrows(graph)]
    boxes = sorted({graph.component(node) for node in graph.resources()} - {""})
    lines = ["flowchart LR", *(f'  {_word(graph, box)}["{_label(graph, box)}"]' for box in boxes)]
    meanings: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for source, meaning, target in sorted(set(drawn)):
        meanings[source, target].append(meaning)
    lines += [
        f'  {_word(graph, source)} -->|"{"<br/>".join(found)}"| {_word(graph, target)}'
        for (source, target), found in meanings.items()
    ]
    return "\n".join([*HEAD, "```mermaid", *lines, "```", ""])


def write(target: Path, page: str) -> None:
    """Put the page in its place whole.

    Raises:
        TargetError: A file of another origin is in the way, or the place cannot be written.
    """
    replace_own(target, page.encode(), lambda found: MADE.encode() in found)


def _arrows(graph: ResourceGraph) -> Iterator[tuple[str, str, str]]:
    """Yield what one component says of another: source, meaning, target."""
    named = {physical_name(node): node for node in graph.resources() if _short(node) in CHANGES}
    for node in graph.resources():
        home = graph.component(node)
        for there in _named_by(graph, node):
            meaning = ARROWS.get((_short(node), _short(there)))
            if meaning and graph.component(there) not in {"", home}:
                yield home, meaning, graph.component(there)
        if _short(node) == "EventTarget":
            rule, woken = (_referred(graph, node, name) for name in ("rule", "arn"))
            for source in _told_of(rule, named):
                yield graph.component(source), CHANGES[_short(source)], graph.component(woken)


def _named_by(graph: ResourceGraph, node: Node) -> Iterator[Node]:
    inputs = {name: value for name, value in node.inputs.items() if name != "code"}
    for _, value in strings(inputs):
        yield from (graph[part.node] for part in text(value) if isinstance(part, Reference) and part.node in graph)


def _referred(graph: ResourceGraph, node: Node, name: str) -> Node:
    (part,) = (part for part in text(str(node.inputs[name])) if isinstance(part, Reference))
    return graph[part.node]


def _told_of(rule: Node, named: dict[str | None, Node]) -> Iterator[Node]:
    """Yield the resources that a rule's pattern names."""
    pattern = str(rule.inputs.get("eventPattern", "{}"))
    for _, value in strings(json.loads(pattern)):
        found = named.get(value) or named.get(value.rpartition("/")[2]) or named.get(value.rpartition(":")[2])
        if found is not None:
            yield found


def _label(graph: ResourceGraph, component: str) -> str:
    counted = Counter(
        SHOWN[_short(node)]
        for node in graph.resources()
        if graph.component(node) == component and _short(node) in SHOWN
    )
    parts = [word if count == 1 else f"{count} {_plural(word)}" for word, count in sorted(counted.items())]
    return "<br/>".join([f"<b>{graph[component].type.rpartition(':')[2]}</b>", *filter(None, [", ".join(parts)])])


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") and word != "key" else f"{word}s"


def _word(graph: ResourceGraph, component: str) -> str:
    """Return a component's name as Mermaid takes it; `end` and the like are its own words."""
    return re.sub(r"\W", "_", f"{graph[component].name}_")


def _short(node: Node) -> str:
    return node.type.rpartition(":")[2]
