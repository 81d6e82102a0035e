"""Values that AWS itself refuses, by the service models that botocore brings along."""

from __future__ import annotations

import re
from functools import cache

import botocore.session

from rules.plan import listed
from rules.registry import rule

PROPERTIES = {
    (
        "aws_appautoscaling_target",
        "scalable_dimension",
    ): "application-autoscaling RegisterScalableTarget ScalableDimension",
    ("aws_cloudwatch_metric_alarm", "comparison_operator"): "cloudwatch PutMetricAlarm ComparisonOperator",
    ("aws_cloudwatch_metric_alarm", "statistic"): "cloudwatch PutMetricAlarm Statistic",
    ("aws_cloudwatch_log_group", "name"): "logs CreateLogGroup logGroupName",
    ("aws_ecr_repository", "name"): "ecr CreateRepository repositoryName",
    ("aws_ecr_repository", "image_tag_mutability"): "ecr CreateRepository imageTagMutability",
    ("aws_iam_role", "name"): "iam CreateRole RoleName",
    ("aws_lambda_function", "runtime"): "lambda CreateFunction Runtime",
    ("aws_lambda_function", "architectures"): "lambda CreateFunction Architectures.member",
    ("aws_lambda_function", "memory_size"): "lambda CreateFunction MemorySize",
    ("aws_lambda_function", "timeout"): "lambda CreateFunction Timeout",
    ("aws_s3_bucket_ownership_controls", "rule.object_ownership"): "s3 CreateBucket ObjectOwnership",
    ("aws_sagemaker_endpoint", "name"): "sagemaker CreateEndpoint EndpointName",
    ("aws_sagemaker_endpoint_configuration", "name"): "sagemaker CreateEndpointConfig EndpointConfigName",
    (
        "aws_sagemaker_endpoint_configuration",
        "production_variants.instance_type",
    ): "sagemaker CreateEndpointConfig ProductionVariants.member.InstanceType",
    (
        "aws_sagemaker_endpoint_configuration",
        "production_variants.serverless_config.memory_size_in_mb",
    ): "sagemaker CreateEndpointConfig ProductionVariants.member.ServerlessConfig.MemorySizeInMB",
    (
        "aws_sagemaker_endpoint_configuration",
        "production_variants.serverless_config.max_concurrency",
    ): "sagemaker CreateEndpointConfig ProductionVariants.member.ServerlessConfig.MaxConcurrency",
    ("aws_sagemaker_feature_group", "feature_group_name"): "sagemaker CreateFeatureGroup FeatureGroupName",
    (
        "aws_sagemaker_mlflow_tracking_server",
        "tracking_server_size",
    ): "sagemaker CreateMlflowTrackingServer TrackingServerSize",
    ("aws_sagemaker_model", "name"): "sagemaker CreateModel ModelName",
    ("aws_sagemaker_pipeline", "pipeline_name"): "sagemaker CreatePipeline PipelineName",
    ("aws_scheduler_schedule", "name"): "scheduler CreateSchedule Name",
    ("aws_scheduler_schedule", "flexible_time_window.mode"): "scheduler CreateSchedule FlexibleTimeWindow.Mode",
    ("aws_vpc_endpoint", "vpc_endpoint_type"): "ec2 CreateVpcEndpoint VpcEndpointType",
}
"""Where AWS's own model of a call has the value of an attribute."""
RETENTION = (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
STEPS = {"Processing": "CreateProcessingJob", "Training": "CreateTrainingJob", "RegisterModel": "CreateModelPackage"}
GIVEN_BY_PIPELINES = {
    "Processing": {"ProcessingJobName"},
    "Training": {"TrainingJobName"},
    "RegisterModel": set(),
}
"""Members that a pipeline fills in by itself."""


@rule("VALUE", "AWS's service models, as botocore brings them")
def values(plan):
    """Every value that AWS takes one of a few of, or within limits, is one of them."""
    for resource in plan.resources:
        for (kind, path), place in PROPERTIES.items():
            if resource.type == kind:
                for value in listed(resource[path]):
                    yield from ((resource.address, f"{path}: {m}") for m in against(plan.plain(value), shape(place)))
    for group in plan.of("aws_cloudwatch_log_group"):
        if group["retention_in_days"] not in (None, *RETENTION):
            yield group.address, f"CloudWatch cannot keep logs for {group['retention_in_days']} days"


@rule("SM-STEP", "AWS's service models: CreateProcessingJob, CreateTrainingJob, CreateModelPackage")
def steps(plan):
    """Every step says what the call that it becomes takes: all that is required, nothing unknown, within limits."""
    for pipeline, step in plan.steps():
        operation = STEPS.get(step.get("Type"))
        if operation is None:
            continue
        shape = service("sagemaker").operation_model(operation).input_shape
        given = step.get("Arguments", {}) | {name: {"Get": ""} for name in GIVEN_BY_PIPELINES[step["Type"]]}
        for message in against(given, shape, step["Name"]):
            yield pipeline.address, message


@cache
def service(name):
    return botocore.session.get_session().get_service_model(name)


@cache
def shape(place):
    """Return the shape at a place such as ``lambda CreateFunction Runtime``."""
    name, operation, path = place.split(" ")
    found = service(name).operation_model(operation).input_shape
    for step in path.split("."):
        found = found.member if step == "member" else found.members[step]
    return found


def against(value, shape, where="it"):
    """Yield what a service has against a value; what a pipeline fills in when it runs is not looked into."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in {"Get", "Std:Join", "Std:JsonGet"}:
        return
    if shape.type_name == "structure":
        yield from _structure(value, shape, where)
    elif shape.type_name == "list":
        for item in value if isinstance(value, list) else [value]:
            yield from against(item, shape.member, where)
    elif shape.type_name == "map":
        for key, item in value.items() if isinstance(value, dict) else ():
            yield from against(key, shape.key, where)
            yield from against(item, shape.value, f"{where}.{key}")
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _number(value, shape.metadata, where)
    elif shape.type_name == "string" and "${" not in str(value):
        yield from _string(str(value), shape, where)


def _structure(value, shape, where):
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{where} lacks {name}"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{where} has an unknown {name}"
        else:
            yield from against(item, shape.members[name], f"{where}.{name}")


def _number(value, limits, where):
    try:
        number = float(value)
    except (TypeError, ValueError):
        yield f"{where} is {value!r}, no number"
        return
    if not limits.get("min", number) <= number <= limits.get("max", number):
        yield f"{where} is {value}, out of its limits"


def _string(value, shape, where):
    limits = shape.metadata
    if shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, none of what AWS takes"
    if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
        yield f"{where} is too short or too long"
    pattern = limits.get("pattern")
    if pattern and r"\p{" not in pattern and re.fullmatch(pattern, value) is None:
        yield f"{where} is {value!r}, which AWS does not take"
