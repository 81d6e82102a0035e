"""Limits of the services: how long a physical name or a document may be, and what a name is made of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.graph.arns import physical_name
from loopwright.wiring.findings import Finding
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["LIMITS", "limits"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a service allows of a name."""

    longest: int
    form: str
    """What the whole name matches."""
    shortest: int = 1


_WORDS = r"[A-Za-z0-9](-*[A-Za-z0-9])*"
LIMITS = {
    "aws:budgets/budget:Budget": Limit(longest=100, form=r"[^:\\/]+"),
    "aws:cloudwatch/dashboard:Dashboard": Limit(longest=255, form=r"[A-Za-z0-9_-]+"),
    "aws:cloudwatch/eventRule:EventRule": Limit(longest=64, form=r"[.\-_A-Za-z0-9]+"),
    "aws:cloudwatch/logGroup:LogGroup": Limit(longest=512, form=r"[.\-_/#A-Za-z0-9]+"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Limit(longest=512, form=r"[^:*]+"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Limit(longest=255, form=r"[ -~]+"),
    "aws:ec2/securityGroup:SecurityGroup": Limit(longest=255, form=r"(?!sg-)[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+"),
    "aws:ecr/repository:Repository": Limit(longest=256, form=r"[a-z0-9]+([._/-][a-z0-9]+)*", shortest=2),
    "aws:iam/role:Role": Limit(longest=64, form=r"[\w+=,.@-]+"),
    "aws:kms/alias:Alias": Limit(longest=256, form=r"alias/(?!aws/)[a-zA-Z0-9/_-]+"),
    "aws:lambda/function:Function": Limit(longest=64, form=r"[A-Za-z0-9_-]+"),
    "aws:s3/bucket:Bucket": Limit(longest=63, form=r"(?!xn--)[a-z0-9][a-z0-9.-]*[a-z0-9]", shortest=3),
    "aws:sagemaker/endpoint:Endpoint": Limit(longest=63, form=_WORDS),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Limit(longest=63, form=_WORDS),
    "aws:sagemaker/featureGroup:FeatureGroup": Limit(longest=64, form=_WORDS),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": Limit(longest=256, form=_WORDS),
    "aws:sagemaker/model:Model": Limit(longest=63, form=_WORDS),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": Limit(longest=63, form=_WORDS),
    "aws:sagemaker/pipeline:Pipeline": Limit(longest=256, form=_WORDS),
    "aws:scheduler/schedule:Schedule": Limit(longest=64, form=r"[0-9a-zA-Z\-_.]+"),
    "aws:sns/topic:Topic": Limit(longest=256, form=r"[A-Za-z0-9_-]+"),
    "aws:sqs/queue:Queue": Limit(longest=80, form=r"[A-Za-z0-9_-]+"),
    "aws:ssm/parameter:Parameter": Limit(longest=1011, form=r"/?(?!aws|ssm)[a-zA-Z0-9_.\-/]+"),
}
# Documents, by type and input: so many characters, white space not counted where IAM does not.
DOCUMENTS = {
    "aws:cloudwatch/eventRule:EventRule": ("eventPattern", 2048),
    "aws:iam/role:Role": ("assumeRolePolicy", 2048),
    "aws:iam/rolePolicy:RolePolicy": ("policy", 10_240),
    "aws:kms/key:Key": ("policy", 32_768),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy", 20_480),
    "aws:sagemaker/pipeline:Pipeline": ("pipelineDefinition", 1_048_576),
}
ENVIRONMENT_BYTES = 4096
VERSIONED = len("-v123456789-01234567")
"""What the deployer puts behind its prefix."""


def limits(graph: ResourceGraph, project: Path) -> tuple[list[Finding], dict[str, int]]:
    """Return the names and documents that a service would refuse, and how many were measured."""
    stack = Stack(graph, Sources(project))
    found = [finding for rule in (_names, _documents, _environments, _versions) for finding in rule(stack)]
    return sorted(found), dict(stack.proven)


def _names(stack: Stack) -> Iterator[Finding]:
    taken: dict[tuple[str, str], Node] = {}
    for node in stack.graph.resources():
        limit, given = LIMITS.get(node.type), physical_name(node)
        if limit is None or given is None:
            continue
        name = stack.text(given)
        stack.proven["names measured"] += 1
        if not limit.shortest <= len(name) <= limit.longest:
            because = f"it has {len(name)} characters, and the service takes {limit.shortest} to {limit.longest}"
            yield _over("limits.name", node, name, because)
        elif not re.fullmatch(limit.form, name):
            yield _over("limits.name", node, name, f"the service takes names of the form {limit.form}")
        other = taken.setdefault((node.type, name), node)
        if other is not node:
            yield _over("limits.name", node, name, f"{other.id} has the same name")


def _documents(stack: Stack) -> Iterator[Finding]:
    for node in stack.graph.resources():
        field, longest = DOCUMENTS.get(node.type, ("", 0))
        body = parsed(stack.inputs(node).get(field)) if field else None
        if body is not None:
            stack.proven["documents measured"] += 1
            size = len(json.dumps(body, separators=(",", ":")))
            if size > longest:
                because = f"it has {size} characters, and the service takes {longest}"
                yield _over("limits.document", node, f"the {field} of {node.name}", because)


def _environments(stack: Stack) -> Iterator[Finding]:
    for node in stack.of("function"):
        size = sum(len(f"{name}{value}".encode()) for name, value in stack.variables_of(node).items())
        if size > ENVIRONMENT_BYTES:
            because = f"it has {size} bytes, and Lambda takes {ENVIRONMENT_BYTES}"
            yield _over("limits.environment", node, f"the environment of {stack.name(node)}", because)


def _versions(stack: Stack) -> Iterator[Finding]:
    """The deployer makes names of its own, by the same prefix."""
    prefix = stack.variables("deployer").get("NAME_PREFIX", "")
    longest = LIMITS["aws:sagemaker/model:Model"].longest - VERSIONED
    if len(prefix) > longest:
        because = f"the deployer adds a version and a digest, and SageMaker then takes {longest} characters of it"
        yield _over("limits.name", stack.functions["deployer"], prefix, because)


def _over(rule: str, node: Node, name: str, because: str) -> Finding:
    return Finding(
        rule=rule,
        node=node.id,
        path="",
        what=f"AWS refuses {name}",
        because=because,
        attempt="take a shorter project or stack name; infra/mlops/naming.py makes the names",
    )
