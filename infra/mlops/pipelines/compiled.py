"""The compiled definitions with a stack's own values in them.

`definitions/` holds what `make compile` wrote, and in `SOURCE.json` what it wrote it from: neither Pulumi nor a test
needs the SageMaker SDK. A placeholder is a text `${name}`, alone or before a path. One that stands for a list takes
the place of its item; an object of nothing but a placeholder is replaced as a whole; where a value is None, the
placeholder goes, and with it whatever held nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.environment import Environment

__all__ = ["Jobs", "fill", "monitor_definition", "training_definition"]

PLACEHOLDER = re.compile(r"\$\{(\w+)\}(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What the jobs of a pipeline have in common."""

    compiled: Mapping[str, Any]
    """What `make compile` wrote, by pipeline."""
    environment: Environment
    role_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    data_uri: pulumi.Input[str]
    """`s3://` prefix of the versioned data."""
    artifacts_bucket: pulumi.Input[str]
    """Bucket of everything that runs make."""
    labelled_uri: pulumi.Input[str]
    """`s3://` prefix of answers whose labels have landed."""
    tracked: bool = False
    """Whether there is a tracking server; a job that writes to it cannot be cut off from the network."""

    @property
    def artifacts_uri(self) -> pulumi.Output[str]:
        """`s3://` address of everything that runs make."""
        return pulumi.Output.concat("s3://", self.artifacts_bucket)

    def values(self) -> dict[str, Any]:
        """Return what the placeholders of every pipeline stand for."""
        place = self.environment.placement
        return {
            "image": self.environment.image,
            "environment": dict(self.environment.variables),
            "role_arn": self.role_arn,
            "key_arn": self.key_arn,
            "data_uri": self.data_uri,
            "artifacts_uri": self.artifacts_uri,
            "logged_uri": self.labelled_uri,
            "isolated": not self.tracked,
            "subnet_ids": None if place is None else list(place.subnet_ids),
            "security_group_ids": None if place is None else list(place.security_group_ids),
        }


def training_definition(
    jobs: Jobs,
    *,
    group_name: pulumi.Input[str],
    approval: str,
    no_champion_uri: pulumi.Input[str],
) -> dict[str, Any]:
    """Return the definition of the training pipeline.

    Args:
        jobs: What its jobs have in common.
        group_name: Model package group that a model is registered in once every gate has passed.
        approval: `auto` registers as Approved, `manual` as PendingManualApproval.
        no_champion_uri: What the probe and the gates are given while there is no champion.
    """
    status = "Approved" if approval == "auto" else "PendingManualApproval"
    values = {"group_name": group_name, "approval_status": status, "no_champion_uri": no_champion_uri}
    return fill(jobs.compiled["training"], jobs.values() | values)


def monitor_definition(
    jobs: Jobs, *, places: Mapping[str, pulumi.Input[str]], namespace: str, endpoint: str
) -> dict[str, Any]:
    """Return the definition of the monitor pipeline.

    Args:
        jobs: What it has in common with the jobs of the training pipeline.
        places: `s3://` prefixes: `capture_uri` of captured requests, `labels_uri` of labels, and `state_uri` of what
            the monitor keeps from run to run.
        namespace: CloudWatch namespace that it publishes in.
        endpoint: The one dimension of what it publishes.
    """
    values = {**places, "namespace": namespace, "endpoint": endpoint}
    return fill(jobs.compiled["monitor"], jobs.values() | values)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Put values in for the placeholders.

    Raises:
        KeyError: Nothing is given for a placeholder.
    """
    if isinstance(value, str):
        return _text(value, values)
    if isinstance(value, dict):
        whole = PLACEHOLDER.fullmatch(next(iter(value))) if len(value) == 1 else None
        if whole:
            return values[whole[1]]
        filled = {key: fill(inner, values) for key, inner in value.items()}
        return {key: inner for key, inner in filled.items() if inner is not None} or (None if value else {})
    if isinstance(value, list):
        items = [item for inner in value for item in _items(fill(inner, values), spliced=isinstance(inner, str))]
        return items or (None if value else [])
    return value


def _text(text: str, values: Mapping[str, Any]) -> Any:
    found = PLACEHOLDER.fullmatch(text)
    if not found:
        return text
    value = values[found[1]]
    return pulumi.Output.concat(value, found[2]) if found[2] else value


def _items(filled: Any, *, spliced: bool) -> list[Any]:
    if filled is None:
        return []
    return filled if spliced and isinstance(filled, list) else [filled]
