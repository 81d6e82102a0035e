"""Names and ARNs that are known before anything is made, because AWS builds them from physical names.

Account and partition are what the caller's credentials say, so they stay references to the two data sources; a region
is literal where the stack sets it. What AWS assigns itself (the id of a key, of a VPC) is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.graph.model import Reference, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopwright.graph.model import Node, Part, ResourceGraph

__all__ = ["ACCOUNT", "PARTITION", "REGION", "arn", "known", "physical_name", "resolve"]

ACCOUNT = Reference(node="data:aws:index/getCallerIdentity:getCallerIdentity::current", property="accountId")
PARTITION = Reference(node="data:aws:index/getPartition:getPartition::current", property="partition")
REGION = Reference(node="data:aws:index/getRegion:getRegion::current", property="region")


@dataclass(frozen=True, kw_only=True)
class _Naming:
    """How AWS names one type.

    Templates hold ``{name}`` and ``{path}``; that of an id also ``{account}``.
    """

    name: str
    """The input that is the physical name."""
    arn: str = ""
    """``SERVICE:REGION:ACCOUNT:RESOURCE`` with ``r`` and ``a`` where the two are written; empty: AWS assigns it."""
    id: str = "{name}"
    """What the provider's ``id`` is; ``arn`` for the ARN, ``url`` for a queue's URL, empty: AWS assigns it."""
    path: str = ""
    """An input that stands in front of the name, such as a role's path."""
    default_path: str = ""
    lower: bool = False
    """AWS writes the name in lower case in the ARN."""
    dropped: str = ""
    """What the ARN leaves out in front of the name."""
    case: bool = True
    """False: nobody promises the case of the name in the ARN, so a name with capitals has no known ARN."""


def _sagemaker(name: str, kind: str, *, lower: bool = False) -> _Naming:
    return _Naming(name=name, arn=f"sagemaker:r:a:{kind}/{{name}}", lower=lower, case=lower)


_NAMINGS = {
    "aws:appautoscaling/target:Target": _Naming(name="resourceId"),
    "aws:budgets/budget:Budget": _Naming(name="name", arn="budgets::a:budget/{name}", id="{account}:{name}"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _Naming(name="alarmName", arn="cloudwatch:r:a:alarm:{name}"),
    "aws:cloudwatch/dashboard:Dashboard": _Naming(name="dashboardName", arn="cloudwatch::a:dashboard/{name}"),
    "aws:cloudwatch/eventBus:EventBus": _Naming(name="name", arn="events:r:a:event-bus/{name}"),
    "aws:cloudwatch/eventRule:EventRule": _Naming(
        name="name", arn="events:r:a:rule/{path}{name}", id="{path}{name}", path="eventBusName"
    ),
    "aws:cloudwatch/logGroup:LogGroup": _Naming(name="name", arn="logs:r:a:log-group:{name}"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _Naming(name="name"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _Naming(name="name", arn="cloudwatch:r:a:alarm:{name}"),
    "aws:ec2/securityGroup:SecurityGroup": _Naming(name="name", id=""),
    "aws:ecr/repository:Repository": _Naming(name="name", arn="ecr:r:a:repository/{name}"),
    "aws:glue/catalogDatabase:CatalogDatabase": _Naming(
        name="name", arn="glue:r:a:database/{name}", id="{account}:{name}"
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _Naming(
        name="url", arn="iam::a:oidc-provider/{name}", id="arn", dropped="https://"
    ),
    "aws:iam/policy:Policy": _Naming(
        name="name", arn="iam::a:policy{path}{name}", id="arn", path="path", default_path="/"
    ),
    "aws:iam/role:Role": _Naming(name="name", arn="iam::a:role{path}{name}", path="path", default_path="/"),
    "aws:kms/alias:Alias": _Naming(name="name", arn="kms:r:a:{name}"),
    "aws:lambda/function:Function": _Naming(name="name", arn="lambda:r:a:function:{name}"),
    "aws:resourcegroups/group:Group": _Naming(name="name", arn="resource-groups:r:a:group/{name}"),
    "aws:s3/bucket:Bucket": _Naming(name="bucket", arn="s3:::{name}"),
    "aws:sagemaker/endpoint:Endpoint": _sagemaker("name", "endpoint"),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": _sagemaker("name", "endpoint-config"),
    "aws:sagemaker/featureGroup:FeatureGroup": _sagemaker("featureGroupName", "feature-group"),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": _sagemaker(
        "trackingServerName", "mlflow-tracking-server"
    ),
    "aws:sagemaker/model:Model": _sagemaker("name", "model"),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": _sagemaker("modelPackageGroupName", "model-package-group"),
    "aws:sagemaker/pipeline:Pipeline": _sagemaker("pipelineName", "pipeline", lower=True),
    "aws:scheduler/schedule:Schedule": _Naming(
        name="name",
        arn="scheduler:r:a:schedule/{path}{name}",
        id="{path}{name}",
        path="groupName",
        default_path="default/",
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": _Naming(name="name", arn="scheduler:r:a:schedule-group/{name}"),
    "aws:sns/topic:Topic": _Naming(name="name", arn="sns:r:a:{name}", id="arn"),
    "aws:sqs/queue:Queue": _Naming(name="name", arn="sqs:r:a:{name}", id="url"),
    "aws:ssm/parameter:Parameter": _Naming(name="name", arn="ssm:r:a:parameter/{name}", dropped="/"),
}
_SLASHED = {"aws:cloudwatch/eventRule:EventRule", "aws:scheduler/schedule:Schedule"}
"""Their path is the name of a bus or a group, which a slash follows."""


def physical_name(node: Node) -> str | None:
    """Return the name AWS knows a resource by; None where it has none, or the provider makes one up."""
    naming = _NAMINGS.get(node.type)
    name = node.inputs.get(naming.name) if naming else None
    return name if isinstance(name, str) and "<<secret" not in name else None


def arn(node: Node, region: str | None = None) -> str | None:
    """Return the ARN of a resource, as text with references to account, partition and region.

    Args:
        node: The resource.
        region: Its region, where it is known; see ``ResourceGraph.region``.
    """
    return _arn(node, physical_name(node), region)


def _arn(node: Node, name: str | None, region: str | None) -> str | None:
    naming = _NAMINGS.get(node.type)
    if not naming or not naming.arn or name is None:
        return None
    name = name.removeprefix(naming.dropped)
    if naming.lower:
        name = _lower(name)
    if not naming.case and name != _lower(name):
        return None
    path = _path(node, naming)
    if path is None:
        return None
    service, regional, account, resource = naming.arn.split(":", 3)
    where = (region or str(REGION)) if regional else ""
    owner = str(ACCOUNT) if account else ""
    return f"arn:{PARTITION}:{service}:{where}:{owner}:{resource.format(name=name, path=path)}"


def known(graph: ResourceGraph, reference: Reference) -> str | None:
    """Return what a reference will be, as text whose references are account, partition or unknown; else None."""
    node = graph.nodes.get(reference.node)
    if node is None or reference.path:
        return None
    region = graph.region(node)
    if node.kind == "data":
        return region if node.type.endswith(":getRegion") and reference.property in {"region", "name", "id"} else None
    if reference.property == "arn":
        name = physical_name(node)
        found = _arn(node, resolve(graph, name) if name else None, region)
    elif make := _PROPERTIES.get((node.type, reference.property)):
        name = physical_name(node)
        found = make(name, region) if name and region else None
    elif reference.property == "id":
        found = _id(node, region)
    elif reference.property == "region":
        found = region
    else:
        found = node.inputs.get(reference.property)
    return found if isinstance(found, str) and "<<secret" not in found else None


def resolve(graph: ResourceGraph, value: str) -> str:
    """Return a text with every reference replaced by what it will be, as far as that is known."""
    return "".join(part if isinstance(part, str) else _resolved(graph, part) for part in text(value))


def _resolved(graph: ResourceGraph, part: Part) -> str:
    found = known(graph, part) if isinstance(part, Reference) else None
    return str(part) if found is None or found == str(part) else resolve(graph, found)


def _id(node: Node, region: str | None) -> str | None:
    naming, name = _NAMINGS.get(node.type), physical_name(node)
    if not naming or not naming.id or name is None:
        return None
    if naming.id == "arn":
        return arn(node, region)
    if naming.id == "url":
        return _queue_url(name, region) if region else None
    path = _path(node, naming)
    return None if path is None else naming.id.format(name=name, path=path, account=ACCOUNT)


def _path(node: Node, naming: _Naming) -> str | None:
    """Return what stands in front of the name; None for a bus that is named by its ARN, whose name it would be."""
    path = node.inputs.get(naming.path)
    if not isinstance(path, str) or path == "default":
        return naming.default_path
    if node.type not in _SLASHED:
        return path
    by_arn = path.startswith("arn:") or any(
        isinstance(part, Reference) and part.property == "arn" for part in text(path)
    )
    return None if by_arn else f"{path}/"


def _lower(name: str) -> str:
    return "".join(part.lower() if isinstance(part, str) else str(part) for part in text(name))


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _queue_url(name: str, region: str) -> str:
    return f"https://sqs.{region}.{_suffix(region)}/{ACCOUNT}/{name}"


_PROPERTIES: dict[tuple[str, str], Callable[[str, str], str]] = {
    ("aws:sqs/queue:Queue", "url"): _queue_url,
    ("aws:ecr/repository:Repository", "registryId"): lambda _name, _region: str(ACCOUNT),
    ("aws:ecr/repository:Repository", "repositoryUrl"): lambda name, region: (
        f"{ACCOUNT}.dkr.ecr.{region}.{_suffix(region)}/{name}"
    ),
    ("aws:s3/bucket:Bucket", "bucketDomainName"): lambda name, region: f"{name}.s3.{_suffix(region)}",
    ("aws:s3/bucket:Bucket", "bucketRegionalDomainName"): lambda name, region: f"{name}.s3.{region}.{_suffix(region)}",
}
