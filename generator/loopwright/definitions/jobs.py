"""What AWS documents of jobs and its model does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken, entries
from loopwright.definitions.resolve import term
from loopwright.definitions.shapes import GAP, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document, Step
    from loopwright.wiring.findings import Finding

__all__ = ["jobs"]

_ROOT = "/opt/ml/processing/"
_LONGEST = 28 * 24 * 60 * 60
"""Seconds that a training job may run; of a processing job the model says it."""


def jobs(document: Document) -> Iterator[Finding]:
    """Yield what AWS refuses of a job although its model does not say so."""
    for step in document.steps:
        if step.kind == "Processing":
            yield from _paths(step, document)
        if step.kind == "Training":
            yield from _algorithm(step)
            yield from _times(step, document)
        if step.kind == "RegisterModel" and not {"ModelPackageGroupName", "ModelPackageName"} & set(step.arguments):
            because = "a model package has a ModelPackageGroupName, or a ModelPackageName of its own"
            yield broken("pipelines.job", f"{step.path}.Arguments", f"{step.name} registers nowhere", because)


def _paths(step: Step, document: Document) -> Iterator[Finding]:
    """Yield the paths that a processing container does not have.

    https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-input-and-output.html
    """
    path = f"{step.path}.Arguments"
    places = list(entries(step.arguments.get("ProcessingInputs"), f"{path}.ProcessingInputs"))
    config = _object(step.arguments.get("ProcessingOutputConfig"))
    places += entries(config.get("Outputs"), f"{path}.ProcessingOutputConfig.Outputs")
    for where, place in places:
        for key in ("DatasetDefinition", "S3Input", "S3Output"):
            given = _object(_object(place).get(key))
            if given and (fault := _outside(given.get("LocalPath"), place, document)):
                yield broken("pipelines.job", f"{where}.{key}.LocalPath", f"{step.name} reads or writes nowhere", fault)


def _outside(value: Any, place: dict[str, Any], document: Document) -> str:
    """Return why a container cannot have this path, or nothing."""
    if value is None:
        return "" if place.get("AppManaged") else f"it has no LocalPath below {_ROOT}, and the job manages none itself"
    known = term(value, document).value
    begins, gap, _ = (known if isinstance(known, str) else GAP).partition(GAP)
    may_be = begins.startswith(_ROOT) or (gap and _ROOT.startswith(begins))
    return "" if may_be else f"{shown(str(known))} is not below {_ROOT}"


def _algorithm(step: Step) -> Iterator[Finding]:
    given = step.arguments.get("AlgorithmSpecification")
    named = [key for key in ("AlgorithmName", "TrainingImage") if _object(given).get(key) is not None]
    if isinstance(given, dict) and len(named) != 1:
        path = f"{step.path}.Arguments.AlgorithmSpecification"
        because = f"it names one of AlgorithmName and TrainingImage, and this one {'both' if named else 'neither'}"
        yield broken("pipelines.job", path, f"{step.name} does not say what trains", because)


def _times(step: Step, document: Document) -> Iterator[Finding]:
    given = _object(step.arguments.get("StoppingCondition"))
    path = f"{step.path}.Arguments.StoppingCondition"
    longest = term(given.get("MaxRuntimeInSeconds"), document).value
    waits = term(given.get("MaxWaitTimeInSeconds"), document).value
    if isinstance(longest, int) and longest > _LONGEST:
        because = f"{longest} seconds are more than 28 days"
        yield broken("pipelines.job", path, f"{step.name} may not run that long", because)
    if isinstance(waits, int) and isinstance(longest, int) and waits < longest:
        because = f"MaxWaitTimeInSeconds is {waits}, and MaxRuntimeInSeconds {longest}"
        yield broken("pipelines.job", path, f"{step.name} ends before it may", because)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
