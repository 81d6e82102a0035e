"""Whether a program only passes on the values it cannot know yet, or looks into them.

A program that compares, measures or hashes such a value builds one graph from tokens and another from plausible values.
Only a transparent program can be shown, checked and exported from its tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.graph.model import Reference, Secret, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["transparent"]

_SHOWN = 80


def transparent(tokens: ResourceGraph, concrete: ResourceGraph) -> list[str]:
    """Return the differences between two evaluations of one program, one line each; none if it is transparent.

    Args:
        tokens: The graph with tokens.
        concrete: The graph with concrete answers.
    """
    answers = concrete.answers
    found = [f"{node}: only with tokens" for node in tokens.nodes if node not in concrete]
    found += [f"{node}: only with values" for node in concrete.nodes if node not in tokens]
    for node in concrete:
        if node.id in tokens:
            found += _compared(_fields(tokens[node.id]), _fields(node), node.id, answers)
    return [*found, *_compared(dict(tokens.outputs), dict(concrete.outputs), "export", answers)]


def _fields(node: Node) -> dict[str, Any]:
    options: dict[str, Any] = {
        "parent": node.parent,
        "dependsOn": list(node.depends_on),
        "protect": node.protect,
        "ignoreChanges": list(node.ignore_changes),
        "provider": node.provider,
        **node.options,
    }
    return {**{f"({name})": value for name, value in options.items()}, **node.inputs}


def _compared(left: Any, right: Any, where: str, answers: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(left, str):
        left = right if _is_secret(left, right) else _substituted(left, answers)
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        for key, value in left.items():
            yield from _compared(value, right[key], f"{where} {key}", answers)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, value in enumerate(left):
            yield from _compared(value, right[index], f"{where}[{index}]", answers)
    elif left != right:
        yield f"{where}: {_short(left)} expected from its tokens, {_short(right)} with values"


def _is_secret(left: str, right: Any) -> bool:
    """Tell that both are one value that is not shown: a secret, or with tokens the reference it would be."""
    hidden = isinstance(right, str) and len(text(right)) == 1 and isinstance(text(right)[0], Secret)
    return hidden and len(text(left)) == 1 and not isinstance(text(left)[0], str)


def _substituted(value: str, answers: Mapping[str, Any]) -> Any:
    parts = [answers.get(str(part), part) if isinstance(part, Reference | Secret) else part for part in text(value)]
    return parts[0] if len(parts) == 1 else "".join(map(str, parts))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
