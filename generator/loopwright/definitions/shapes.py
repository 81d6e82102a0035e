"""SageMaker's own model, as botocore ships it: no client, no network, no credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

__all__ = ["GAP", "JOBS", "KINDS", "STEPS", "Job", "answer", "pattern", "request", "sample", "shape", "shown"]

GAP = "\0"
"""Stands in a text for what only AWS or the run knows; no text of SageMaker's may hold this character."""
KINDS = {"long": "integer", "double": "float", "timestamp": "", "blob": ""}
"""What a type of the model is to a definition, where the names differ; empty where nobody documents it."""
_NUMBERS = {"integer", "long", "float", "double"}
_SHOWN = 80
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": r"\s", r"\p{Alnum}": "a-zA-Z0-9"}
"""Java's character classes, by one of Python's that has at least the same characters."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """How the arguments of a step become a request, and what its properties are."""

    operation: str
    describe: str
    name: str = ""
    """The member that a pipeline fills in itself."""


JOBS = {
    "Model": Job(operation="CreateModel", describe="DescribeModel", name="ModelName"),
    "Processing": Job(operation="CreateProcessingJob", describe="DescribeProcessingJob", name="ProcessingJobName"),
    "RegisterModel": Job(operation="CreateModelPackage", describe="DescribeModelPackage"),
    "Training": Job(operation="CreateTrainingJob", describe="DescribeTrainingJob", name="TrainingJobName"),
    "Transform": Job(operation="CreateTransformJob", describe="DescribeTransformJob", name="TransformJobName"),
    "Tuning": Job(
        operation="CreateHyperParameterTuningJob",
        describe="DescribeHyperParameterTuningJob",
        name="HyperParameterTuningJobName",
    ),
}
STEPS = {"Condition", "Fail", *JOBS}
"""The types of steps that can be proven."""


@cache
def _service() -> ServiceModel:
    from botocore.loaders import Loader  # noqa: PLC0415 - a quarter of a second, and most commands need none of it
    from botocore.model import ServiceModel  # noqa: PLC0415

    # Not the default paths: what lies in ~/.aws/models is not what AWS has published.
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("sagemaker", "service-2"), "sagemaker")


@cache
def shape(name: str) -> Shape:
    """Return a shape of the model by its name."""
    return _service().shape_for(name)


@cache
def request(kind: str) -> Shape:
    """Return what SageMaker takes for a step of one of ``JOBS``."""
    return _service().operation_model(JOBS[kind].operation).input_shape


@cache
def answer(kind: str) -> Shape:
    """Return what SageMaker tells of a step of one of ``JOBS``: its properties."""
    return _service().operation_model(JOBS[kind].describe).output_shape


@cache
def pattern(text: str) -> re.Pattern[str] | None:
    """Return a pattern of the model, which is Java's; None where Python cannot say the same.

    Where the two differ, Python's lets more pass, so a text that it refuses is refused by SageMaker too.
    """
    plain = re.sub(r"\$\{1,\d+\}$", "", text)  # an end of text, repeated; Python refuses that
    for theirs, ours in _CLASSES.items():
        plain = plain.replace(theirs, ours)
    try:
        return re.compile(plain)
    except re.error:
        return None


def sample(of: Shape) -> Any:
    """Return a value that a shape takes, for one that only AWS or the run knows."""
    least = of.metadata.get("min", 0)
    if of.type_name == "structure":
        return {name: sample(of.members[name]) for name in of.required_members}
    if of.type_name == "list":
        return [sample(of.member)] * least
    if of.type_name == "map":
        return {GAP * length: sample(of.value) for length in range(1, least + 1)}
    if of.type_name == "boolean":
        return True
    return max(1, least) if of.type_name in _NUMBERS else GAP * max(1, least)


def shown(value: str, most: int = _SHOWN) -> str:
    """Return a text for people: with its gaps to be seen, and with so many characters at most."""
    plain = value.replace(GAP, "...")
    return plain if len(plain) <= most else f"{plain[:most]}..."
