"""Small questions to a syntax tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Read",
    "assigned",
    "beside",
    "class_of",
    "constants",
    "fields_of",
    "function_of",
    "is_method",
    "keys_of",
    "literal_keys",
    "marks_read",
    "marks_written",
    "reads",
]

READS = ("text", "texts", "fields", "document")


@dataclass(frozen=True, kw_only=True)
class Read:
    """An environment variable that a handler reads."""

    name: str
    how: str
    """The method of ``Variables``: ``text``, ``texts``, ``fields`` or ``document``."""
    keys: tuple[str, ...] | None = None
    """The keys that its JSON object must have, where the code lists them."""
    kind: str | None = None
    """``dict`` or ``list``, where the code says so."""


def function_of(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """Return a function at the top of a module."""
    return next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def class_of(tree: ast.Module, name: str) -> ast.ClassDef | None:
    """Return a class at the top of a module."""
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def fields_of(node: ast.ClassDef) -> list[str]:
    """Return the annotated fields of a class."""
    targets = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
    return [target.id for target in targets if isinstance(target, ast.Name)]


def beside(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a handler imports from beside it, but for what only type checkers see."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module] if node.module else [alias.name for alias in node.names]


def reads(tree: ast.Module) -> Iterator[Read]:
    """Yield the environment variables that a module reads."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if not is_method(node, *READS) or not node.args:
                continue
            name, rest = node.args[0], node.args[1:]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and isinstance(node.func, ast.Attribute):
                how = node.func.attr
                yield Read(name=name.value, how=how, keys=_keys(function, how, rest), kind=_kind(how, rest))


def _keys(function: ast.FunctionDef, how: str, rest: list[ast.expr]) -> tuple[str, ...] | None:
    if how != "fields" or not rest:
        return None
    kinds = rest[0]
    if isinstance(kinds, ast.Name):
        return tuple(keys_of(function, {kinds.id})) or None
    return tuple(constants(kinds.keys)) if isinstance(kinds, ast.Dict) else None


def _kind(how: str, rest: list[ast.expr]) -> str | None:
    if how == "fields":
        return "dict"
    return rest[0].id if rest and isinstance(rest[0], ast.Name) and rest[0].id in {"dict", "list"} else None


def is_method(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    """Tell a call of a method with one of these names."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names


def constants(nodes: list[ast.expr | None] | list[ast.expr]) -> Iterator[str]:
    """Yield the texts among expressions."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def keys_of(function: ast.FunctionDef, names: set[str]) -> Iterator[str]:
    """Yield the keys of every dictionary that a function assigns to one of the names, or to an item of them."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id in names:
                    yield from literal_keys(node.value)
                item = target.value if isinstance(target, ast.Subscript) else None
                if isinstance(target, ast.Subscript) and isinstance(item, ast.Name) and item.id in names:
                    yield from constants([target.slice])


def literal_keys(node: ast.AST) -> Iterator[str]:
    """Yield the keys of every dictionary that is written out somewhere in a node."""
    for part in ast.walk(node):
        if isinstance(part, ast.Dict):
            yield from constants(part.keys)


def assigned(tree: ast.Module, name: str) -> ast.expr | None:
    """Return what a module assigns to a name at its top."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value
    return None


def marks_read(node: ast.AST) -> Iterator[str]:
    """Yield the keys that an expression reads of something called ``marks``."""
    if isinstance(node, ast.Subscript) and _ends_in(node.value, "marks") and isinstance(node.ctx, ast.Load):
        yield from constants([node.slice])
    called = node.func if is_method(node, "get") else None
    if isinstance(node, ast.Call) and isinstance(called, ast.Attribute) and _ends_in(called.value, "marks"):
        yield from constants(node.args[:1])


def marks_written(node: ast.AST) -> Iterator[str]:
    """Yield the keys that a node writes to something called ``marks``."""
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "marks" for t in node.targets):
        yield from literal_keys(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_mark":
        for argument in node.args:
            yield from literal_keys(argument)


def _ends_in(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)
