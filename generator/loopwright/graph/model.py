"""The resource graph as data: what a program registers for one stack, with the references between its nodes."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Kind", "Node", "Part", "Reference", "ResourceGraph", "Secret", "is_cut", "parse", "strings", "text"]

FORMAT = 1
Kind = Literal["resource", "component", "data", "provider"]

_MARK = re.compile(
    r"<<ref:/(?P<node>[^<>#]+)#(?P<property>[^<>#.\[]+)(?P<path>[^<>#]*)/-ref>>|<<secret:/(?P<secret>[^<>]+)/-secret>>"
)
_FRAGMENT = re.compile(
    r"(?i:(?:<<|%3c%3c)(?:ref|secret)|(?:ref|secret)(?:>>|%3e%3e)|(?:ref|secret):/\w+:|/-(?:ref|secret))|\w:[A-Z]\w*::"
)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A property of a node that only its provider knows."""

    node: str
    property: str
    path: str = ""
    """What of the property, as in ``[0].data``."""

    def __str__(self) -> str:
        return f"<<ref:/{self.node}#{self.property}{self.path}/-ref>>"


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A value that is not in the graph."""

    where: str
    """``config#KEY``, or the node and the property that hold it."""

    def __str__(self) -> str:
        return f"<<secret:/{self.where}/-secret>>"


Part = str | Reference | Secret


def text(value: str) -> tuple[Part, ...]:
    """Return the literal and the other parts of a string, in order; no literal is empty."""
    parts: list[Part] = []
    end = 0
    for found in _MARK.finditer(value):
        parts.append(value[end : found.start()])
        if found["secret"]:
            parts.append(Secret(where=found["secret"]))
        else:
            parts.append(Reference(node=found["node"], property=found["property"], path=found["path"]))
        end = found.end()
    return tuple(part for part in (*parts, value[end:]) if part != "")


def is_cut(literal: str) -> bool:
    """Tell whether a literal part holds what is left of a token that a program cut or changed."""
    return bool(_FRAGMENT.search(literal))


def strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in a JSON value behind its path, as in ``rules[0].id``; keys are not strings."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, f"{where}.{key}" if where else key)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A resource, a component, a data source or an explicit provider."""

    id: str
    """``TYPE::NAME``, with ``data:`` in front of a data source."""
    kind: Kind
    type: str
    name: str
    parent: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """By Pulumi's names, with tokens for what is not known yet."""
    depends_on: tuple[str, ...] = ()
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    provider: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Any other resource option that is set, by Pulumi's names."""

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Every reference anywhere in the inputs, once, in order."""
        parts = (part for _, value in strings(dict(self.inputs)) for part in text(value))
        return tuple(dict.fromkeys(part for part in parts if isinstance(part, Reference)))

    def to(self, name: str) -> Reference:
        """Return a reference to one of this node's properties."""
        return Reference(node=self.id, property=name)


@dataclass(frozen=True, kw_only=True)
class ResourceGraph:
    """All nodes of one stack, sorted by id."""

    project: str
    stack: str
    config: Mapping[str, str]
    """Every configuration value as text, by its full name; secrets as markers."""
    nodes: Mapping[str, Node]
    outputs: Mapping[str, Any]
    """What the stack exports."""
    digest: str
    """Changes with anything above."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """With concrete answers: the value that stands for each token."""

    def __getitem__(self, node: str) -> Node:
        return self.nodes[node]

    def __contains__(self, node: object) -> bool:
        return node in self.nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    def resources(self) -> tuple[Node, ...]:
        """Return what a provider makes."""
        return self._kinds["resource"]

    def of_kind(self, kind: Kind) -> tuple[Node, ...]:
        """Return the nodes of a kind."""
        return self._kinds[kind]

    def of_type(self, name: str) -> tuple[Node, ...]:
        """Return the nodes of a Pulumi type, such as ``aws:s3/bucket:Bucket``."""
        return self._types[name]

    def children(self, node: str) -> tuple[Node, ...]:
        """Return the nodes whose parent this is."""
        return self._children[node]

    def component(self, node: Node) -> str:
        """Return the id of the component that a node belongs to; empty for one that belongs to the stack."""
        parent = self.nodes.get(node.parent or "")
        while parent and parent.kind != "component":
            parent = self.nodes.get(parent.parent or "")
        return parent.id if parent else ""

    def region(self, node: Node | None = None) -> str | None:
        """Return the region of a node, or of the stack; None where nothing says it."""
        explicit = node.inputs.get("region") if node else None
        provider = self.nodes[node.provider].inputs.get("region") if node and node.provider else None
        found = explicit or provider or self.config.get("aws:region")
        return found if isinstance(found, str) and "<<" not in found else None

    @cached_property
    def _kinds(self) -> Mapping[str, tuple[Node, ...]]:
        return _grouped((node.kind, node) for node in self)

    @cached_property
    def _types(self) -> Mapping[str, tuple[Node, ...]]:
        return _grouped((node.type, node) for node in self)

    @cached_property
    def _children(self) -> Mapping[str, tuple[Node, ...]]:
        return _grouped((node.parent, node) for node in self if node.parent)


def parse(document: Mapping[str, Any]) -> ResourceGraph:
    """Return the graph of a document that ``evaluate.py`` printed.

    Raises:
        LoopwrightError: Another version of it did.
    """
    if document.get("format") != FORMAT:
        raise LoopwrightError(
            "this resource graph cannot be read",
            because=f"its format is {document.get('format')!r}, and {FORMAT} is what this version knows",
            attempt="make it again with this version of loopwright",
        )
    nodes = (_node(entry) for entry in document["nodes"])
    kept = {name: value for name, value in document.items() if name != "answers"}
    return ResourceGraph(
        project=document["project"],
        stack=document["stack"],
        config=MappingProxyType(document["config"]),
        nodes=MappingProxyType({node.id: node for node in nodes}),
        outputs=MappingProxyType(document["outputs"]),
        digest=hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest(),
        answers=MappingProxyType(document.get("answers", {})),
    )


def _node(entry: Mapping[str, Any]) -> Node:
    rest = dict(entry)
    return Node(
        id=rest.pop("id"),
        kind=rest.pop("kind"),
        type=rest.pop("type"),
        name=rest.pop("name"),
        parent=rest.pop("parent"),
        inputs=MappingProxyType(rest.pop("inputs")),
        depends_on=tuple(rest.pop("dependsOn")),
        protect=rest.pop("protect"),
        ignore_changes=tuple(rest.pop("ignoreChanges")),
        provider=rest.pop("provider"),
        options=MappingProxyType(rest),
    )


def _grouped(pairs: Iterator[tuple[str, Node]]) -> Mapping[str, tuple[Node, ...]]:
    groups: defaultdict[str, tuple[Node, ...]] = defaultdict(tuple)
    lists: defaultdict[str, list[Node]] = defaultdict(list)
    for key, node in pairs:
        lists[key].append(node)
    groups.update({key: tuple(nodes) for key, nodes in lists.items()})
    return groups
