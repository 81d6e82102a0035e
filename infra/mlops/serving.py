"""`loopwright:serving:Endpoint`: one endpoint that exists before any model does.

Children: a model that holds the image and no artefact yet ("no model yet", 503), the base configuration (with data
capture), the endpoint, its log group with a filter that counts odd answers, and autoscaling where it can scale. Costs:
realtime instances by the hour, day and night; a serverless endpoint by the request.

The endpoint's configuration belongs to the deployer from the first rollout on, so Pulumi ignores that one field: the
AWS provider calls an update done that SageMaker has rolled back (terraform-provider-aws #48997).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import appautoscaling, cloudwatch, sagemaker

from mlops.alarms import ODD_ANSWERS

if TYPE_CHECKING:
    from mlops.environment import Environment
    from mlops.naming import Names
    from mlops.settings import StackSettings

__all__ = ["Endpoint", "EndpointArgs"]

SHAPING = ("image_digest", "network", "subnet_ids", "security_group_ids", "tracking", "serving")
CAPACITY = {
    "realtime": ("capture_percent", "serving_instance", "serving_count"),
    "serverless": ("serverless_memory_mb", "serverless_concurrency"),
}
"""The settings that the base configuration is made of. It cannot be changed in place, so its name follows them."""
INVOCATIONS_PER_INSTANCE = 600
"""A minute, of each instance; autoscaling aims at it."""


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """Inputs of `Endpoint`."""

    names: Names
    """The stack's names."""
    environment: Environment
    """The one image, its variables and its place."""
    settings: StackSettings
    """Says what it runs on, how much is captured, and how long its output is kept."""
    role_arn: pulumi.Input[str]
    """Role that fetches the model and writes what is captured."""
    key_arn: pulumi.Input[str]
    """Key of the instances' volumes and of what is captured."""
    capture_uri: pulumi.Input[str]
    """`s3://` prefix for captured requests and answers."""


class Endpoint(pulumi.ComponentResource):
    """The endpoint, its first configuration and its autoscaling."""

    endpoint_name: pulumi.Output[str]
    """Name of the endpoint."""
    base_config_name: pulumi.Output[str]
    """The configuration that the deployer copies for every model it rolls out."""

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:serving:Endpoint", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        logs = cloudwatch.LogGroup(
            f"{name}-logs",
            name=args.names.endpoint_log_group,
            retention_in_days=args.settings.log_days,
            kms_key_id=args.key_arn,
            opts=self._child,
        )
        base = args.names.of(f"base-{self._fingerprint()}")
        self._count_odd_answers(logs)
        config = self._config(base, self._model(base))
        endpoint = sagemaker.Endpoint(
            f"{name}-endpoint",
            name=args.names.prefix,
            endpoint_config_name=config.name,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[logs], ignore_changes=["endpointConfigName", "deploymentConfig"]
            ),
        )
        if args.settings.scales:
            self._autoscaling(endpoint)
        self.endpoint_name = endpoint.name
        self.base_config_name = config.name
        self.register_outputs({"endpoint_name": self.endpoint_name, "base_config_name": self.base_config_name})

    def _count_odd_answers(self, logs: cloudwatch.LogGroup) -> None:
        """Make a metric of what the server logs (`ml/serve.py`): requests with an answer that cannot be."""
        names = self._args.names
        cloudwatch.LogMetricFilter(
            f"{self._name}-odd-answers",
            name=names.of("odd-answers"),
            log_group_name=logs.name,
            pattern='{ $.event = "request" && $.odd > 0 }',
            metric_transformation={
                "name": ODD_ANSWERS,
                "namespace": names.namespace,
                "value": "1",
                "default_value": "0",
                "unit": "Count",
            },
            opts=self._child,
        )

    def _fingerprint(self) -> str:
        """Return eight digits that differ wherever two base configurations differ."""
        facts = self._args.settings.model_dump(mode="json", include={*SHAPING, *CAPACITY[self._args.settings.serving]})
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]

    def _model(self, base: str) -> sagemaker.Model:
        environment, place = self._args.environment, self._args.environment.placement
        network = {}
        if place:
            network = {"vpc_config": {"subnets": place.subnet_ids, "security_group_ids": place.security_group_ids}}
        return sagemaker.Model(
            f"{self._name}-model",
            name=base,
            execution_role_arn=self._args.role_arn,
            enable_network_isolation=self._args.settings.serving == "realtime",  # serverless knows none
            primary_container={"image": environment.image, "environment": dict(environment.variables)},
            **network,
            opts=self._child,
        )

    def _config(self, base: str, model: sagemaker.Model) -> sagemaker.EndpointConfiguration:
        args = self._args
        if args.settings.serving == "serverless":  # which knows neither a volume's key nor data capture
            return sagemaker.EndpointConfiguration(
                f"{self._name}-config", name=base, production_variants=[self._serverless(model)], opts=self._child
            )
        return sagemaker.EndpointConfiguration(
            f"{self._name}-config",
            name=base,
            kms_key_arn=args.key_arn,
            production_variants=[self._realtime(model)],
            data_capture_config={
                "enable_capture": True,
                "initial_sampling_percentage": args.settings.capture_percent,
                "destination_s3_uri": args.capture_uri,
                "kms_key_id": args.key_arn,
                "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
                "capture_content_type_header": {
                    "csv_content_types": ["text/csv"],
                    "json_content_types": ["application/json"],
                },
            },
            opts=self._child,
        )

    def _serverless(self, model: sagemaker.Model) -> dict[str, Any]:
        settings = self._args.settings
        limits = {
            "memory_size_in_mb": settings.serverless_memory_mb,
            "max_concurrency": settings.serverless_concurrency,
        }
        name = self._args.names.variant
        return {"variant_name": name, "model_name": model.name, "serverless_config": limits}

    def _realtime(self, model: sagemaker.Model) -> dict[str, Any]:
        settings = self._args.settings
        return {
            "variant_name": self._args.names.variant,
            "model_name": model.name,
            "instance_type": settings.serving_instance,
            "initial_instance_count": settings.serving_count,
            "initial_variant_weight": 1,
        }

    def _autoscaling(self, endpoint: sagemaker.Endpoint) -> None:
        target = appautoscaling.Target(
            f"{self._name}-scaling",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=pulumi.Output.concat("endpoint/", endpoint.name, f"/variant/{self._args.names.variant}"),
            min_capacity=self._args.settings.serving_count,
            max_capacity=self._args.settings.serving_maximum,
            opts=self._child,
        )
        appautoscaling.Policy(
            f"{self._name}-scaling-policy",
            name=self._args.names.of("invocations"),
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": INVOCATIONS_PER_INSTANCE,
                "predefined_metric_specification": {
                    "predefined_metric_type": "SageMakerVariantInvocationsPerInstance",
                },
                "scale_in_cooldown": 300,
                "scale_out_cooldown": 60,
            },
            opts=self._child,
        )
