"""Faults made by a machine: policies widened, turned round or left out, statement by statement; attributes left out.

Nobody chose these, so they show what a list of chosen faults cannot: what nobody thought of. Those of policies are made
in the graph and in the exported document alike, so that the wiring proof, which reads the graph, can find them, too.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from loopwright.terraform.names import local, schema
from rules.plan import listed
from rules.statements import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODYS = "arn:aws:iam::999999999999:root"


def _service(statement):
    return listed(statement["Action"])[0].split(":")[0]


CHANGES = {
    "without its condition": lambda s: s.pop("Condition"),
    "on every resource": lambda s: s.update(Resource="*"),
    "with every action of its service": lambda s: s.update(Action=f"{_service(s)}:*"),
    "with every action": lambda s: s.update(Action="*"),
    "for anybody": lambda s: s.update(Principal="*"),
    "for another account": lambda s: s.update(Principal={"AWS": NOBODYS}),
    "turned round": lambda s: s.update(Effect="Deny" if s["Effect"] == "Allow" else "Allow"),
    "left out": None,
    "with its first action left out": lambda s: s.update(Action=listed(s["Action"])[1:]),
    "with its last resource left out": lambda s: s.update(Resource=listed(s["Resource"])[:-1]),
    "with its first principal left out": lambda s: _one_less(s["Principal"]),
}


def _one_less(principal):
    kind, values = next(iter(principal.items()))
    principal[kind] = values[1:]


def _applies(change, statement):
    wanted = {
        "without its condition": bool(statement.get("Condition")),
        "on every resource": statement.get("Resource", "*") not in ("*", ["*"]),
        "for anybody": statement.get("Principal", "*") != "*",
        "for another account": "Principal" in statement,
        "with its first action left out": len(listed(statement["Action"])) > 1,
        "with its last resource left out": len(listed(statement.get("Resource"))) > 1,
        "with its first principal left out": any(
            isinstance(values, list) and len(values) > 1
            for principal in listed(statement.get("Principal"))
            if isinstance(principal, dict)
            for values in principal.values()
        ),
    }
    return wanted.get(change, True)


@dataclass(frozen=True)
class Fault:
    """One statement of one policy, changed in one way."""

    node: str
    address: str
    attribute: str
    index: int
    sid: str
    change: str

    def __str__(self):
        return f"{self.address} {self.sid} {self.change}"

    def text(self, document: str) -> str:
        """Return a policy's text with the change."""
        policy = json.loads(document)
        edit = CHANGES[self.change]
        if edit is None:
            del policy["Statement"][self.index]
        else:
            edit(policy["Statement"][self.index])
        return json.dumps(policy)

    def in_document(self, document: dict) -> dict:
        """Return an exported document with the change; the rest of it is shared."""
        kind, name = self.address.split(".")
        body = document["resource"][kind][name]
        broken = body | {self.attribute: self.text(body[self.attribute])}
        named = document["resource"][kind] | {name: broken}
        return document | {"resource": document["resource"] | {kind: named}}

    def in_graph(self, graph):
        """Return a graph with the change."""
        node = graph[self.node]
        key = _key(self.attribute)
        inputs = {**node.inputs, key: self.text(node.inputs[key])}
        broken = replace(node, inputs=MappingProxyType(inputs))
        return replace(graph, nodes=MappingProxyType({**graph.nodes, self.node: broken}))


@dataclass(frozen=True)
class Omission:
    """One attribute of one resource, left out or turned round."""

    address: str
    path: tuple[str | int, ...]
    turned: bool

    def __str__(self):
        return f"{self.address} {self.dotted} {'turned round' if self.turned else 'left out'}"

    @property
    def dotted(self) -> str:
        """The path as one text."""
        return ".".join(map(str, self.path))

    def in_document(self, document: dict) -> dict:
        """Return an exported document with the fault; the rest of it is shared."""
        kind, name = self.address.split(".")
        body = copy.deepcopy(document["resource"][kind][name])
        holder = body
        for key in self.path[:-1]:
            holder = holder[key]
        if self.turned:
            holder[self.path[-1]] = not holder[self.path[-1]]
        else:
            del holder[self.path[-1]]
        named = document["resource"][kind] | {name: body}
        return document | {"resource": document["resource"] | {kind: named}}

    def why_harmless(self) -> str | None:
        """Return why nothing is worse for it, or None where something is."""
        kind = self.address.partition(".")[0]
        for why, types in harmless().items():
            if any(fnmatchcase(self.dotted, pattern) for pattern in types.get(kind, ())):
                return why
        return None


@cache
def harmless() -> dict[str, dict[str, list[str]]]:
    """Return what may be left out, by the reason and the type."""
    return yaml.safe_load(Path(__file__).with_name("harmless.yaml").read_text(encoding="utf-8"))


def omissions(document: dict) -> Iterator[Omission]:
    """Yield every attribute of every resource, left out, and every truth turned round."""
    for kind, named in document["resource"].items():
        for name, body in named.items():
            for path, value in _paths(body, ()):
                yield Omission(f"{kind}.{name}", path, turned=False)
                if isinstance(value, bool):
                    yield Omission(f"{kind}.{name}", path, turned=True)


def _paths(value, path):
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key in {"//", "depends_on"}:
            continue
        yield (*path, key), item
        if isinstance(item, dict | list):
            yield from _paths(item, (*path, key))


def _key(attribute):
    first, *rest = attribute.split("_")
    return first + "".join(map(str.title, rest))


def faults(graph) -> Iterator[Fault]:
    """Yield every change of every statement in a graph's policies."""
    for node in graph.resources():
        kind = schema().resource(node.type)[0]
        for attribute in (attribute for of, attribute in DOCUMENTS if of == kind):
            if _key(attribute) not in node.inputs:
                continue
            for index, statement in enumerate(json.loads(node.inputs[_key(attribute)])["Statement"]):
                for change in CHANGES:
                    if _applies(change, statement):
                        address = f"{kind}.{local(node.name)}"
                        yield Fault(node.id, address, attribute, index, statement["Sid"], change)
