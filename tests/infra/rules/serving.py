"""The endpoint, its configuration, its model, and what takes a rollout back."""

from __future__ import annotations

import json

from rules.alarms import metrics, role_of
from rules.logs import counted
from rules.plan import first, listed
from rules.registry import rule
from rules.statements import granted

CONFIG = "aws_sagemaker_endpoint_configuration"
LEAST_INSTANCES = 2
MOST_ALARMS = 10
MEMORY_STEP = 1024
ROLLBACK_METRICS = {"ModelLatency", "Invocation5XXErrors", "InvocationModelErrors"}


def variants(plan):
    return [(config, variant) for config in plan.of(CONFIG) for variant in config.blocks("production_variants")]


@rule("SM-COUNT", "SageMaker.4")
def count(plan):
    """Where a stack matters, an endpoint survives the loss of a zone: two instances, or serverless."""
    for config, variant in variants(plan):
        few = (variant.get("initial_instance_count") or 0) < LEAST_INSTANCES
        if plan.stack.keeps_data and not variant.get("serverless_config") and few:
            yield config.address, "one instance is one zone"
    for target in plan.of("aws_appautoscaling_target"):
        if plan.stack.keeps_data and (target["min_capacity"] or 0) < LEAST_INSTANCES:
            yield target.address, "autoscaling may go down to one zone"


def _serverless(plan):
    """Return the configurations and the models of serverless variants, by address."""
    found = set()
    for config, variant in variants(plan):
        if variant.get("serverless_config"):
            model = plan.referred(variant.get("model_name"))
            found |= {config.address, model.address if model else ""}
    return found


@rule("SM-SERVERLESS", "AWS docs: serverless endpoints, feature exclusions")
def serverless(plan):
    """A serverless endpoint asks for nothing that AWS does not give it: isolation, a VPC, capture, a volume's key."""
    refused = ("enable_network_isolation", "vpc_config", "data_capture_config", "kms_key_arn")
    for address in sorted(_serverless(plan)):
        resource = plan.get(address)
        if resource and (asked := [attribute for attribute in refused if resource[attribute]]):
            yield address, f"AWS gives a serverless endpoint no {', '.join(asked)}"
    for config, variant in variants(plan):
        memory = (first(variant.get("serverless_config")) or {}).get("memory_size_in_mb", MEMORY_STEP)
        if memory % MEMORY_STEP:
            yield config.address, f"{memory} MB is no whole number of gigabytes"


@rule("SM-SCALE", "AWS docs: endpoint autoscaling")
def scales(plan):
    """Autoscaling is for a variant that the endpoint has, between its own numbers, and follows a target."""
    names = {
        f"endpoint/{endpoint.physical}/variant/{variant.get('variant_name')}"
        for endpoint in plan.of("aws_sagemaker_endpoint")
        for _, variant in variants(plan)
    }
    counts = [variant.get("initial_instance_count") for _, variant in variants(plan)]
    for target in plan.of("aws_appautoscaling_target"):
        if plan.plain(target["resource_id"]) not in names:
            yield target.address, f"{plan.plain(target['resource_id'])} is no variant of the endpoint"
        if target["min_capacity"] not in counts or not (target["max_capacity"] or 0) > (target["min_capacity"] or 0):
            yield target.address, "its least is not what the endpoint starts with, or it cannot scale"
        policies = plan.of("aws_appautoscaling_policy")
        mine = [p for p in policies if plan.plain(p["resource_id"]) == plan.plain(target["resource_id"])]
        metric = "target_tracking_scaling_policy_configuration.predefined_metric_specification.predefined_metric_type"
        if not any(policy[metric] == "SageMakerVariantInvocationsPerInstance" for policy in mine):
            yield target.address, "nothing makes it scale"


@rule("SM-ISO", "SageMaker.5")
def isolated(plan):
    """A model's container reaches no network."""
    for model in plan.of("aws_sagemaker_model"):
        if model["enable_network_isolation"] is not True and model.address not in _serverless(plan):
            yield model.address, "its container reaches the network"


@rule("SM-KMS", "sagemaker-endpoint-configuration-kms-key-configured")
def encrypted(plan):
    """An endpoint's volumes and what it captures are encrypted with the stack's key."""
    for config in plan.of(CONFIG):
        served = [variant for _, variant in variants(plan) if not variant.get("serverless_config")]
        if served and plan.referred(config["kms_key_arn"]) is None:
            yield config.address, "its volumes are not encrypted with a key of the stack"
        if config["data_capture_config"] and plan.referred(config["data_capture_config.kms_key_id"]) is None:
            yield config.address, "what it captures is not encrypted with a key of the stack"


@rule("SM-VPC", "sagemaker-model-in-vpc")
def in_network(plan):
    """Where the stack has a network, models run in two of its subnets and in its security groups."""
    for model in plan.of("aws_sagemaker_model"):
        subnets, groups = listed(model["vpc_config.subnets"]), listed(model["vpc_config.security_group_ids"])
        if plan.stack.network and (len(set(subnets)) < LEAST_INSTANCES or not groups):
            yield model.address, "it does not run in two subnets of the stack"


def _captured(plan):
    """Return the configurations whose requests can be captured."""
    return [config for config in plan.of(CONFIG) if config.address not in _serverless(plan)]


@rule("SM-CAPTURE", "T13; monitoring reads both")
def captures(plan):
    """Requests and answers are captured, into a bucket of the stack, as text that the monitor reads."""
    for config in _captured(plan):
        modes = {option.get("capture_mode") for option in config.blocks("data_capture_config.capture_options")}
        buckets = {plan.plain(bucket.physical) for bucket in plan.of("aws_s3_bucket")}
        uri = plan.plain(config["data_capture_config.destination_s3_uri"])
        header = first(config["data_capture_config.capture_content_type_header"]) or {}
        if config["data_capture_config.enable_capture"] is not True or not {"Input", "Output"} <= modes:
            yield config.address, "requests or answers are not captured"
        if uri.removeprefix("s3://").split("/")[0] not in buckets:
            yield config.address, f"{uri} is no bucket of the stack"
        if not {"csv_content_types", "json_content_types"} <= {key for key, value in header.items() if value}:
            yield config.address, "text is captured as base64"


@rule("SM-CAPTURE-PCT", "AWS docs: InitialSamplingPercentage")
def percentage(plan):
    """The share that is captured is a percentage above nothing."""
    for config in _captured(plan):
        share = config["data_capture_config.initial_sampling_percentage"]
        if not isinstance(share, int) or not 1 <= share <= 100:
            yield config.address, f"{share} % of the requests cannot be captured"


@rule("SM-ENDPOINT", "terraform-provider-aws #48997; the deployer owns what is served")
def endpoint(plan):
    """An endpoint has a configuration and a model of the stack, and leaves later configurations to the deployer."""
    for resource in plan.of("aws_sagemaker_endpoint"):
        config = plan.referred(resource["endpoint_config_name"])
        if config is None or config.type != CONFIG:
            yield resource.address, "its configuration is none of the stack"
        if "endpoint_config_name" not in listed(resource.body.get("lifecycle", {}).get("ignore_changes")):
            yield resource.address, "an update of the stack would undo every rollout"
    for config, variant in variants(plan):
        model = plan.referred(variant.get("model_name"))
        if model is None or model.type != "aws_sagemaker_model":
            yield config.address, "its model is none of the stack"
        if not variant.get("instance_type") and not variant.get("serverless_config"):
            yield config.address, "nothing says what it runs on"


@rule("SM-ROLLBACK", "SageMaker deployment guardrails (SM-24)")
def rollback(plan):
    """A rollout is taken back by latency, errors and odd answers, never by drift; the deployer sees those alarms."""
    alarms = {alarm.physical: alarm for alarm in plan.of("aws_cloudwatch_metric_alarm")}
    for function in plan.of("aws_lambda_function"):
        variables = (first(function["environment"]) or {}).get("variables", {})
        if "ROLLBACK_ALARMS" not in variables:
            continue
        named = _names(plan.plain(variables["ROLLBACK_ALARMS"]))
        if not named or len(named) > MOST_ALARMS or any(name not in alarms for name in named):
            yield function.address, f"rollback alarms {named} are not one to ten alarms of the stack"
        watched = {metric for name in named if name in alarms for metric in metrics(alarms[name])}
        if not {"ModelLatency", "Invocation5XXErrors"} <= {metric for _, metric in watched}:
            yield function.address, "latency or errors take no rollout back"
        if odd := sorted(str(metric) for space, metric in watched - counted(plan) if space != "AWS/SageMaker"):
            yield (
                function.address,
                f"{', '.join(odd)} takes a rollout back: it is in ALARM until it is cured",
            )
        role = plan.referred(function["role"])
        for name in named:
            if name in alarms and not granted(plan, role, "cloudwatch:DescribeAlarms", plan.arn(alarms[name])):
                yield function.address, f"its role may not see {name}"
    there = {role_of(plan, alarm) for alarm in alarms.values()}
    if plan.of("aws_sagemaker_endpoint") and not {"latency", "errors", "answers"} <= there:
        yield "(stack)", "there is no latency, no errors or no answers alarm"


def _names(text):
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
