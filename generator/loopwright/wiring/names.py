"""Names and ARNs: whatever one resource says of another is made by somebody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from loopwright.graph.model import Reference, strings, text
from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import glob
from loopwright.wiring.metrics import used
from loopwright.wiring.stack import ACCOUNT_ID, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES", "named"]

ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9*]*:[^\s\"',\]}]+")
S3_URI = re.compile(r"s3://([^/\s\"']+)")
IMAGE = re.compile(rf"{ACCOUNT_ID}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^@:\s\"']+)")
SOURCE = re.compile(r"SOURCE '([^']+)'")

# By type and input, the kind of thing whose name or ARN it is; `[]` stands for every item of a list.
INPUTS = {
    "aws:appautoscaling/target:Target": {"resourceId": "variant"},
    "aws:cloudwatch/eventTarget:EventTarget": {"rule": "rule"},
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"repository": "repository"},
    "aws:iam/rolePolicy:RolePolicy": {"role": "role"},
    "aws:lambda/function:Function": {"role": "role"},
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {"functionName": "function"},
    "aws:lambda/permission:Permission": {"function": "function", "sourceArn": "rule"},
    "aws:s3/bucketLogging:BucketLogging": {"bucket": "bucket", "targetBucket": "bucket"},
    "aws:s3/bucketNotification:BucketNotification": {"bucket": "bucket"},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket": "bucket"},
    "aws:sagemaker/endpoint:Endpoint": {"endpointConfigName": "endpoint-config"},
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": {"productionVariants[].modelName": "model"},
    "aws:sagemaker/model:Model": {"executionRoleArn": "role"},
    "aws:sagemaker/pipeline:Pipeline": {"roleArn": "role"},
    "aws:scheduler/schedule:Schedule": {"target.roleArn": "role"},
    "aws:sns/topicPolicy:TopicPolicy": {"arn": "topic"},
    "aws:sns/topicSubscription:TopicSubscription": {"topic": "topic"},
    "aws:sqs/queuePolicy:QueuePolicy": {"queueUrl": "queue"},
}
DIMENSIONS = {
    "Endpoint": "endpoint",
    "EndpointName": "endpoint",
    "FunctionName": "function",
    "PipelineName": "pipeline",
    "QueueName": "queue",
}
PATTERNS = {
    ("detail", "ModelPackageGroupName"): "model-package-group",
    ("detail", "alarmName"): "alarm",
    ("detail", "bucket", "name"): "bucket",
}
VARIABLES = {
    "ALARMS": "alarm",
    "BASE_CONFIG": "endpoint-config",
    "BUDGET_NAME": "budget",
    "DATA_BUCKET": "bucket",
    "ENDPOINT_NAME": "endpoint",
    "MODEL_PACKAGE_GROUP": "model-package-group",
    "PAUSE_PARAMETER": "parameter",
    "PIPELINE_NAME": "pipeline",
    "RECORD_BUCKET": "bucket",
    "ROLLBACK_ALARMS": "alarm",
    "SERVING_ROLE_ARN": "role",
    "TOPIC_ARN": "topic",
}
OPTIONS = {"--endpoint": "endpoint"}
"""Of a job's command."""
JOB_LOGS = {"Processing": "/aws/sagemaker/ProcessingJobs", "Training": "/aws/sagemaker/TrainingJobs"}
GITHUB = "oidc-provider/token.actions.githubusercontent.com"


def made_by_others(stack: Stack) -> dict[str, str]:
    """Return what no node makes, with who does: ARNs, or patterns of them."""
    here = f"{stack.region}:{ACCOUNT_ID}"
    prefix = stack.variables("deployer").get("NAME_PREFIX", "-")
    made = {
        f"arn:aws:iam::{ACCOUNT_ID}:root": "the account itself",
        f"arn:aws:iam::{ACCOUNT_ID}:{GITHUB}": "an account has one provider for GitHub, and it may be there already",
        f"arn:aws:logs:{here}:log-group:*": "the key is for all log groups, and each use names one",
        f"arn:aws:sagemaker:{here}:endpoint-config/{prefix}-v1-00000000": "the deployer makes one for each version",
        f"arn:aws:sagemaker:{here}:model/{prefix}-v1-00000000": "the deployer makes one for each version",
    }
    for kind, job in (("Processing", "processing-job"), ("Training", "training-job")):
        # The foundation has the roles before there are pipelines.
        if not stack.definitions or any(step.get("Type") == kind for step in _all_steps(stack)):
            made[f"arn:aws:sagemaker:{here}:{job}/pipelines-x"] = "a pipeline names its jobs"
            made[f"arn:aws:logs:{here}:log-group:{JOB_LOGS[kind]}:x"] = "SageMaker makes the log group of its jobs"
    for arn, node in stack.arns.items():
        kind = node.type.rsplit(":", 1)[-1]
        below = {"LogGroup": ":x", "ModelPackageGroup": "/1", "Pipeline": "/execution/x"}.get(kind)
        if below:
            inner = arn.replace(":model-package-group/", ":model-package/")
            made[f"{inner}{below}"] = f"{node.id} has them"
    return made


def _all_steps(stack: Stack) -> list[dict[str, Any]]:
    return [step for _, body in stack.definitions.values() for _, step in stack.steps(body)]


def references(stack: Stack) -> Iterator[Finding]:
    """Every property of another resource is one of a resource that is in the graph."""
    for node in stack.graph:
        for where, value in strings(dict(node.inputs)):
            for part in text(value):
                if isinstance(part, Reference):
                    stack.proven["references"] += 1
                    if part.node not in stack.graph:
                        yield _unmade("names.reference", node, where, f"{part.node}#{part.property}", "no such node")


def arns(stack: Stack) -> Iterator[Finding]:
    """Every ARN is that of something made, and every pattern of ARNs matches something made."""
    made = [*stack.arns, *made_by_others(stack)]
    for node, where, value in _texts(stack):
        for found in ARN.findall(value):
            stack.proven["ARNs"] += 1
            if not _is_made(stack, found, made):
                because = "nothing that the graph makes, or that is known to make things beside it, has this ARN"
                yield _unmade("names.arn", node, where, found, because)


def _is_made(stack: Stack, found: str, made: list[str]) -> bool:
    words = found.split(":", 5)
    if words[2] == "s3":
        bucket = words[5].partition("/")[0]
        return any(glob(bucket, name) for name in stack.named("bucket"))
    if any(glob(found, arn) for arn in made):
        return True
    # The foundation is there first: its roles already name what the loop will make.
    project, name = stack.graph.project, stack.graph.stack
    ours = (f"{project}-{name}", f"/{project}/{name}/", ":alarm:*")
    return not stack.functions and any(each in found for each in ours)


def typed(stack: Stack) -> Iterator[Finding]:
    """Every input that names a resource of a kind names one that is there."""
    for node in stack.graph.resources():
        for path, kind in INPUTS.get(node.type, {}).items():
            for where, value in _at(stack.inputs(node), path):
                yield from named(stack, node, where, value, kind)


def dimensions(stack: Stack) -> Iterator[Finding]:
    """Every dimension of a metric names a resource that is there."""
    for use in used(stack):
        for name, value in use.dimensions.items():
            if name in DIMENSIONS:
                yield from named(stack, use.node, use.where, value, DIMENSIONS[name])
            elif name == "VariantName":
                endpoint = use.dimensions.get("EndpointName", "")
                yield from named(stack, use.node, use.where, f"endpoint/{endpoint}/variant/{value}", "variant")


def patterns(stack: Stack) -> Iterator[Finding]:
    """Every name in an event pattern is one of a resource that is there."""
    for node in stack.of("rule"):
        pattern = stack.json(node, "eventPattern")
        for keys, kind in PATTERNS.items():
            found: Any = pattern
            for key in keys:
                found = found.get(key) if isinstance(found, dict) else None
            for value in found if isinstance(found, list) else ():
                if isinstance(value, str):
                    yield from named(stack, node, f"eventPattern.{'.'.join(keys)}", value, kind)


def variables(stack: Stack) -> Iterator[Finding]:
    """Every environment variable of a function that names a resource names one that is there."""
    for node in stack.of("function"):
        for name, value in stack.variables_of(node).items():
            body = parsed(value)
            values = list(body.values()) if isinstance(body, dict) else body if isinstance(body, list) else [value]
            for each in values if name in VARIABLES else ():
                yield from named(stack, node, f"environment.variables.{name}", each, VARIABLES[name])


def definitions(stack: Stack) -> Iterator[Finding]:
    """Every role, model package group and resource that a job is told of is there."""
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            arguments = step.get("Arguments", {})
            for key, kind in (("RoleArn", "role"), ("ModelPackageGroupName", "model-package-group")):
                if key in arguments:
                    yield from named(stack, node, f"{where}.Arguments.{key}", arguments[key], kind)
            told = arguments.get("Environment", {})
            for key in sorted(set(told) & set(VARIABLES)):
                yield from named(stack, node, f"{where}.Arguments.Environment.{key}", told[key], VARIABLES[key])
            place = "AppSpecification" if "AppSpecification" in arguments else "AlgorithmSpecification"
            words = arguments.get(place, {}).get("ContainerArguments") or []
            for index, word in enumerate(words[:-1]):
                if isinstance(word, str) and word in OPTIONS:
                    path = f"{where}.Arguments.{place}.ContainerArguments[{index + 1}]"
                    yield from named(stack, node, path, words[index + 1], OPTIONS[word])


def uris(stack: Stack) -> Iterator[Finding]:
    """Every S3 URI lies in a bucket that is there, every image in a repository that is there."""
    buckets, repositories = stack.named("bucket"), stack.named("repository")
    for node, where, value in _texts(stack):
        for bucket in S3_URI.findall(value):
            stack.proven["S3 URIs"] += 1
            if bucket not in buckets:
                yield _unmade("names.uri", node, where, f"s3://{bucket}", "no bucket has this name")
        for region, name in IMAGE.findall(value):
            stack.proven["images"] += 1
            if name not in repositories or region != stack.region:
                yield _unmade("names.image", node, where, name, f"no repository in {stack.region} has this name")


def log_groups(stack: Stack) -> Iterator[Finding]:
    """Every log group is one that somebody writes to; what writes has one; a query reads one that is there."""
    writers = {f"/aws/lambda/{name}" for name in stack.named("function")}
    writers |= {f"/aws/sagemaker/Endpoints/{name}" for name in stack.named("endpoint")}
    groups = stack.named("log-group")
    for name, node in groups.items():
        stack.proven["log groups"] += 1
        if name not in writers:
            yield _unmade("names.log_group", node, "name", name, "no function and no endpoint writes to it")
    for name in sorted(writers - set(groups)):
        because = "it is left to AWS then, which keeps logs for ever and without our key"
        writer = next(n for kind in ("function", "endpoint") for k, n in stack.named(kind).items() if name.endswith(k))
        yield _unmade("names.log_group", writer, "name", name, because)
    for node in stack.graph.of_type("aws:cloudwatch/dashboard:Dashboard"):
        for where, value in strings(stack.json(node, "dashboardBody"), "dashboardBody"):
            for name in SOURCE.findall(value):
                if name not in groups and name not in JOB_LOGS.values():
                    yield _unmade("names.log_group", node, where, name, "the query reads a log group that is not made")


def budget_tags(stack: Stack) -> Iterator[Finding]:
    """A budget counts what carries a tag that the stack's provider really puts on."""
    tags = {
        (key, value)
        for provider in stack.graph.of_kind("provider")
        for key, value in (stack.inputs(provider).get("defaultTags") or {}).get("tags", {}).items()
    }
    for node in stack.of("budget"):
        for index, cost in enumerate(stack.inputs(node).get("costFilters") or []):
            for value in cost.get("values", []) if cost.get("name") == "TagKeyValue" else []:
                key, _, wanted = value.removeprefix("user:").partition("$")
                stack.proven["names"] += 1
                if (key, wanted) not in tags:
                    because = "no provider of the stack puts this tag on anything, so the budget counts nothing"
                    yield _unmade("names.tag", node, f"costFilters[{index}].values", value, because)


def named(stack: Stack, node: Node, where: str, value: Any, kind: str) -> Iterator[Finding]:
    """Yield a finding unless a value names a resource of a kind."""
    stack.proven["names"] += 1
    there = value in _variants(stack) if kind == "variant" else stack.at(value, kind) is not None
    if not there:
        yield _unmade("names.resource", node, where, str(value), f"no {kind.replace('-', ' ')} of the stack is that")


def _variants(stack: Stack) -> set[str]:
    found = set()
    for name, endpoint in stack.named("endpoint").items():
        config = stack.at(stack.inputs(endpoint).get("endpointConfigName"), "endpoint-config")
        for variant in (stack.inputs(config).get("productionVariants") or []) if config else []:
            found.add(f"endpoint/{name}/variant/{variant.get('variantName')}")
    return found


def _texts(stack: Stack) -> Iterator[tuple[Node, str, str]]:
    """Yield every text of every resource; of what holds JSON, the texts in it."""
    for node in stack.graph.resources():
        for where, value in strings(stack.inputs(node)):
            body = parsed(value) if value[:1] in {"{", "["} else None
            if body is None:
                yield node, where, value
                continue
            for inner, found in strings(body, where):
                yield node, inner, found


def _at(value: Any, path: str, where: str = "") -> Iterator[tuple[str, Any]]:
    if not path:
        if value is not None:
            yield where, value
        return
    key, _, rest = path.partition(".")
    found = value.get(key.removesuffix("[]")) if isinstance(value, dict) else None
    here = f"{where}.{key}" if where else key
    if not key.endswith("[]"):
        yield from _at(found, rest, here)
        return
    for index, item in enumerate(found or []):
        yield from _at(item, rest, f"{here.removesuffix('[]')}[{index}]")


def _unmade(rule: str, node: Node, where: str, value: str, because: str) -> Finding:
    return Finding(
        rule=rule,
        node=node.id,
        path=where,
        what=f"{value} leads nowhere",
        because=because,
        attempt="name the resource through its own output, or mend the name here",
    )


RULES = (references, arns, typed, dimensions, patterns, variables, definitions, uris, log_groups, budget_tags)
