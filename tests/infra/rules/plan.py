"""An exported Terraform document as the rules read it: resources, references between them, and texts made plain."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT, PARTITION = "111122223333", "aws"
STANDING = {
    "${data.aws_caller_identity.current.account_id}": ACCOUNT,
    "${data.aws_partition.current.partition}": PARTITION,
}
"""Only the caller's credentials know these two; every rule may read them as if they were known."""
REFERENCE = re.compile(r"\$\{(?P<type>aws_\w+)\.(?P<name>[\w-]+)\.(?P<attribute>\w+)\}")
PHYSICAL = {
    "aws_budgets_budget": "name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_lambda_function": "function_name",
    "aws_s3_bucket": "bucket",
    "aws_sagemaker_feature_group": "feature_group_name",
    "aws_sagemaker_mlflow_tracking_server": "tracking_server_name",
    "aws_sagemaker_model_package_group": "model_package_group_name",
    "aws_sagemaker_pipeline": "pipeline_name",
}
"""The attribute that holds a resource's physical name, where it is not ``name``."""


@dataclass(frozen=True)
class Finding:
    """What a rule has against a resource."""

    rule: str
    where: str
    message: str

    def __str__(self):
        return f"{self.rule} {self.where}: {self.message}"


@dataclass(frozen=True)
class Stack:
    """What a stack is meant to be: what it sets, not what came of it."""

    name: str
    keeps_data: bool = True
    """A stack that keeps its data is one that matters: it has to survive the loss of a zone, too."""
    network: bool = False
    """Whether everything has to run in subnets of ours."""
    approval: str = "auto"


@dataclass(frozen=True)
class Resource:
    """One resource of the document."""

    type: str
    name: str
    body: dict[str, Any] = field(hash=False)

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"

    @property
    def physical(self) -> str:
        """The name AWS knows it by, empty where it has none."""
        return str(self.body.get(PHYSICAL.get(self.type, "name"), ""))

    def __getitem__(self, path: str) -> Any:
        """Return what stands at a dotted path, the first of every block; None where nothing does."""
        found: Any = self.body
        for step in path.split("."):
            found = first(found)
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def blocks(self, path: str) -> list[dict[str, Any]]:
        """Return all blocks at a dotted path; Terraform takes one for a list of one."""
        found = self[path]
        return [block for block in (found if isinstance(found, list) else [found]) if isinstance(block, dict)]


def _bare(body):
    """Return what a resource holds, without the comment that says which component it belongs to."""
    return {name: value for name, value in body.items() if name != "//"}


def first(value):
    return value[0] if isinstance(value, list) and value else value


def listed(value) -> list[Any]:
    """Return a value that may stand alone or in a list as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def strings(value, where=""):
    """Yield every text in a JSON value behind its path."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, f"{where}.{key}" if where else str(key))


class Plan:
    """The document of one stack.

    Args:
        document: What `main.tf.json` holds.
        stack: What the stack is meant to be.
    """

    def __init__(self, document, stack: Stack):
        self.document, self.stack = document, stack
        self._read: dict[Callable[[Plan], Any], Any] = {}

    def once(self, read: Callable[[Plan], Any]) -> Any:
        """Return what a function reads from this plan, which is read once."""
        if read not in self._read:
            self._read[read] = read(self)
        return self._read[read]

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        kinds = self.document["resource"].items()
        return tuple(Resource(kind, name, _bare(body)) for kind, named in kinds for name, body in named.items())

    @cached_property
    def _by_address(self) -> dict[str, Resource]:
        return {resource.address: resource for resource in self.resources}

    @cached_property
    def provider(self) -> dict[str, Any]:
        return first(self.document["provider"]["aws"])

    @property
    def region(self) -> str:
        return self.provider["region"]

    @cached_property
    def tags(self) -> dict[str, str]:
        """The tags that everything of the stack carries."""
        return (first(self.provider.get("default_tags")) or {}).get("tags", {})

    @property
    def prefix(self) -> str:
        """What every name of the stack begins with."""
        return self.tags.get("Loop", "")

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def of(self, *kinds: str) -> list[Resource]:
        """Return the resources of these types."""
        return [resource for kind in kinds for resource in self._by_type.get(kind, [])]

    def get(self, address: str) -> Resource | None:
        return self._by_address.get(address)

    def referred(self, value: Any) -> Resource | None:
        """Return the resource that a value refers to, whole and alone; None where it is another's or a text."""
        found = REFERENCE.fullmatch(value) if isinstance(value, str) else None
        return self._by_address.get(f"{found['type']}.{found['name']}") if found else None

    def belonging(self, kind: str, attribute: str, to: Resource) -> list[Resource]:
        """Return the resources of a type whose attribute names another one, by reference or by name."""
        return [
            resource
            for resource in self.of(kind)
            if self.referred(resource[attribute]) is to or (to.physical and resource[attribute] == to.physical)
        ]

    def plain(self, value: Any) -> str:
        """Return a text with what is known before anything is made put in; other references stay."""
        text = str(value)
        if "${" not in text:
            return text
        for reference, known in STANDING.items():
            text = text.replace(reference, known)
        return REFERENCE.sub(self._known, text)

    def _known(self, match: re.Match[str]) -> str:
        resource = self._by_address.get(f"{match['type']}.{match['name']}")
        if resource is None:
            return match[0]
        attribute = PHYSICAL.get(resource.type, "name") if match["attribute"] == "id" else match["attribute"]
        if attribute == "arn":
            return self.arn(resource) or match[0]
        if attribute == "repository_url":
            return f"{ACCOUNT}.dkr.ecr.{self.region}.amazonaws.com/{resource.physical}"
        known = resource.body.get(attribute)
        return self.plain(known) if isinstance(known, str) and known != match[0] else match[0]

    def arn(self, resource: Resource) -> str | None:
        """Return the ARN that AWS builds from a resource's name; None where it assigns it."""
        form = ARNS.get(resource.type)
        if form is None or not resource.physical:
            return None
        return form.format(p=PARTITION, r=self.region, a=ACCOUNT, name=self.plain(resource.physical))

    def definition(self, pipeline: Resource) -> dict[str, Any]:
        """Return what a SageMaker pipeline does; empty where its text is no JSON object."""
        try:
            found = json.loads(self.plain(pipeline["pipeline_definition"]))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def steps(self) -> list[tuple[Resource, dict[str, Any]]]:
        """Return every step of every pipeline, those inside conditions too."""
        return self.once(_steps)


def _steps(plan):
    found = []
    for pipeline in plan.of("aws_sagemaker_pipeline"):
        todo = list(plan.definition(pipeline).get("Steps", []))
        while todo:
            step = todo.pop(0)
            arguments = step.get("Arguments", {})
            todo += [*arguments.get("IfSteps", []), *arguments.get("ElseSteps", [])]
            found.append((pipeline, step))
    return found


def capturing(plan: Plan) -> list[Resource]:
    """Return the buckets for captured requests: named so, or written to by an endpoint."""
    configs = plan.of("aws_sagemaker_endpoint_configuration")
    uris = [plan.plain(config["data_capture_config.destination_s3_uri"]) for config in configs]
    written = {uri.split("/")[2] for uri in uris if uri.startswith("s3://")} | {f"{plan.prefix}-capture-{ACCOUNT}"}
    return [bucket for bucket in plan.of("aws_s3_bucket") if plan.plain(bucket.physical) in written]


ARNS = {
    "aws_cloudwatch_event_rule": "arn:{p}:events:{r}:{a}:rule/{name}",
    "aws_cloudwatch_metric_alarm": "arn:{p}:cloudwatch:{r}:{a}:alarm:{name}",
    "aws_ecr_repository": "arn:{p}:ecr:{r}:{a}:repository/{name}",
    "aws_iam_role": "arn:{p}:iam::{a}:role/{name}",
    "aws_lambda_function": "arn:{p}:lambda:{r}:{a}:function:{name}",
    "aws_s3_bucket": "arn:{p}:s3:::{name}",
    "aws_sagemaker_endpoint": "arn:{p}:sagemaker:{r}:{a}:endpoint/{name}",
    "aws_sagemaker_mlflow_tracking_server": "arn:{p}:sagemaker:{r}:{a}:mlflow-tracking-server/{name}",
    "aws_sagemaker_model_package_group": "arn:{p}:sagemaker:{r}:{a}:model-package-group/{name}",
    "aws_sagemaker_pipeline": "arn:{p}:sagemaker:{r}:{a}:pipeline/{name}",
    "aws_sns_topic": "arn:{p}:sns:{r}:{a}:{name}",
    "aws_sqs_queue": "arn:{p}:sqs:{r}:{a}:{name}",
}
