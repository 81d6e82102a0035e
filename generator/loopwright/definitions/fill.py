"""Arguments as a run would hand them over: every expression replaced by what it is, or by a sample of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken
from loopwright.definitions.resolve import NUMBERS, expression, fits, gapped, term
from loopwright.definitions.shapes import GAP, KINDS, sample, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

    from loopwright.definitions.document import Document
    from loopwright.wiring.findings import Finding

__all__ = ["filled", "inside", "types"]


def filled(value: Any, shape: Shape | None, document: Document) -> Any:
    """Return a value without expressions.

    Args:
        value: An argument of a step.
        shape: What SageMaker takes for it; None for what the model does not know, which stays as it is.
        document: The definition that it stands in.
    """
    if shape is None:
        return value
    if isinstance(value, str) or expression(value) is not None:
        known = term(value, document)
        if isinstance(value, str) and known.kind:
            return _padded(known.value, shape)
        fit = known.value is not None and fits(known.kind, _kind(shape))
        return _padded(known.value, shape) if fit else sample(shape)
    items = [(key, filled(item, inner, document)) for key, item, inner in inside(value, shape)]
    if isinstance(value, dict):
        return dict(zip(map(gapped, value), (item for _, item in items), strict=True))
    return [item for _, item in items] if isinstance(value, list) else value


def types(value: Any, shape: Shape | None, path: str, document: Document) -> Iterator[Finding]:
    """Yield the expressions that are of another type than what they stand for."""
    if shape is None:
        return
    if expression(value) is None:
        for key, item, inner in inside(value, shape):
            yield from types(item, inner, f"{path}{key}", document)
    elif not fits(kind := term(value, document).kind, wanted := _kind(shape)):
        number = kind in NUMBERS and wanted == "string"
        attempt = "let Std:Join make a text of it" if number else f"hand over one of type {wanted}"
        what = f"a value of type {kind} stands where one of type {wanted} belongs"
        yield broken("pipelines.type", path, what, f"{shape.name} is {wanted}, and {shown(str(value))} is not", attempt)


def inside(value: Any, shape: Shape) -> Iterator[tuple[str, Any, Shape | None]]:
    """Yield what is in a value behind the end of its path, each with its shape; None where the model has none."""
    if isinstance(value, list):
        inner = shape.member if shape.type_name == "list" else None
        yield from ((f"[{index}]", item, inner) for index, item in enumerate(value))
    elif isinstance(value, dict):
        members = shape.members if shape.type_name == "structure" else {}
        inner = shape.value if shape.type_name == "map" else None
        yield from ((f".{key}", item, members.get(key, inner)) for key, item in value.items())


def _kind(shape: Shape) -> str:
    return KINDS.get(shape.type_name, str(shape.type_name))


def _padded(value: Any, shape: Shape) -> Any:
    """Return a text with gaps at least as long as it has to be: a gap may be any number of characters."""
    if isinstance(value, str) and GAP in value:
        return value.replace(GAP, GAP * max(1, shape.metadata.get("min", 0) - len(value) + 1), 1)
    return value
