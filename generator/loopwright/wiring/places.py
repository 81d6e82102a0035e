"""Places: every S3 URI of a pipeline is one that its roles may read or write.

SageMaker itself fetches inputs and puts results away. A job that is told a place calls S3 itself: `READS` and `WRITES`
say by which option.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from loopwright.wiring.definitions import broken, looked_up, outputs
from loopwright.wiring.iam import allowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.findings import Finding
    from loopwright.wiring.stack import Stack

__all__ = ["RULES", "artefacts"]

READS = frozenset({"--capture", "--labels", "--report", "--state"})
"""Options whose value is a place that a job lists and reads."""
WRITES = frozenset({"--labelled", "--report", "--state"})
"""Options whose value is a place that a job writes."""
RUN = "EXECUTION"
"""Stands for the id of a run."""

Step = dict[str, Any]


def steps(stack: Stack) -> Iterator[Finding]:
    """A step's role may read where its inputs lie and write where its outputs go."""
    for node, body in stack.definitions.values():
        places = _places(stack, body)
        for where, step in stack.steps(body):
            arguments = step.get("Arguments", {})
            role = stack.at(arguments.get("RoleArn"), "role")
            if role is None:
                continue
            for path, value in _sources(arguments, f"{where}.Arguments"):
                uri = _uri(value, body, places)
                if not _may(stack, role, "s3:GetObject", uri):
                    yield _unread(node, path, step, uri, role)
            for path, uri in _targets(arguments, f"{where}.Arguments", places, str(step.get("Name"))):
                if not _may(stack, role, "s3:PutObject", uri):
                    because = f"the policy of {role.id} does not allow s3:PutObject on {uri}"
                    what = f"{step.get('Name')} cannot write its results"
                    yield broken("definitions.write", node, path, what, because)
        yield from _verdicts(stack, node, body, places)


def _unread(node: Node, path: str, step: Step, uri: str, role: Node) -> Finding:
    because = f"the policy of {role.id} does not allow s3:ListBucket and s3:GetObject on {uri}"
    return broken("definitions.read", node, path, f"{step.get('Name')} cannot read its input", because)


def _places(stack: Stack, body: dict[str, Any]) -> dict[str, str]:
    """Return where each output of each step goes, by what refers to it."""
    found: dict[str, str] = {}
    for _, step in stack.steps(body):
        arguments, name = step.get("Arguments", {}), step.get("Name")
        for output, value in outputs(arguments).items():
            made = f"Steps.{name}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"
            found[made] = _uri(value, body, found)
        if "OutputDataConfig" in arguments:
            base = _uri(arguments["OutputDataConfig"].get("S3OutputPath"), body, found)
            found[f"Steps.{name}.ModelArtifacts.S3ModelArtifacts"] = f"{base}/pipelines-x/output/model.tar.gz"
    return found


def _uri(value: Any, body: dict[str, Any], places: dict[str, str]) -> str:
    """Return a URI with everything put in that is known before a run."""
    if isinstance(value, dict) and isinstance(value.get("Get"), str):
        kind, _, name = value["Get"].partition(".")
        if kind == "Parameters":
            declared = {each.get("Name"): each.get("DefaultValue") for each in body.get("Parameters", [])}
            return str(declared.get(name, ""))
        return RUN if kind == "Execution" else places.get(value["Get"], "")
    if isinstance(value, dict) and "Std:Join" in value:
        join = value["Std:Join"]
        return str(join.get("On", "")).join(_uri(part, body, places) for part in join.get("Values", []))
    return str(value or "")


def _sources(arguments: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    yield from _told(arguments, where, READS)
    for index, each in enumerate(arguments.get("ProcessingInputs", [])):
        yield f"{where}.ProcessingInputs[{index}]", each.get("S3Input", {}).get("S3Uri")
    for index, each in enumerate(arguments.get("InputDataConfig", [])):
        yield f"{where}.InputDataConfig[{index}]", each.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")


def _targets(arguments: dict[str, Any], where: str, places: dict[str, str], name: str) -> Iterator[tuple[str, str]]:
    for output in outputs(arguments):
        made = f"Steps.{name}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"
        yield f"{where}.ProcessingOutputConfig", places.get(made, "")
    yield from _told(arguments, where, WRITES)
    if "OutputDataConfig" in arguments:
        yield f"{where}.OutputDataConfig", places.get(f"Steps.{name}.ModelArtifacts.S3ModelArtifacts", "")


def _told(arguments: dict[str, Any], where: str, options: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the places that a container is told by some options."""
    words = arguments.get("AppSpecification", {}).get("ContainerArguments") or []
    for index, (option, value) in enumerate(pairwise(words), start=1):
        if isinstance(value, str) and value.startswith("s3://") and option in options:
            yield f"{where}.AppSpecification.ContainerArguments[{index}]", value


def _may(stack: Stack, role: Node, action: str, uri: str) -> bool:
    """Tell whether a role may read or write below an S3 URI; to read a prefix, it is listed first."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    below = key if key.endswith(".tar.gz") else f"{key.rstrip('/')}/x".removeprefix("/")
    arn, given = f"arn:aws:s3:::{bucket}", stack.policy(role)
    if not allowed(given, action, f"{arn}/{below}", stack.context):
        return False
    listed = {**stack.context, "s3:prefix": below}
    return action != "s3:GetObject" or allowed(given, "s3:ListBucket", arn, listed)


def _verdicts(stack: Stack, node: Node, body: dict[str, Any], places: dict[str, str]) -> Iterator[Finding]:
    """A pipeline reads its property files itself."""
    role = stack.at(stack.inputs(node).get("roleArn"), "role")
    for where, step in stack.steps(body):
        for file in step.get("PropertyFiles", []):
            made = f"Steps.{step.get('Name')}.ProcessingOutputConfig.Outputs['{file.get('OutputName')}'].S3Output.S3Uri"
            uri = f"{places.get(made, '')}/{file.get('FilePath')}"
            arn = f"arn:aws:s3:::{uri.removeprefix('s3://')}"
            if role and not allowed(stack.policy(role), "s3:GetObject", arn, stack.context):
                because = f"the policy of {role.id} does not allow s3:GetObject on {uri}"
                what = f"the pipeline cannot read {file.get('PropertyFileName')}"
                yield broken("definitions.read", node, f"{where}.PropertyFiles", what, because)


def properties(stack: Stack) -> Iterator[Finding]:
    """What a pipeline looks for in a property file, the stage's module writes."""
    for node, body in stack.definitions.values():
        makers = {
            f"Steps.{step.get('Name')}.PropertyFiles.{file.get('PropertyFileName')}": str(step.get("Name"))
            for _, step in stack.steps(body)
            for file in step.get("PropertyFiles", [])
        }
        for where, step in stack.steps(body):
            for path, key, source in looked_up(step.get("Arguments", {}), f"{where}.Arguments"):
                module = (stack.sources.commands or {}).get(makers.get(source, ""))
                if module and key not in stack.sources.written(module):
                    because = f"{module.replace('.', '/')}.py and what it imports write no {key}"
                    yield broken("definitions.property", node, path, f"{key} is not in {source}", because)


def serving(stack: Stack) -> Iterator[Finding]:
    """The endpoint's role may fetch what training makes."""
    for node in stack.of("model"):
        role = stack.at(stack.inputs(node).get("executionRoleArn"), "role")
        for uri in artefacts(stack) if role else ():
            if role and not _may(stack, role, "s3:GetObject", uri):
                because = f"the policy of {role.id} does not let it read {uri}"
                yield broken("definitions.read", node, "executionRoleArn", "the endpoint cannot load a model", because)


def captured(stack: Stack) -> Iterator[Finding]:
    """What the endpoint captures, its role may write and a pipeline reads."""
    for node in stack.of("endpoint-config"):
        uri = (stack.inputs(node).get("dataCaptureConfig") or {}).get("destinationS3Uri")
        for variant in stack.inputs(node).get("productionVariants") or []:
            model = stack.at(variant.get("modelName"), "model")
            role = stack.at(stack.inputs(model).get("executionRoleArn"), "role") if model else None
            if uri and role and not _may(stack, role, "s3:PutObject", str(uri)):
                because = f"the policy of {role.id} does not allow s3:PutObject on {uri}"
                yield broken("definitions.write", node, "dataCaptureConfig", "nothing is captured", because)
        read = [_uri(value, body, {}) for _, body in stack.definitions.values() for value in _inputs(stack, body)]
        if uri and not any(uri.startswith(each.rstrip("/")) for each in read if each):
            because = "no step of a pipeline reads it, so nobody sees what was asked and answered"
            yield broken("definitions.capture", node, "dataCaptureConfig", f"{uri} is captured for nobody", because)


def _inputs(stack: Stack, body: dict[str, Any]) -> list[Any]:
    return [value for _, step in stack.steps(body) for _, value in _sources(step.get("Arguments", {}), "")]


def artefacts(stack: Stack) -> list[str]:
    """Return where models lie that a step registers, as S3 URIs."""
    found: list[str] = []
    for _, body in stack.definitions.values():
        places = _places(stack, body)
        for _, step in stack.steps(body):
            containers = step.get("Arguments", {}).get("InferenceSpecification", {}).get("Containers", [])
            found += [_uri(container.get("ModelDataUrl"), body, places) for container in containers]
    return found


RULES = (steps, properties, serving, captured)
