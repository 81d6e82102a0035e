"""A graph in a form that can be compared with that of another stack.

What has to differ is taken out: the stack's name and its region. JSON texts become what they say. Lists become mappings
from places, so that one statement more does not move all the others: what has a name of its own is known by it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["ARCHIVE", "STACK", "Canonical", "same"]

STACK = "pulumi:pulumi:Stack"
"""The type under which a stack's exports are compared."""

_NAMES = ("Sid", "Name", "name", "id")
_SETS = {"(dependsOn)", "(ignoreChanges)", "AWS", "Action", "NotAction", "NotResource", "Resource", "Service"}
"""Lists whose order means nothing."""
ARCHIVE = "__archive__"
"""Files are compared byte for byte: a name that they hold is the same for every stack."""


@dataclass(frozen=True)
class Canonical:
    """One graph, and its nodes in a form that can be compared."""

    graph: ResourceGraph

    @cached_property
    def nodes(self) -> dict[tuple[str, str], Any]:
        """Every node's fields by its type and name."""
        found = {(node.type, self.text(node.name)): self._fields(node) for node in self.graph}
        found[STACK, self.graph.project] = self._value("", dict(self.graph.outputs))
        return found

    @cached_property
    def settings(self) -> dict[str, str]:
        """Every setting, without the project's name in front."""
        prefix = f"{self.graph.project}:"
        return {key.removeprefix(prefix): value for key, value in self.graph.config.items()}

    def text(self, value: str) -> str:
        """Return a text in which the stack is ``{stack}`` and its region ``{region}``, where it surely means them."""
        for word, pattern, replacement in self._own:
            if word in value:  # most texts hold neither, and searching with patterns takes its time
                value = pattern.sub(replacement, value)
        return value

    @cached_property
    def _own(self) -> tuple[tuple[str, re.Pattern[str], str], ...]:
        project, stack = re.escape(self.graph.project), re.escape(self.graph.stack)
        patterns = {
            rf"(?<![\w-])({project})-{stack}(?![A-Za-z0-9_])": r"\1-{stack}",
            rf"(/{project})/{stack}(?![\w-])": r"\1/{stack}",
            rf"(environment:){stack}(?![A-Za-z0-9_])": r"\1{stack}",  # as GitHub's tokens say it
        }
        found = [(self.graph.stack, re.compile(pattern), text) for pattern, text in patterns.items()]
        if region := self.graph.region():
            zone = re.compile(rf"(?<![A-Za-z0-9-]){re.escape(region)}(?![0-9])")  # a zone is a region and a letter
            found.append((region, zone, "{region}"))
        return tuple(found)

    def _fields(self, node: Node) -> Any:
        options = {
            "kind": node.kind,
            "parent": node.parent,
            "provider": node.provider,
            "protect": node.protect,
            "dependsOn": list(node.depends_on),
            "ignoreChanges": list(node.ignore_changes),
            **node.options,
        }
        return self._value("", {**{f"({name})": value for name, value in options.items()}, **node.inputs})

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            parsed = _parsed(value)
            if parsed is not None:
                return self._value(key, parsed)
            return "{stack}" if key.lower() == "stack" and value == self.graph.stack else self.text(value)
        if isinstance(value, dict):
            if ARCHIVE in value:
                return value
            return {self.text(name): self._value(name, item) for name, item in value.items()}
        if isinstance(value, list) and value:
            items = [self._value("", item) for item in value]
            return dict(zip(_places(key, items), items, strict=True))
        return value


def same(left: Any, right: Any, stacks: tuple[str, ...], *, key: str = "") -> bool:
    """Tell whether two leaves are equal, or would be if the two stacks had one name.

    A word that is the name of a stack may mean it or not, so each such word in the left may be either name in the
    right. Where the key says that it is the stack's name, it has been taken out already.

    Args:
        left: The one value.
        right: The other.
        stacks: The names of the two stacks; empty where their names mean nothing, as in a file.
        key: What the value is called.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left == right or not isinstance(left, str) or not isinstance(right, str):
        return bool(left == right)
    if not stacks or key.lower() == "stack":
        return False
    words = [re.escape(stack) for stack in stacks]
    parts = re.split(rf"(?<![A-Za-z0-9]){words[0]}(?![A-Za-z0-9])", left)
    return re.fullmatch(f"(?:{'|'.join(words)})".join(map(re.escape, parts)), right) is not None


def _parsed(value: str) -> Any:
    if not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _places(key: str, items: list[Any]) -> list[str]:
    """Return the places of a list: names where every item has one of its own, else numbers."""
    takers: list[Callable[[Any], Any]] = [lambda item, name=name: item.get(name) for name in _NAMES]  # type: ignore[misc]
    if all(isinstance(item, dict) for item in items):
        for take in takers:
            names = [take(item) for item in items]
            if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
                return [f"[{name}]" for name in names]
    elif key in _SETS and all(isinstance(item, str) for item in items) and len(set(items)) == len(items):
        return [f"[{item}]" for item in items]
    return [f"[{number}]" for number in range(len(items))]
