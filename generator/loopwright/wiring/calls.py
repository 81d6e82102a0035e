"""The calls that handlers make on boto3 clients, and what they hand over, from the syntax tree.

An argument is followed back to the environment variable it comes from, through locals, parameters and attributes: so a
call names the resource it means and not only its kind.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Call", "calls"]

DEEPEST = 4


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call on a client."""

    service: str
    method: str
    module: str
    line: int
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By argument, the environment variables that its value may begin with; none where that cannot be told."""
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By argument, the texts it may be that begin with words of their own; `x` stands for each value in them."""
    written: frozenset[str] = frozenset()
    """The names of its arguments."""


def calls(module: str, trees: Mapping[str, ast.Module]) -> Iterator[Call]:
    """Yield every use of a client's method in a module, whether it is called at once or handed on.

    Args:
        module: The module's name.
        trees: It and the modules beside it that may call its functions, by name.
    """
    origins = _Origins(module, trees)
    for function in (node for node in ast.walk(trees[module]) if isinstance(node, ast.FunctionDef)):
        clients = dict(_clients(function))
        for node in ast.walk(function):
            service = _service(node.value, clients) if isinstance(node, ast.Attribute) else None
            if service is None or not isinstance(node, ast.Attribute):
                continue
            arguments = dict(_arguments(function, _around(function, node)))
            yield Call(
                service=service,
                method=node.attr,
                module=module,
                line=node.lineno,
                given={name: tuple(origins.of(function, value)) for name, value in arguments.items()},
                texts={
                    name: texts for name, value in arguments.items() if (texts := tuple(origins.texts(function, value)))
                },
                written=frozenset(arguments),
            )


def _clients(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield the locals that hold a client, and its service."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                service = _service(value, {})
                if isinstance(name, ast.Name) and service:
                    yield name.id, service


def _service(node: ast.expr, clients: Mapping[str, str]) -> str | None:
    """Return the service of an expression that is a client."""
    if isinstance(node, ast.Name):
        return clients.get(node.id)
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return None
    named = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return str(node.args[0].value) if named == "client" else None


def _around(function: ast.FunctionDef, method: ast.Attribute) -> ast.Call | None:
    """Return the call that a method is called by, or handed on to."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and (node.func is method or method in node.args):
            return node
    return None


def _arguments(function: ast.FunctionDef, call: ast.Call | None) -> Iterator[tuple[str, ast.expr]]:
    for keyword in call.keywords if call else ():
        if keyword.arg:
            yield keyword.arg, keyword.value
            continue
        spread = [keyword.value]
        if isinstance(keyword.value, ast.Name):
            spread = [value for name, value in _assignments(function) if name == keyword.value.id]
        for value in spread:
            for key, item in zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ():
                if isinstance(key, ast.Constant):
                    yield str(key.value), item


def _assignments(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


class _Origins:
    """Where values of one module come from.

    Args:
        module: The module's name.
        trees: It and the modules beside it, by name.
    """

    def __init__(self, module: str, trees: Mapping[str, ast.Module]) -> None:
        self._trees = [trees[module], *(tree for name, tree in trees.items() if name != module)]
        self._attributes = [_constructed(tree) for tree in self._trees]
        """By module and attribute, the environment variables that a constructor was given for it; its own first."""

    def of(self, function: ast.FunctionDef, value: ast.expr, depth: int = 0) -> Iterator[str]:
        """Yield the environment variables that a value may come from."""
        if depth > DEEPEST:
            return
        yield from _read(value)
        if isinstance(value, ast.JoinedStr):
            # What a text begins with says in which bucket's corner a key lies.
            value = next((part.value for part in value.values if isinstance(part, ast.FormattedValue)), value)
        if isinstance(value, ast.Attribute):
            yield from sorted(next((known[value.attr] for known in self._attributes if value.attr in known), ()))
        for place, found in self._stands_for(function, value):
            yield from self.of(place, found, depth + 1)

    def texts(self, function: ast.FunctionDef, value: ast.expr, depth: int = 0) -> Iterator[str]:
        """Yield the texts that a value may be, if they begin with words of their own."""
        if isinstance(value, ast.JoinedStr) and isinstance(value.values[0], ast.Constant):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in value.values)
        for place, found in self._stands_for(function, value) if depth < DEEPEST else ():
            yield from self.texts(place, found, depth + 1)

    def _stands_for(self, function: ast.FunctionDef, value: ast.expr) -> Iterator[tuple[ast.FunctionDef, ast.expr]]:
        """Yield what a name is assigned, or handed as a parameter, and in which function."""
        if isinstance(value, ast.Name):
            yield from ((function, assigned) for name, assigned in _assignments(function) if name == value.id)
            yield from self._from_callers(function, value.id)

    def _from_callers(self, function: ast.FunctionDef, parameter: str) -> Iterator[tuple[ast.FunctionDef, ast.expr]]:
        names = [each.arg for each in function.args.args]
        if parameter not in names:
            return
        index = names.index(parameter) - (names[0] in {"self", "cls"})
        # What begins with an underscore is called in its own module alone.
        for tree in self._trees[:1] if function.name.startswith("_") else self._trees:
            for caller in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
                for node in ast.walk(caller):
                    if isinstance(node, ast.Call) and _called(node) == function.name and index < len(node.args):
                        yield caller, node.args[index]


def _constructed(tree: ast.Module) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg and (read := set(_read(keyword.value))):
                found.setdefault(keyword.arg, set()).update(read)
    return found


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _read(value: ast.expr) -> Iterator[str]:
    """Yield the environment variables that an expression reads itself."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and _called(node) in {"text", "texts"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isupper():
                yield name.value
