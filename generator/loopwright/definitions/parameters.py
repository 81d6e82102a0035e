"""Parameters: names, types, defaults and the values that they may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken, entries
from loopwright.definitions.limits import limits
from loopwright.definitions.resolve import TYPES, fits, gapped, term
from loopwright.definitions.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document
    from loopwright.wiring.findings import Finding

__all__ = ["parameters"]


def parameters(document: Document) -> Iterator[Finding]:
    """Yield the parameters that SageMaker refuses, or whose default is none of theirs."""
    seen: set[str] = set()
    for path, each in entries(document.body.get("Parameters"), "Parameters"):
        name = each.get("Name") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in document.parameters:
            continue  # told already
        yield from limits(gapped(name), shape("PipelineParameterName"), f"{path}.Name")
        if name in seen or not name:
            what = f"there are two parameters {name}" if name else "a parameter has no name"
            yield broken("pipelines.name", f"{path}.Name", what, "names are unique, and at least a character long")
        seen.add(name)
        for place, fault in _faults(each, document):
            yield broken("pipelines.parameter", f"{path}.{place}", f"{name} cannot be declared like this", fault)


def _faults(declared: dict[str, Any], document: Document) -> Iterator[tuple[str, str]]:
    if declared.get("Type") not in TYPES:
        yield "Type", f"a type is one of {', '.join(TYPES)}"
        return
    wanted, allowed, default = TYPES[declared["Type"]], declared.get("EnumValues"), declared.get("DefaultValue")
    if allowed is not None and (not isinstance(allowed, list) or not allowed):
        yield "EnumValues", "it is not a list of values"
    for place, value in entries(allowed, "EnumValues"):
        if not _is(value, wanted, document):
            yield place, f"{value!r} is no {wanted}"
    if default is None:
        return
    if not _is(default, wanted, document):
        yield "DefaultValue", f"{default!r} is no {wanted}"
    elif isinstance(allowed, list) and allowed and default not in allowed:
        yield "DefaultValue", f"{default!r} is none of EnumValues"


def _is(value: Any, wanted: str, document: Document) -> bool:
    # An expression is no value of a parameter: it is read before there is a run.
    return value is not None and not isinstance(value, dict | list) and fits(term(value, document).kind, wanted)
