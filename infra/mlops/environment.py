"""The one environment: an image by digest, its variables and its place. Every definition is given this one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

__all__ = ["Environment", "Placement"]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Private subnets in two zones and the security groups of whatever runs in them."""

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_ids: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What preparation, training, evaluation, monitoring and serving all run in."""

    image: pulumi.Input[str]
    """`REPOSITORY@sha256:...`: never a tag."""
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Environment variables, the same everywhere."""
    placement: Placement | None = None
    """None: AWS's own network, without a way in."""

    def vpc_config(self) -> dict[str, Any]:
        """Return SageMaker's `VpcConfig` member as a dictionary to merge, empty without a network of ours."""
        if self.placement is None:
            return {}
        subnets, groups = list(self.placement.subnet_ids), list(self.placement.security_group_ids)
        return {"VpcConfig": {"Subnets": subnets, "SecurityGroupIds": groups}}
