"""Reduce a provider's schema to what a loop's infrastructure uses.

    terraform init && terraform providers schema -json > FULL.json
    python tools/reduce_schema.py FULL.json > generator/loopwright/terraform/schema.json

Names, types and nesting stay; texts for people go. The provider's version is read from the lock file that
``terraform init`` wrote beside FULL.json.
"""

from __future__ import annotations

import json
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

PROVIDER = "hashicorp/aws"
RESOURCES = (
    "appautoscaling_*",
    "budgets_budget",
    "cloudwatch_composite_alarm",
    "cloudwatch_dashboard",
    "cloudwatch_event_*",
    "cloudwatch_log_group",
    "cloudwatch_log_metric_filter",
    "cloudwatch_metric_alarm",
    "default_security_group",
    "ecr_lifecycle_policy",
    "ecr_repository",
    "ecr_repository_policy",
    "flow_log",
    "glue_catalog_database",
    "iam_openid_connect_provider",
    "iam_policy",
    "iam_role",
    "iam_role_policy",
    "iam_role_policy_attachment",
    "kms_*",
    "lambda_alias",
    "lambda_function",
    "lambda_function_event_invoke_config",
    "lambda_permission",
    "resourcegroups_group",
    "route_table",
    "route_table_association",
    "s3_*",
    "sagemaker_endpoint",
    "sagemaker_endpoint_configuration",
    "sagemaker_feature_group",
    "sagemaker_mlflow_tracking_server",
    "sagemaker_model",
    "sagemaker_model_package_group",
    "sagemaker_model_package_group_policy",
    "sagemaker_pipeline",
    "scheduler_*",
    "security_group",
    "sns_*",
    "sqs_*",
    "ssm_parameter",
    "subnet",
    "vpc",
    "vpc_endpoint",
    "vpc_security_group_*_rule",
)
DATA = ("availability_zones", "caller_identity", "iam_policy_document", "partition", "region")
SERVICES = "endpoints"
"""The provider's own block with one entry for each of AWS's services: half of its schema, and no stack sets it."""


def main() -> int:
    """Print the reduced schema."""
    path = Path(sys.argv[1])
    full = next(iter(json.loads(path.read_text(encoding="utf-8"))["provider_schemas"].values()))
    provider = _block(full["provider"]["block"])
    provider["block_types"].pop(SERVICES, None)
    reduced = {
        "source": PROVIDER,
        "version": _version(path.with_name(".terraform.lock.hcl").read_text(encoding="utf-8")),
        "provider": provider,
        "resources": _chosen(full["resource_schemas"], RESOURCES),
        "data": _chosen(full["data_source_schemas"], DATA),
    }
    print(json.dumps(reduced, sort_keys=True, separators=(",", ":")))  # noqa: T201 - the product
    return 0


def _version(lock: str) -> str:
    found = re.search(rf'provider "[^"]*/{PROVIDER}" {{\s*version\s*=\s*"([^"]+)"', lock)
    if not found:
        raise SystemExit(f"the lock file does not name {PROVIDER}")
    return found[1]


def _chosen(schemas: dict[str, Any], patterns: tuple[str, ...]) -> dict[str, Any]:
    missing = [pattern for pattern in patterns if not any(fnmatchcase(name, f"aws_{pattern}") for name in schemas)]
    if missing:
        raise SystemExit(f"the schema has no {', '.join(missing)}")
    chosen = (name for name in schemas if any(fnmatchcase(name, f"aws_{pattern}") for pattern in patterns))
    return {name: _block(schemas[name]["block"]) for name in chosen}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """Reduce a block: the keys of ``attributes`` and ``block_types`` are the provider's names, so they all stay."""
    return {
        "attributes": {name: _attribute(entry) for name, entry in block.get("attributes", {}).items()},
        "block_types": {name: _nested(entry) for name, entry in block.get("block_types", {}).items()},
    }


def _attribute(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in ("type", "sensitive") if entry.get(key)}
    if "nested_type" in entry:
        nested = entry["nested_type"]
        kept["nested_type"] = {"nesting_mode": nested["nesting_mode"], **_block(nested)}
    if not entry.get("required") and not entry.get("optional"):
        kept["computed"] = True
    return kept


def _nested(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in ("nesting_mode", "max_items") if entry.get(key)}
    return {**kept, "block": _block(entry["block"])}


if __name__ == "__main__":
    sys.exit(main())
