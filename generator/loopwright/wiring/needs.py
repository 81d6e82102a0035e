"""What a call on a boto3 client needs of IAM: the actions, and on which resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loopwright.wiring.places import artefacts
from loopwright.wiring.stack import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loopwright.wiring.calls import Call
    from loopwright.wiring.stack import Stack

__all__ = ["CALLS", "Need", "needs"]

# By service and method: action, and kind of the resource it is asked on. What a service asks along is listed too.
CALLS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("budgets", "describe_budget"): (("budgets:ViewBudget", "budget"),),
    ("cloudwatch", "describe_alarms"): (("cloudwatch:DescribeAlarms", "alarms"),),
    ("cloudwatch", "put_metric_data"): (("cloudwatch:PutMetricData", "namespace"),),
    ("s3", "get_object"): (("s3:GetObject", "object"),),
    ("s3", "head_object"): (("s3:GetObject", "object"),),
    ("s3", "list_objects_v2"): (("s3:ListBucket", "bucket"),),
    ("s3", "put_object"): (("s3:PutObject", "object"),),
    ("sagemaker", "create_endpoint_config"): (
        ("sagemaker:CreateEndpointConfig", "endpoint-config"),
        ("sagemaker:AddTags", "endpoint-config"),
    ),
    ("sagemaker", "create_model"): (
        ("sagemaker:CreateModel", "model"),
        ("sagemaker:AddTags", "model"),
        ("iam:PassRole", "serving-role"),
    ),
    ("sagemaker", "delete_endpoint_config"): (("sagemaker:DeleteEndpointConfig", "endpoint-config"),),
    ("sagemaker", "delete_model"): (("sagemaker:DeleteModel", "model"),),
    ("sagemaker", "describe_endpoint"): (("sagemaker:DescribeEndpoint", "endpoint"),),
    ("sagemaker", "describe_endpoint_config"): (("sagemaker:DescribeEndpointConfig", "any-config"),),
    ("sagemaker", "describe_model"): (("sagemaker:DescribeModel", "model"),),
    ("sagemaker", "describe_model_package"): (("sagemaker:DescribeModelPackage", "package"),),
    ("sagemaker", "list_endpoint_configs"): (("sagemaker:ListEndpointConfigs", "*"),),
    ("sagemaker", "list_model_packages"): (("sagemaker:ListModelPackages", "package"),),
    ("sagemaker", "list_models"): (("sagemaker:ListModels", "*"),),
    ("sagemaker", "list_pipeline_executions"): (("sagemaker:ListPipelineExecutions", "pipeline"),),
    ("sagemaker", "list_pipeline_parameters_for_execution"): (
        ("sagemaker:ListPipelineParametersForExecution", "execution"),
    ),
    ("sagemaker", "start_pipeline_execution"): (("sagemaker:StartPipelineExecution", "pipeline"),),
    ("sagemaker", "update_endpoint"): (
        ("sagemaker:UpdateEndpoint", "endpoint"),
        ("sagemaker:UpdateEndpoint", "endpoint-config"),
    ),
    ("sagemaker", "update_model_package"): (("sagemaker:UpdateModelPackage", "package"),),
    ("sns", "publish"): (("sns:Publish", "topic"),),
    ("ssm", "get_parameter"): (("ssm:GetParameter", "parameter"),),
}
BUCKET, KEY = "Bucket", {"list_objects_v2": "Prefix"}
READS = {"get_object", "head_object"}


@dataclass(frozen=True, kw_only=True)
class Need:
    """One action on one resource, with the condition keys that the call has."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def needs(stack: Stack, word: str, call: Call) -> Iterator[Need]:
    """Yield what a call of a handler needs; nothing for a call that the table does not know."""
    given = stack.variables(word)
    for action, kind in CALLS.get((call.service, call.method), ()):
        if call.method in READS and not call.given.get(BUCKET):
            # Where it reads stands in the registry: an artefact.
            for uri in artefacts(stack):
                yield Need(action=action, resource=f"arn:aws:s3:::{uri.removeprefix('s3://')}")
        elif kind in {"bucket", "object"}:
            yield from _stored(action, kind, call, given)
        elif kind == "namespace":
            namespace = given.get("METRIC_NAMESPACE", "")
            yield Need(action=action, resource="*", context={"cloudwatch:namespace": namespace})
        elif kind == "serving-role":
            context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            yield Need(action=action, resource=given.get("SERVING_ROLE_ARN", "-"), context=context)
        else:
            yield from (Need(action=action, resource=each) for each in _resources(stack, kind, given))


def _stored(action: str, kind: str, call: Call, given: Mapping[str, str]) -> Iterator[Need]:
    """Yield what a call on a bucket needs, for each bucket and corner of it that it may mean."""
    buckets = [given[name] for name in call.given.get(BUCKET, ()) if name in given] or ["-"]
    key = KEY.get(call.method, "Key")
    if key in call.texts:
        corners = list(call.texts[key])
    else:
        corners = [f"{given[name]}x" for name in call.given.get(key, ()) if name in given]
    for bucket in dict.fromkeys(buckets):
        arn = f"arn:aws:s3:::{bucket}"
        for corner in dict.fromkeys(corners or [""]):
            if kind == "bucket":
                yield Need(action=action, resource=arn, context={"s3:prefix": corner})
            else:
                yield Need(action=action, resource=f"{arn}/{corner or 'x'}")


def _resources(stack: Stack, kind: str, given: Mapping[str, str]) -> tuple[str, ...]:
    here = f"{stack.region}:{ACCOUNT_ID}"
    sagemaker = f"arn:aws:sagemaker:{here}"
    prefix, group = given.get("NAME_PREFIX", "-"), given.get("MODEL_PACKAGE_GROUP", "-")
    pipeline = f"{sagemaker}:pipeline/{given.get('PIPELINE_NAME', '-').lower()}"
    config = f"{sagemaker}:endpoint-config/{prefix}-v1-00000000"
    known: dict[str, tuple[str, ...]] = {
        "*": ("*",),
        # What it lists are alarms of the account; IAM knows nothing narrower for it.
        "alarms": (f"arn:aws:cloudwatch:{here}:alarm:*",),
        "any-config": (config, f"{sagemaker}:endpoint-config/{given.get('BASE_CONFIG', '-')}"),
        "budget": (f"arn:aws:budgets::{ACCOUNT_ID}:budget/{given.get('BUDGET_NAME', '-')}",),
        "endpoint": (f"{sagemaker}:endpoint/{given.get('ENDPOINT_NAME', '-')}",),
        "endpoint-config": (config,),
        "execution": (f"{pipeline}/execution/x",),
        "model": (f"{sagemaker}:model/{prefix}-v1-00000000",),
        "package": (f"{sagemaker}:model-package/{group}/1",),
        "parameter": (f"arn:aws:ssm:{here}:parameter/{given.get('PAUSE_PARAMETER', '-').removeprefix('/')}",),
        "pipeline": (pipeline,),
        "topic": (given.get("TOPIC_ARN", "-"),),
    }
    return known[kind]
