"""What the model says and botocore's validator leaves out: enums, patterns, and what is too long or too large."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken
from loopwright.definitions.fill import inside
from loopwright.definitions.shapes import GAP, pattern, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

    from loopwright.wiring.findings import Finding

__all__ = ["limits"]

_FEW = 5
_CHARACTERS = re.compile(r"(?P<one>\[(?:[^\]\\]|\\.)+\])(?:[*+]|\{\d+(?:,\d*)?\})")
"""A pattern that only says which characters there may be; it holds for the parts of a text too."""


def limits(value: Any, shape: Shape | None, path: str) -> Iterator[Finding]:
    """Yield what is beyond the limits of a shape.

    Args:
        value: A value without expressions; a text may have gaps.
        shape: Its shape; None for what the model does not know.
        path: Where it stands.
    """
    if shape is None:
        return
    if isinstance(value, str):
        yield from _text(value, shape, path)
    elif isinstance(value, bool):
        yield from _truth(value, shape, path)
    elif isinstance(value, int | float):
        yield from _most(value, str(value), shape, path)
    elif isinstance(value, list | dict):
        yield from _most(len(value), f"{len(value)} entries", shape, path)
        keys = value if isinstance(value, dict) and shape.type_name == "map" else ()
        for key in keys:
            yield from limits(key, shape.key, f"{path}.{key}")
        for key, item, inner in inside(value, shape):
            yield from limits(item, inner, f"{path}{key}")


def _most(measured: float, said: str, shape: Shape, path: str) -> Iterator[Finding]:
    if measured > shape.metadata.get("max", measured):
        because = f"{shape.metadata['max']} is all that SageMaker takes for {shape.name}"
        yield broken("pipelines.maximum", path, f"more than there may be: {said}", because)


def _truth(value: bool, shape: Shape, path: str) -> Iterator[Finding]:  # noqa: FBT001 - it is what is checked
    # To Python it is an integer, so the validator lets it pass.
    if shape.type_name in {"integer", "long", "float", "double"}:
        because = f"{shape.name} is a number"
        yield broken("pipelines.request", path, f"{value} is no number", because)


def _text(value: str, shape: Shape, path: str) -> Iterator[Finding]:
    if shape.type_name != "string":
        return
    whole, parts = GAP not in value, [part for part in value.split(GAP) if part]
    if whole and shape.enum and value not in shape.enum:
        near = get_close_matches(value, shape.enum, _FEW) or sorted(shape.enum)[:_FEW]
        because = f"{shape.name} has {len(shape.enum)} values, and it is none of them"
        yield broken(
            "pipelines.enum",
            path,
            f"there is no {shown(value)}",
            because,
            f"name one of its values, such as {', '.join(near)}",
        )
    least = sum(map(len, parts))
    yield from _most(least, f"{least} characters of {shown(value)}", shape, path)
    said = shape.metadata.get("pattern")
    if said and not _matches(said, [value] if whole else parts, whole=whole):
        because = f"{shape.name} matches {said}"
        yield broken("pipelines.pattern", path, f"{shown(value)!r} is malformed", because)


def _matches(said: str, parts: list[str], *, whole: bool) -> bool:
    """Tell whether a text may match; one with gaps fails only where nothing in a gap could mend it."""
    if whole:
        known = pattern(said)
    else:
        characters = _CHARACTERS.fullmatch(said)
        known = pattern(f"{characters['one']}*") if characters else None
    return known is None or all(known.fullmatch(part) for part in parts)
