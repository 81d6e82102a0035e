"""Pipeline definitions: every job of every pipeline is isolated, encrypted, bounded and where it should be."""

from __future__ import annotations

import json

from rules.plan import listed
from rules.registry import rule

LONGEST_SECONDS = 86_400
BRANCHES = ("IfSteps", "ElseSteps")
STATUS = {"auto": "Approved", "manual": "PendingManualApproval"}


def jobs(plan):
    """Return the steps that start a job, each with its pipeline."""
    return [(pipeline, step) for pipeline, step in plan.steps() if step.get("Type") in {"Processing", "Training"}]


@rule("SM-PIPE", "SageMaker.9 to SageMaker.15; prowler's training-job checks")
def steps(plan):
    """Every job but the one that tracks is cut off from the network; it encrypts what it sends and keeps, and ends."""
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        if not plan.definition(pipeline).get("Steps"):
            yield pipeline.address, "its definition is no JSON, or has no steps"
    for pipeline, step in jobs(plan):
        tracks = step.get("Name") == "gates" and "MLFLOW_TRACKING_URI" in step["Arguments"].get("Environment", {})
        for message in _against(step["Type"], step.get("Arguments", {}), isolated=not tracks):
            yield f"{pipeline.address} {step['Name']}", message


def _against(kind, arguments, *, isolated):
    network = arguments.get("NetworkConfig", {}) if kind == "Processing" else arguments
    cluster = arguments.get("ProcessingResources", {}).get("ClusterConfig", {})
    resources = cluster if kind == "Processing" else arguments.get("ResourceConfig", {})
    outputs = arguments.get("ProcessingOutputConfig" if kind == "Processing" else "OutputDataConfig", {})
    seconds = arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    if network.get("EnableNetworkIsolation") is not isolated:
        yield "it reaches the network" if isolated else "it does not reach the tracking server"
    if network.get("EnableInterContainerTrafficEncryption") is not True:
        yield "its containers speak in the open"
    if not str(resources.get("VolumeKmsKeyId", "")).startswith("${aws_kms_key."):
        yield "its volume is not encrypted with a key of the stack"
    if not str(outputs.get("KmsKeyId", "")).startswith("${aws_kms_key."):
        yield "what it makes is not encrypted with a key of the stack"
    if not isinstance(seconds, int) or not 0 < seconds <= LONGEST_SECONDS:
        yield "nothing ends it within a day"


@rule("SM-PIPE-VPC", "SageMaker.9 to SageMaker.15")
def in_network(plan):
    """Where the stack has a network, every job runs in two of its subnets and in its security groups."""
    for pipeline, step in jobs(plan) if plan.stack.network else ():
        arguments = step.get("Arguments", {})
        network = arguments.get("NetworkConfig", {}) if step["Type"] == "Processing" else arguments
        place = network.get("VpcConfig", {})
        if len(set(place.get("Subnets", []))) < 2 or not place.get("SecurityGroupIds"):
            yield f"{pipeline.address} {step['Name']}", "it does not run in two subnets of the stack"


@rule("SM-PIPE-S3", "data leaves through outputs")
def places(plan):
    """Jobs read and write buckets of the stack only."""
    buckets = {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")}
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        for where, uri in _uris(plan.definition(pipeline)):
            if uri.removeprefix("s3://").split("/")[0] not in buckets:
                yield pipeline.address, f"{where} is {uri}, which is no bucket of the stack"


def _uris(value, where=""):
    if isinstance(value, str) and value.startswith(("s3://", "http://", "https://")):
        yield where, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _uris(item, f"{where}.{key}" if where else str(key))


@rule("SM-PIPE-FLOW", "AWS docs: pipeline steps")
def flow(plan):
    """A step uses only steps before it, parameters that there are, and no other service than SageMaker's own."""
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        definition = plan.definition(pipeline)
        parameters = {parameter.get("Name") for parameter in definition.get("Parameters", [])}
        names = [step.get("Name") for owner, step in plan.steps() if owner is pipeline]
        if len(names) != len(set(names)):
            yield pipeline.address, "two steps share a name"
        before = set()
        for step in _in_order(definition.get("Steps", [])):
            for used in _gets({**step, "Arguments": _own(step)}):
                kind, _, rest = used.partition(".")
                name = rest.split(".")[0]
                if (kind == "Parameters" and name not in parameters) or (
                    kind == "Steps" and name not in before | {step["Name"]}
                ):
                    yield pipeline.address, f"{step['Name']} uses {used}, which is not there by then"
            before.add(step.get("Name"))
            if step.get("Type") in {"Lambda", "Callback", "EMR"}:
                yield pipeline.address, f"{step['Name']} leaves SageMaker"


def _in_order(steps):
    """Yield steps as they stand, those of its branches behind each condition."""
    for step in steps:
        yield step
        for branch in BRANCHES:
            yield from _in_order(step.get("Arguments", {}).get(branch, []))


def _own(step):
    return {key: value for key, value in step.get("Arguments", {}).items() if key not in BRANCHES}


def _gets(value):
    if isinstance(value, dict):
        if set(value) == {"Get"}:
            yield str(value["Get"])
        for item in value.values():
            yield from _gets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _gets(item)


@rule("SM-APPROVAL", "SM-08, SM-22; the contract's `approval`")
def approval(plan):
    """What passed every gate is registered behind a verdict, in the stack's group, with the status of the contract."""
    groups = {group.physical for group in plan.of("aws_sagemaker_model_package_group")}
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        steps = list(_in_order(plan.definition(pipeline).get("Steps", [])))
        conditions = [step["Arguments"] for step in steps if step.get("Type") == "Condition"]
        if not all(condition.get("Conditions") for condition in conditions):
            yield pipeline.address, "the verdict asks nothing"
        passed = [inner["Name"] for condition in conditions if _asks_gates(condition) for inner in condition["IfSteps"]]
        if any(step.get("Type") == "RegisterModel" and step["Name"] not in passed for step in steps):
            yield pipeline.address, "a model is registered that no gate has passed"
    for pipeline, step in plan.steps():
        if step.get("Type") == "RegisterModel":
            arguments = step["Arguments"]
            if arguments.get("ModelApprovalStatus") != STATUS[plan.stack.approval]:
                yield pipeline.address, f"registered as {arguments.get('ModelApprovalStatus')}"
            if plan.plain(arguments.get("ModelPackageGroupName")) not in groups:
                yield pipeline.address, "registered in a group that is none of the stack"
            if not arguments.get("CustomerMetadataProperties", {}).get("artefact_sha256"):
                yield pipeline.address, "nothing says which artefact was approved (T12)"


def _asks_gates(condition):
    return any(used.startswith("Steps.gates.") for used in _gets(condition.get("Conditions")))


@rule("SM-BOUND", "T15: cost runaway")
def bounded(plan):
    """A pipeline runs few steps at once, on one small instance each."""
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        many = len([step for owner, step in jobs(plan) if owner is pipeline])
        limit = pipeline["parallelism_configuration.max_parallel_execution_steps"]
        if many > 1 and not (isinstance(limit, int) and 1 <= limit <= 4):
            yield pipeline.address, "nothing bounds how many steps run at once"
    for pipeline, step in jobs(plan):
        text = json.dumps(step.get("Arguments", {}))
        counts = [value for key, value in _pairs(json.loads(text)) if key == "InstanceCount"]
        if any(count != 1 for count in counts) or not counts:
            yield f"{pipeline.address} {step['Name']}", "it runs on more than one instance"


def _pairs(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _pairs(item)
    for item in listed(value) if isinstance(value, list) else ():
        yield from _pairs(item)
