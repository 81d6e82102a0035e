"""Steps that are no jobs: conditions, and the end of a run that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.branches import BRANCHES
from loopwright.definitions.document import broken, entries
from loopwright.definitions.limits import limits
from loopwright.definitions.resolve import NUMBERS, fits, term
from loopwright.definitions.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document
    from loopwright.wiring.findings import Finding

__all__ = ["conditions", "failures"]

_COMPARISONS = {"Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"}
_TYPES = {*_COMPARISONS, "In", "Not", "Or"}
_SCALARS = {"string", "boolean", *NUMBERS}


def conditions(document: Document) -> Iterator[Finding]:
    """Yield the conditions that cannot be decided, and the branches that are none."""
    for step in document.steps:
        if step.kind != "Condition":
            continue
        path = f"{step.path}.Arguments"
        if step.condition:
            because = f"it stands in a branch of {step.condition}, and SageMaker takes no nested condition steps"
            attempt = "it beside the other condition: what waits for a step that never runs never runs either"
            yield broken("pipelines.condition", step.path, f"{step.name} cannot be decided", because, attempt)
        for branch in BRANCHES:
            if not isinstance(step.body["Arguments"].get(branch), list):
                what = f"{step.name} does not say what comes next"
                yield broken(
                    "pipelines.condition", f"{path}.{branch}", what, "each branch is a list, maybe an empty one"
                )
        yield from _all(step.arguments.get("Conditions"), f"{path}.Conditions", document)


def _all(value: Any, path: str, document: Document) -> Iterator[Finding]:
    if not isinstance(value, list) or not value:
        yield broken("pipelines.condition", path, "nothing is decided", "Conditions is a list of at least one")
    for where, each in entries(value, path):
        yield from _one(each, where, document)


def _one(value: Any, path: str, document: Document) -> Iterator[Finding]:
    kind = value.get("Type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        because = f"conditions are {', '.join(sorted(_TYPES))}"
        yield broken("pipelines.condition", path, f"{kind} is no condition", because)
    elif kind == "Or":
        yield from _all(value.get("Conditions"), f"{path}.Conditions", document)
    elif kind == "Not":
        yield from _one(value.get("Expression"), f"{path}.Expression", document)
    elif fault := _incomparable(kind, value, document):
        yield broken("pipelines.condition", path, f"{kind} cannot be decided", fault)


def _incomparable(kind: str, value: dict[str, Any], document: Document) -> str:
    """Return why two sides cannot be compared, or nothing."""
    left, right = ("QueryValue", "Values") if kind == "In" else ("LeftValue", "RightValue")
    if missing := [side for side in (left, right) if value.get(side) is None]:
        return f"it has no {' and no '.join(missing)}"
    if kind == "In" and not isinstance(value[right], list):
        return f"{right} is not a list"
    first = term(value[left], document).kind
    others = value[right] if kind == "In" else [value[right]]
    for other in (term(each, document).kind for each in others):
        if odd := {first, other} - _SCALARS - {""}:
            return f"a {odd.pop()} is not compared"
        if not (fits(first, other) or fits(other, first)):
            return f"one side is of type {first}, the other of type {other}"
    return ""


def failures(document: Document) -> Iterator[Finding]:
    """Yield the ends of runs that say nothing."""
    for step in document.steps:
        if step.kind != "Fail":
            continue
        path = f"{step.path}.Arguments.ErrorMessage"
        message = term(step.arguments.get("ErrorMessage"), document)
        if message.kind not in {"string", ""} or step.arguments.get("ErrorMessage") in (None, ""):
            yield broken("pipelines.fail", path, f"{step.name} gives no reason", "ErrorMessage is a text")
        yield from limits(message.value, shape("FailStepMetadata").members["ErrorMessage"], path)
