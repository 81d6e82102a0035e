"""From a reference in the graph to an expression in Terraform."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.graph.arns import ACCOUNT, PARTITION, REGION
from loopwright.terraform.names import local

if TYPE_CHECKING:
    from loopwright.graph.model import Node, Reference, ResourceGraph
    from loopwright.terraform.names import Block, Field, Schema

__all__ = ["Expression", "Places", "Problem"]

_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+|\*)\]")


class Problem(Exception):  # noqa: N818 - it is collected, and told with all others
    """Something that Terraform cannot be told; the text says what and where."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """What stands between ``${`` and ``}``."""

    text: str
    sensitive: bool
    """Terraform shows it only where it is told to."""


@dataclass(frozen=True, kw_only=True)
class _Place:
    address: str
    block: Block


class Places:
    """Where each resource and data source of a graph is in Terraform.

    Args:
        graph: The graph; data sources that its ARNs need are added to its own.
        schema: The provider's schema.
    """

    def __init__(self, graph: ResourceGraph, schema: Schema) -> None:
        self._schema = schema
        wanted = [node for node in graph if node.kind in {"resource", "data"}]
        self._places = {node.id: self._place(node.type, node.name, node.kind) for node in wanted}
        self._homeless = {node.id: self._reason(node) for node in wanted if not self._places[node.id]}
        for reference in (ACCOUNT, PARTITION, REGION):
            kind, name = reference.node.removeprefix("data:").split("::")
            self._places.setdefault(reference.node, self._place(kind, name, "data"))

    def problems(self) -> list[str]:
        """Return what has no place, or one place for two."""
        taken = Counter(place.address for place in self._places.values() if place)
        clashes = [f"two resources would be {address}: rename one" for address, count in taken.items() if count > 1]
        return [*self._homeless.values(), *clashes]

    def is_homeless(self, node: str) -> bool:
        """Tell whether ``problems`` names a node that has no place."""
        return node in self._homeless

    def __contains__(self, node: str) -> bool:
        return self._places.get(node) is not None

    def address(self, node: str) -> str:
        """Return the address of a node that has one, such as ``aws_s3_bucket.data``."""
        return self._found(node).address

    def block(self, node: str) -> Block:
        """Return what a node that has a place may hold."""
        return self._found(node).block

    def expression(self, reference: Reference) -> Expression:
        """Return the expression for a reference.

        Raises:
            Problem: There is no such attribute, or it belongs to what Terraform has no place for.
        """
        place = self._found(reference.node)
        if reference.property == "id":
            return Expression(text=f"{place.address}.id", sensitive=False)
        field = place.block.find(reference.property)
        if field is None:
            raise Problem(f"{reference.node}: {reference.property} is not among the provider's attributes")
        return _walk(f"{place.address}.{field.name}", field, reference)

    def _found(self, node: str) -> _Place:
        place = self._places.get(node)
        if place is None:
            raise Problem(f"{node}: it has no place in Terraform, and something refers to it")
        return place

    def _place(self, kind: str, name: str, of: str) -> _Place | None:
        if not kind.startswith("aws:"):
            return None
        found = self._schema.data(kind) if of == "data" else self._schema.resource(kind)
        prefix = "data." if of == "data" else ""
        return _Place(address=f"{prefix}{found[0]}.{local(name)}", block=found[1]) if found else None

    def _reason(self, node: Node) -> str:
        if not node.type.startswith("aws:"):
            return f"{node.id}: only AWS resources can be written"
        return f"{node.id}: this type is not among those that the export knows (AWS provider {self._schema.version})"


def _walk(text: str, field: Field, reference: Reference) -> Expression:
    sensitive, many = field.sensitive, _is_many(field)
    for step in _STEP.finditer(reference.path):
        if step["index"] == "*":
            many = False
        elif step["index"]:
            text, many = f"{_listed(text, field)}[{step['index']}]", False
        else:
            inner = field.block.find(step["name"]) if field.block else None
            if inner is None:
                raise Problem(f"{reference.node}: {reference.property}{reference.path} is not a known attribute")
            text = f"{_first(text, field) if many else text}.{inner.name}"
            field, sensitive, many = inner, sensitive or inner.sensitive, _is_many(inner)
    # Pulumi writes a list of one without the list.
    return Expression(text=f"one({text})" if many else text, sensitive=sensitive)


def _is_many(field: Field) -> bool:
    nesting = field.nesting if field.block else field.type[0] if isinstance(field.type, list) else "single"
    return nesting in {"list", "set"}


def _is_set(field: Field) -> bool:
    return "set" in {field.nesting, field.type[0] if isinstance(field.type, list) else None}


def _listed(text: str, field: Field) -> str:
    return f"tolist({text})" if _is_set(field) else text


def _first(text: str, field: Field) -> str:
    return f"one({text})" if _is_set(field) else f"{text}[0]"
