"""The expressions of a definition: references, ``Std:Join`` and ``Std:JsonGet``, and what they are at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.definitions.properties import property_of
from loopwright.definitions.shapes import GAP
from loopwright.graph.model import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document

__all__ = ["EXECUTION", "NUMBERS", "TYPES", "Term", "expression", "expressions", "fits", "gapped", "references", "term"]

TYPES = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
"""The types of parameters, by the type of the model that they fill."""
NUMBERS = {"integer", "float"}
_RUN = "a1b2c3d4e5f6"  # pragma: allowlist secret - an execution is called so
EXECUTION = {
    "CurrentDateTime": GAP,
    "PipelineArn": f"arn:aws:sagemaker:{GAP}:pipeline/{GAP}",
    "PipelineExecutionArn": f"arn:aws:sagemaker:{GAP}:pipeline/{GAP}/execution/{_RUN}",
    "PipelineExecutionId": _RUN,
    "PipelineName": GAP,
    "StartDateTime": GAP,
}
"""What a run has, as far as its form is documented."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """What stands somewhere when a run is started without parameters."""

    kind: str = ""
    """Its type, as the model names it; empty where only the run knows it."""
    value: Any = None
    """A text has gaps where only the run knows it; of any other type it is None then."""


def expression(value: Any) -> tuple[str, Any] | None:
    """Return the function of an expression and what it is handed; None for any other value."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((function, handed),) = value.items()
    return (function, handed) if function == "Get" or function.startswith("Std:") else None


def expressions(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """Yield every expression in a value: where, its function, and what that is handed; inner ones after outer ones."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from expressions(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        if (found := expression(value)) is not None:
            yield path, *found
        for key, item in value.items():
            yield from expressions(item, f"{path}.{key}")


def references(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every reference in a value, and where it stands."""
    for where, function, handed in expressions(value, path):
        if function == "Get" and isinstance(handed, str):
            yield where, handed


def term(value: Any, document: Document) -> Term:
    """Return what a value is at run time; a faulty expression may be anything, because other rules tell of it."""
    if isinstance(value, str):
        whole = gapped(value)
        return Term() if whole == GAP else Term(kind="string", value=whole)
    if (found := expression(value)) is None:
        return Term(kind=_kind(value), value=value)
    function, handed = found
    if function == "Get" and isinstance(handed, str):
        return _got(handed, document)
    if function == "Std:Join" and isinstance(handed, dict):
        return _joined(handed, document)
    return Term()


def fits(kind: str, wanted: str) -> bool:
    """Tell whether a value of a type may stand where a type is wanted; what nobody knows fits everywhere."""
    return not kind or not wanted or kind == wanted or (kind == "integer" and wanted == "float")


def gapped(value: str) -> str:
    """Return a text with a gap for each of a graph's tokens."""
    return "".join(part if isinstance(part, str) else GAP for part in text(value)) if "<<" in value else value


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "float", list: "list", dict: "structure"}
    return kinds.get(type(value), "")


def _got(name: str, document: Document) -> Term:
    root, _, rest = name.partition(".")
    if root == "Execution":
        return Term(kind="string", value=EXECUTION.get(rest, GAP))
    if root == "Parameters":
        return _parameter(rest, document)
    step, _, path = rest.partition(".")
    if root != "Steps" or step not in document.named:
        return Term()
    kind = property_of(document.named[step], path).kind
    return Term(kind=kind, value=GAP if kind == "string" else None)


def _parameter(name: str, document: Document) -> Term:
    declared = document.parameters.get(name, {})
    kind, default = TYPES.get(declared.get("Type", ""), ""), declared.get("DefaultValue")
    if kind == "string":
        return Term(kind=kind, value=gapped(default) if isinstance(default, str) else GAP)
    known = fits(_kind(default), kind) and not isinstance(default, str)
    return Term(kind=kind, value=default if known else None)


def _joined(handed: dict[str, Any], document: Document) -> Term:
    on, values = handed.get("On", ""), handed.get("Values")
    if not isinstance(on, str) or not isinstance(values, list):
        return Term(kind="string", value=GAP)
    terms = [term(value, document) for value in values]
    # How SageMaker writes a number that is no text is not documented.
    return Term(kind="string", value=gapped(on).join(each.value if each.kind == "string" else GAP for each in terms))
