"""Log groups."""

from __future__ import annotations

from rules.registry import rule

LEAST_DAYS, LEAST_DAYS_DEV = 365, 14


@rule("LOG", "cloudwatch-log-group-encrypted; CloudWatch.16")
def groups(plan):
    """A log group ends some day, not before a year where the stack keeps its data, and uses the stack's key."""
    least = LEAST_DAYS if plan.stack.keeps_data else LEAST_DAYS_DEV
    for group in plan.of("aws_cloudwatch_log_group"):
        days = group["retention_in_days"]
        if not isinstance(days, int) or days < least:
            yield group.address, f"it is kept for {days or 'ever'} days"
        if plan.referred(group["kms_key_id"]) is None:
            yield group.address, "it is not encrypted with a key of the stack"
    endpoints = [f"/aws/sagemaker/Endpoints/{endpoint.physical}" for endpoint in plan.of("aws_sagemaker_endpoint")]
    made = {group.physical for group in plan.of("aws_cloudwatch_log_group")}
    for name in endpoints:
        if name not in made:
            yield name, "SageMaker would make it, without an end and without a key"
