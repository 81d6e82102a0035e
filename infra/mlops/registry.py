"""`loopwright:registry:ModelRegistry`: the versions of the one model.

Children: a SageMaker model package group. Costs: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import sagemaker

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["ModelRegistry", "ModelRegistryArgs"]


@dataclass(frozen=True, kw_only=True)
class ModelRegistryArgs:
    """Inputs of `ModelRegistry`."""

    names: Names
    """The stack's names."""


class ModelRegistry(pulumi.ComponentResource):
    """The model package group."""

    group_name: pulumi.Output[str]
    """Name of the group that model packages are registered in."""

    def __init__(self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:registry:ModelRegistry", name, {}, opts)
        group = sagemaker.ModelPackageGroup(
            f"{name}-group",
            model_package_group_name=args.names.of("models"),
            model_package_group_description=f"Versions of the model of {args.names.prefix}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.group_name = group.model_package_group_name
        self.register_outputs({"group_name": self.group_name})
