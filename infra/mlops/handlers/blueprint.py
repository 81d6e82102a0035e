"""What the deployer asks SageMaker to make: names and requests, as pure functions.

A name carries the version and a digest of the content. So a second attempt finds what the first one made, and two
contents never share a name.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .rollout import Package

NAME_LIMIT, SUFFIX_LIMIT = 63, len("-v123456789-01234567")
KEEP = 3
"""So many configurations and models stay, whatever refers to them: what was live yesterday must be there to go back."""

# What DescribeEndpointConfig says beyond the name and the dates; all of it goes into the copy.
COPIED = (
    "ProductionVariants",
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
    "CrossRegionTrafficConfig",
)
# Limits of a blue/green deployment: steps and waits must fit into its longest time, beside the making of the fleet.
LONGEST_SECONDS, FLEET_SECONDS, SMALLEST_STEP = 28_800, 3_600, 10


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How traffic moves: `rollout` of `loop.yaml`."""

    strategy: str
    percent: int
    bake_minutes: int


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What is the same for every version."""

    prefix: str
    image: str
    role: str
    environment: Mapping[str, str]
    network: Mapping[str, Sequence[str]] | None
    rollout: Rollout
    alarms: tuple[str, ...]
    tags: Mapping[str, str]

    def model(self, package: Package) -> dict[str, Any]:
        """Return the request for the model of a version: its artefact in the one image."""
        environment = {**self.environment, "MODEL_VERSION": str(package.version)}
        if "model_sha256" in package.marks:
            # The server refuses any other model: this holds too where the object changes after it was verified.
            environment["MODEL_SHA256"] = package.marks["model_sha256"]
        content: dict[str, Any] = {
            "PrimaryContainer": {
                "Image": self.image,
                "ModelDataUrl": package.artefact,
                "Environment": environment,
            },
            "ExecutionRoleArn": self.role,
            "EnableNetworkIsolation": True,
        }
        if self.network:
            content["VpcConfig"] = {key: list(value) for key, value in self.network.items()}
        return {"ModelName": self._name(package.version, content), **content, "Tags": self._tags()}

    def config(self, template: Mapping[str, Any], version: int, model: str) -> dict[str, Any]:
        """Return the request for a configuration: the template, with another model."""
        content = {key: template[key] for key in COPIED if key in template}
        content["ProductionVariants"] = [{**each, "ModelName": model} for each in template["ProductionVariants"]]
        return {"EndpointConfigName": self._name(version, content), **content, "Tags": self._tags()}

    def update(self, endpoint: str, config: Mapping[str, Any], *, first: bool = False) -> dict[str, Any]:
        """Return the request that moves the endpoint to a configuration.

        The ``first`` model replaces an endpoint that answers with errors only: there is nothing to go back to, and
        the alarms that those errors raise would end the deployment.
        """
        request = {"EndpointName": endpoint, "EndpointConfigName": config["EndpointConfigName"]}
        if any("ServerlessConfig" in each for each in config["ProductionVariants"]):
            # Deployment guardrails know real-time and asynchronous endpoints only; this moves all at once.
            return request
        deployment: dict[str, Any] = {"BlueGreenUpdatePolicy": self._blue_green()}
        if self.alarms and not first:
            deployment["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in self.alarms]}
        # Retained is the number of instances that autoscaling has found; the template has the one to begin with.
        fresh = [{"VariantPropertyType": "DataCaptureConfig"}]
        retained = {"RetainAllVariantProperties": True, "ExcludeRetainedVariantProperties": fresh}
        return {**request, **retained, "DeploymentConfig": deployment}

    def _blue_green(self) -> dict[str, Any]:
        rollout, percent = self.rollout, max(self.rollout.percent, SMALLEST_STEP)
        steps = {"canary": 1, "linear": -(-100 // percent) - 1, "all_at_once": 0}[rollout.strategy]
        # After the last step the old fleet waits as long again, ready to take the traffic back.
        wait = min(rollout.bake_minutes * 60, (LONGEST_SECONDS - FLEET_SECONDS) // (steps + 1))
        routing: dict[str, Any] = {"Type": rollout.strategy.upper(), "WaitIntervalInSeconds": wait if steps else 0}
        if rollout.strategy == "canary":
            routing["CanarySize"] = {"Type": "CAPACITY_PERCENT", "Value": rollout.percent}
        if rollout.strategy == "linear":
            routing["LinearStepSize"] = {"Type": "CAPACITY_PERCENT", "Value": percent}
        return {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": wait,
            "MaximumExecutionTimeoutInSeconds": wait * (steps + 1) + FLEET_SECONDS,
        }

    def _name(self, version: int, content: Any) -> str:
        text = json.dumps(content, sort_keys=True, default=str)
        return f"{self.prefix}-v{version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]


def version_of(prefix: str, name: str) -> int | None:
    """Return the version that a model or configuration was made for; None: the deployer did not make it."""
    found = re.fullmatch(rf"{re.escape(prefix)}-v([1-9][0-9]{{0,8}})-[0-9a-f]{{8}}", name)
    return int(found[1]) if found else None


def oddity(template: Mapping[str, Any]) -> str:
    """Return why a configuration cannot be copied, or nothing: a person's experiment is not for us to end."""
    variants = template.get("ProductionVariants", [])
    if not variants:
        return "there is no configuration to copy"
    if len(variants) != 1 or template.get("ShadowProductionVariants"):
        return "the endpoint has several variants, and the deployer keeps one"
    return "" if variants[0].get("ModelName") else "the endpoint's variant names no model"


def within(asked: Any, there: Any) -> bool:
    """Tell whether all that was asked for is there; a service adds fields of its own."""
    if isinstance(asked, dict):
        return isinstance(there, dict) and all(within(value, there.get(key)) for key, value in asked.items())
    if isinstance(asked, list):
        return isinstance(there, list) and len(asked) == len(there) and all(map(within, asked, there))
    return bool(asked == there)


def garbage(names: Sequence[str], needed: Collection[str]) -> tuple[str, ...]:
    """Return which of ``names``, the newest first, may go: none that is needed, and none of the newest few."""
    return tuple(name for name in names[KEEP:] if name not in needed)
