"""Pipeline definitions: the image, commands, data flow, parameters and places of every step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from loopwright.branches import BRANCHES
from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import as_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["MEND", "RULES", "broken", "looked_up", "outputs"]

MEND = "mend infra/mlops/pipelines/author.py or dvc.yaml and make compile, or mend what they are handed"
VERSION = "2020-12-01"
DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
OUTPUT = re.compile(r"ProcessingOutputConfig\.Outputs\['([^']+)'\]\.S3Output\.S3Uri")
EXECUTION = {
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "StartDateTime",
}

Step = dict[str, Any]


def readable(stack: Stack) -> Iterator[Finding]:
    """A definition is JSON of the one version that SageMaker has; names are there once."""
    for name, node in stack.named("pipeline").items():
        body = stack.definitions.get(name, (node, None))[1]
        if body is None or body.get("Version") != VERSION:
            because = f"it is not a JSON object of version {VERSION}"
            yield broken("definitions.json", node, "pipelineDefinition", f"{name} cannot be read", because)
            continue
        names = [step.get("Name") for _, step in stack.steps(body)]
        stack.proven["steps"] += len(names)
        for double in sorted({str(each) for each in names if names.count(each) > 1}):
            because = f"two steps are named {double}"
            yield broken("definitions.json", node, "pipelineDefinition.Steps", f"{name} is ambiguous", because)


def images(stack: Stack) -> Iterator[Finding]:
    """Everything that runs runs one image, by its digest: the one that the stack was deployed with."""
    found = list(_images(stack))
    digest = stack.graph.config.get(f"{stack.graph.project}:imageDigest", "")
    for node, where, image in found:
        stack.proven["images by digest"] += 1
        if not DIGEST.fullmatch(image):
            yield broken("definitions.image", node, where, f"{image} can change", "an image is named by its digest")
        elif image != found[0][2] or (digest and not image.endswith(digest)):
            because = f"the stack's image is {found[0][2] if image != found[0][2] else digest}"
            yield broken("definitions.image", node, where, f"{image} is another image", because)


def _images(stack: Stack) -> Iterator[tuple[Node, str, str]]:
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            arguments = step.get("Arguments", {})
            for place, key in (("AppSpecification", "ImageUri"), ("AlgorithmSpecification", "TrainingImage")):
                if place in arguments:
                    yield node, f"{where}.Arguments.{place}.{key}", str(arguments[place].get(key))
            for index, container in enumerate(arguments.get("InferenceSpecification", {}).get("Containers", [])):
                path = f"{where}.Arguments.InferenceSpecification.Containers[{index}].Image"
                yield node, path, str(container.get("Image"))
    for node in stack.of("model"):
        image = (stack.inputs(node).get("primaryContainer") or {}).get("image")
        yield node, "primaryContainer.image", str(image)
    for node in stack.of("function"):
        if image := stack.variables_of(node).get("IMAGE"):
            yield node, "environment.variables.IMAGE", image


def environments(stack: Stack) -> Iterator[Finding]:
    """Every job, the model and the deployer's models have the same variables, but for what one job alone is told."""
    found = [
        (node, f"{where}.Arguments.Environment", step["Arguments"]["Environment"], step)
        for node, body in stack.definitions.values()
        for where, step in stack.steps(body)
        if "Environment" in step.get("Arguments", {})
    ]
    common = next((given for *_, given, step in found if step.get("Type") == "Training"), None)
    for node, where, given, _ in found:
        if common is not None and not common.items() <= given.items():
            odd = sorted(key for key in common if given.get(key) != common[key])
            because = f"the training job has another {', '.join(odd)}"
            yield broken("definitions.environment", node, where, "a job runs in another environment", because)


def commands(stack: Stack) -> Iterator[Finding]:
    """What a container is told to do is a command of the project's own entry point."""
    known = stack.sources.commands
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            arguments = step.get("Arguments", {})
            place = "AppSpecification" if "AppSpecification" in arguments else "AlgorithmSpecification"
            if place not in arguments:
                continue
            # A training container that is told nothing is told `train` by SageMaker.
            words = arguments[place].get("ContainerArguments") or (["train"] if step.get("Type") == "Training" else [])
            stack.proven["commands"] += 1
            path = f"{where}.Arguments.{place}.ContainerArguments"
            module = (known or {}).get(str(words[0])) if words else None
            if module is None or not stack.sources.tree(f"{module.replace('.', '/')}.py"):
                command = words[0] if words else "nothing"
                because = f"ml/__main__.py knows {', '.join(known or ()) or 'no command'}"
                because = f"{module} is not there" if module else because
                yield broken("definitions.command", node, path, f"python -m ml {command} is no command", because)
                continue
            for word in (each for each in words[1:] if isinstance(each, str) and each.startswith("--")):
                if word not in stack.sources.words(module):
                    because = f"{module.replace('.', '/')}.py names no such option"
                    yield broken("definitions.option", node, path, f"{words[0]} knows no {word}", because)


def references(stack: Stack) -> Iterator[Finding]:
    """A step reads only what an earlier step, a parameter or the run itself has."""
    for node, body in stack.definitions.values():
        parameters = {each.get("Name") for each in body.get("Parameters", [])}
        earlier: dict[str, Step] = {}
        for where, step in stack.steps(body):
            for path, name in _gets(step.get("Arguments", {}), f"{where}.Arguments"):
                stack.proven["references in definitions"] += 1
                if fault := _fault(name, parameters, earlier):
                    yield broken("definitions.reference", node, path, f"{name} is nothing", fault)
            earlier[str(step.get("Name"))] = step


def _gets(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every reference of a definition; the branches of a condition are steps of their own."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _gets(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        if isinstance(value.get("Get"), str):
            yield where, value["Get"]
        for key, item in value.items():
            if key not in {*BRANCHES, "Get"}:
                yield from _gets(item, f"{where}.{key}")


def _fault(name: str, parameters: set[Any], earlier: dict[str, Step]) -> str:
    """Return why a reference leads nowhere, or nothing."""
    kind, _, rest = name.partition(".")
    if kind == "Parameters":
        return "" if rest in parameters else f"the pipeline has no parameter {rest}"
    if kind == "Execution":
        return "" if rest in EXECUTION else f"a run has no {rest}"
    if kind != "Steps":
        return "it is none of Parameters, Steps and Execution"
    step, _, made = rest.partition(".")
    if step not in earlier:
        return f"no step before this one is named {step}"
    return "" if _makes(earlier[step], made) else f"the step {step} does not make that"


def _makes(step: Step, made: str) -> bool:
    arguments = step.get("Arguments", {})
    if made == "ModelArtifacts.S3ModelArtifacts":
        return step.get("Type") == "Training"
    if made.startswith("PropertyFiles."):
        files = {each.get("PropertyFileName"): each.get("OutputName") for each in step.get("PropertyFiles", [])}
        return files.get(made.removeprefix("PropertyFiles.")) in outputs(arguments)
    found = OUTPUT.fullmatch(made)
    return found is not None and found[1] in outputs(arguments)


def outputs(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return where the outputs of a processing step go, by their names."""
    found = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return {each.get("OutputName"): each.get("S3Output", {}).get("S3Uri") for each in found}


def parameters(stack: Stack) -> Iterator[Finding]:
    """The controller gives parameters that the pipeline has, and every parameter is read by some step."""
    name = stack.variables("controller").get("PIPELINE_NAME", "")
    given = stack.sources.start_parameters
    for pipeline, (node, body) in stack.definitions.items():
        declared = {str(each.get("Name")): each for each in body.get("Parameters", [])}
        stack.proven["parameters"] += len(declared)
        read = {get for _, step in stack.steps(body) for _, get in _gets(step.get("Arguments", {}), "")}
        for word in sorted(set(declared) - {get.removeprefix("Parameters.") for get in read}):
            because = "no step reads it: what is handed over never reaches a container"
            path = "pipelineDefinition.Parameters"
            yield broken("definitions.unread", node, path, f"the parameter {word} of {pipeline} does nothing", because)
        handed = given or set() if pipeline == name else set()
        for word in sorted(handed - set(declared)):
            because = (
                f"the controller starts {pipeline} with it, and SageMaker refuses a parameter that is not declared"
            )
            yield broken(
                "definitions.parameter", node, "pipelineDefinition.Parameters", f"no parameter {word}", because
            )
        for word in sorted(set(declared) - handed):
            if declared[word].get("DefaultValue") is None:
                because = f"nobody gives it, and it has no default: {pipeline} cannot be started"
                path = "pipelineDefinition.Parameters"
                yield broken("definitions.parameter", node, path, f"no value for {word}", because)


def looked_up(value: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Yield what a value looks up in property files: where, what, and in which."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from looked_up(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        found = value.get("Std:JsonGet")
        if isinstance(found, dict):
            file = found.get("PropertyFile")
            yield where, str(found.get("Path")), str(file.get("Get") if isinstance(file, dict) else file)
        for key, item in value.items():
            if key not in BRANCHES:
                yield from looked_up(item, f"{where}.{key}")


def metadata(stack: Stack) -> Iterator[Finding]:
    """What the deployer reads of a version's metadata, a registering step writes, under its own name."""
    read, written = stack.sources.marks
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            if step.get("Type") != "RegisterModel":
                continue
            told = step.get("Arguments", {}).get("CustomerMetadataProperties", {})
            path = f"{where}.Arguments.CustomerMetadataProperties"
            for key in sorted(read - written - set(told)):
                because = f"the deployer reads {key} of a version, and nobody writes it"
                yield broken("definitions.metadata", node, path, f"a version lacks {key}", because)
            for inner, key, _ in looked_up(told, path):
                if not inner.endswith(f".{key}"):
                    because = f"{inner.rpartition('.')[2]} is filled from {key}, which is something else"
                    yield broken("definitions.metadata", node, inner, "a version says something else", because)


def isolation(stack: Stack) -> Iterator[Finding]:
    """A step that calls AWS itself, as its role lets it, is not cut off from the network."""
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            arguments = step.get("Arguments", {})
            role = stack.at(arguments.get("RoleArn"), "role")
            isolated = arguments.get("NetworkConfig", {}).get("EnableNetworkIsolation")
            actions = [
                action for each in (stack.policy(role) if role else ()) for action in as_list(each.get("Action"))
            ]
            if isolated and "cloudwatch:PutMetricData" in actions:
                because = "it publishes metrics, and network isolation lets no call out"
                path = f"{where}.Arguments.NetworkConfig"
                yield broken("definitions.isolation", node, path, f"{step.get('Name')} reaches nobody", because)


def broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    """Return a finding about a pipeline definition."""
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=MEND)


RULES = (
    readable,
    images,
    environments,
    commands,
    references,
    parameters,
    metadata,
    isolation,
)
