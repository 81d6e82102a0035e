"""`loopwright:features:FeatureStore`: the features of `ml/schema.py` as a SageMaker feature group.

Children: one feature group, online and offline. Costs: reads, writes and storage, by use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import sagemaker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.naming import Names

__all__ = ["FeatureStore", "FeatureStoreArgs", "feature_type"]


@dataclass(frozen=True, kw_only=True)
class FeatureStoreArgs:
    """Inputs of `FeatureStore`."""

    names: Names
    """The stack's names."""
    columns: Mapping[str, str]
    """Feature type (`Integral`, `Fractional`, `String`) by column."""
    identifier: str
    """Column that names the record: the contract's entity."""
    event_time: str
    """Column with the time of the record."""
    role_arn: pulumi.Input[str]
    """Role that writes the offline store."""
    key_arn: pulumi.Input[str]
    """Key of both stores."""
    offline_uri: pulumi.Input[str]
    """`s3://` prefix of the offline store."""


class FeatureStore(pulumi.ComponentResource):
    """The feature group."""

    group_name: pulumi.Output[str]
    """Name of the feature group."""

    def __init__(self, name: str, args: FeatureStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:features:FeatureStore", name, {}, opts)
        group = sagemaker.FeatureGroup(
            f"{name}-group",
            feature_group_name=args.names.of("features"),
            description=f"Features of {args.names.prefix}",
            record_identifier_feature_name=args.identifier,
            event_time_feature_name=args.event_time,
            feature_definitions=[
                {"feature_name": column, "feature_type": kind} for column, kind in args.columns.items()
            ],
            online_store_config={
                "enable_online_store": True,
                "security_config": {"kms_key_id": args.key_arn},
            },
            offline_store_config={
                "s3_storage_config": {"s3_uri": args.offline_uri, "kms_key_id": args.key_arn},
                "disable_glue_table_creation": False,
                "table_format": "Glue",
            },
            role_arn=args.role_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.group_name = group.feature_group_name
        self.register_outputs({"group_name": self.group_name})


def feature_type(dtype: str) -> str:
    """Return the feature type of a column's type as polars names it; times and all else are text."""
    if dtype.startswith(("Int", "UInt", "Boolean")):
        return "Integral"
    return "Fractional" if dtype.startswith("Float") else "String"
