"""SageMaker: what is described is what was asked for, models and roles must exist, definitions must be definitions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from emulator.hooks import on
from emulator.policy import usable_role
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.hooks import Moto, Result
    from emulator.wire import Call

SAGEMAKER = "sagemaker.amazonaws.com"
STEP_TYPES = {
    *("Training", "Processing", "Transform", "Tuning", "Model", "RegisterModel", "Condition", "Callback", "Lambda"),
    *("Fail", "QualityCheck", "ClarifyCheck", "EMR", "EMRServerless", "AutoML"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of resource that moto keeps: of its answers only the computed members are AWS's, the rest is as asked."""

    name: str
    arn: str
    computed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()

    def described(self, answer: Result, asked: dict[str, Any]) -> Result:
        """Return a description: computed members, and everything else as it was asked for."""
        given = {dict(self.renamed).get(key, key): value for key, value in asked.items() if key != "Tags"}
        return {key: answer[key] for key in (self.arn, *self.computed) if key in answer} | given


KINDS = {
    "Model": Kind("ModelName", "ModelArn", ("CreationTime",)),
    "EndpointConfig": Kind("EndpointConfigName", "EndpointConfigArn", ("CreationTime",)),
    "Endpoint": Kind(
        "EndpointName",
        "EndpointArn",
        ("CreationTime", "LastModifiedTime", "EndpointStatus", "ProductionVariants", "DataCaptureConfig"),
        (("DeploymentConfig", "LastDeploymentConfig"),),
    ),
}


def remember_tags(call: Call, moto: Moto, arn: str) -> None:
    """Keep the tags that a resource was made with; moto knows those of some kinds only, and never replaces a value."""
    moto.memory("tags")[arn] = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags") or []}


@on("sagemaker", *(f"Create{kind}" for kind in KINDS))
def create(call: Call, moto: Moto) -> Result:
    """Keep what was asked for."""
    kind = KINDS[call.action.removeprefix("Create")]
    _check_references(call)
    answer = moto()
    moto.memory(kind.name)[call.params[kind.name]] = call.params
    remember_tags(call, moto, answer[kind.arn])
    return answer


@on("sagemaker", *(f"Describe{kind}" for kind in KINDS))
def describe(call: Call, moto: Moto) -> Result:
    """Describe it as it was asked for."""
    kind = KINDS[call.action.removeprefix("Describe")]
    return kind.described(moto(), moto.memory(kind.name)[call.params[kind.name]])


@on("sagemaker", "CreatePipeline", "UpdatePipeline")
def put_pipeline(call: Call, moto: Moto) -> Result:
    """Refuse a definition that is none, and a role that SageMaker may not use."""
    if role := call.params.get("RoleArn"):
        usable_role(role, SAGEMAKER)
    if text := call.params.get("PipelineDefinition"):
        check_definition(text)
    answer = moto()
    if call.action == "CreatePipeline":
        remember_tags(call, moto, answer["PipelineArn"])
    return answer


@on("sagemaker", "CreateModelPackageGroup")
def create_group(call: Call, moto: Moto) -> Result:
    """Keep its tags."""
    answer = moto()
    remember_tags(call, moto, answer["ModelPackageGroupArn"])
    return answer


@on("sagemaker", "DeleteModelPackageGroup")
def delete_group(call: Call, _: Moto) -> Result:
    """Delete a group that is empty; AWS refuses one with packages."""
    backend, name = sagemaker_backends[ACCOUNT][call.region], call.params["ModelPackageGroupName"]
    if name not in backend.model_package_groups:
        raise Refused("ValidationException", f"ModelPackageGroup {name} does not exist.")
    if any(package.model_package_group_name == name for package in backend.model_packages.values()):
        raise Refused("ConflictException", f"ModelPackageGroup {name} has model packages.")
    del backend.model_package_groups[name]
    return {}


@on("sagemaker", "ListTags")
def list_tags(call: Call, moto: Moto) -> Result:
    """Return the tags of whatever was made here."""
    tags = _tags(call, moto)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@on("sagemaker", "AddTags")
def add_tags(call: Call, moto: Moto) -> Result:
    """Add tags, or change their values."""
    _tags(call, moto).update({tag["Key"]: tag["Value"] for tag in call.params["Tags"]})
    return list_tags(call, moto)


@on("sagemaker", "DeleteTags")
def delete_tags(call: Call, moto: Moto) -> Result:
    """Take tags away."""
    for key in call.params["TagKeys"]:
        _tags(call, moto).pop(key, None)
    return {}


def _tags(call: Call, moto: Moto) -> dict[str, str]:
    arn = call.params["ResourceArn"]
    if arn not in moto.memory("tags"):
        raise Refused("ValidationException", f"there is no {arn}")
    return moto.memory("tags")[arn]


def _check_references(call: Call) -> None:
    if role := call.params.get("ExecutionRoleArn"):
        usable_role(role, SAGEMAKER)
    backend = sagemaker_backends[ACCOUNT][call.region]
    for variant in call.params.get("ProductionVariants") or []:
        if "ModelName" in variant and variant["ModelName"] not in backend._models:
            raise Refused("ValidationException", f'Could not find model "{variant["ModelName"]}".')


def check_definition(text: str) -> None:
    """Refuse a pipeline definition that SageMaker would: not JSON, no steps, a name twice, a step that is not there."""
    try:
        definition = json.loads(text)
        steps = list(_steps(definition["Steps"]))
        names = [step["Name"] for step in steps]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("ValidationException", f"Unable to parse pipeline definition: {error!r}") from error
    if definition.get("Version") != "2020-12-01":
        raise Refused("ValidationException", "Unable to parse pipeline definition: its Version is not 2020-12-01")
    if len(set(names)) < len(names):
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        raise Refused("ValidationException", f"Duplicate step names: {twice}")
    if not steps:
        raise Refused("ValidationException", "A pipeline needs a step")
    for step in steps:
        if step.get("Type") not in STEP_TYPES:
            raise Refused("ValidationException", f"{step['Name']}: no step type {step.get('Type')}")
        if unknown := set(step.get("DependsOn", ())) - set(names):
            raise Refused("ValidationException", f"{step['Name']} depends on {sorted(unknown)}, which is not there")


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        arguments = step.get("Arguments", {})
        for branch in ("IfSteps", "ElseSteps"):
            if step.get("Type") == "Condition":
                yield from _steps(arguments.get(branch, []))
