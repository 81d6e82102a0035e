"""Log groups, and what is counted in them."""

from __future__ import annotations

from rules.registry import rule

LEAST_DAYS, LEAST_DAYS_DEV = 365, 14
FILTER = "aws_cloudwatch_log_metric_filter"
ODD = '{ $.event = "request" && $.odd > 0 }'
"""The server's line about a request with an answer that cannot be."""


def counted(plan):
    """Return the metrics that are counted in what an endpoint of the stack prints, as pairs of namespace and name."""
    return {
        (into.get("namespace"), into.get("name"))
        for each in plan.of(FILTER)
        if _of_endpoint(plan, each)
        for into in each.blocks("metric_transformation")
    }


def _of_endpoint(plan, found):
    group = plan.referred(found["log_group_name"])
    endpoints = {f"/aws/sagemaker/Endpoints/{endpoint.physical}" for endpoint in plan.of("aws_sagemaker_endpoint")}
    return group is not None and group.physical in endpoints


@rule("LOG-COUNT", "AWS docs: metric filters, their default value")
def filters(plan):
    """Every endpoint counts its odd answers, one a request and nought without any, in the stack's own namespace."""
    found = [each for each in plan.of(FILTER) if _of_endpoint(plan, each)]
    for each in plan.of(FILTER):
        if each not in found:
            yield each.address, "it counts in a log that nobody writes to"
        if each["pattern"] != ODD:
            yield each.address, f"it counts {each['pattern']!r}, which is not what the server writes"
        for into in each.blocks("metric_transformation"):
            if into.get("namespace") != f"Loop/{plan.prefix}":
                yield each.address, f"{into.get('namespace')} is not the stack's own namespace"
            if (str(into.get("value")), str(into.get("default_value"))) != ("1", "0"):
                yield each.address, "a request without odd answers is no nought, or one with them no one"
            if into.get("dimensions"):
                yield each.address, "a metric with dimensions has no default value"
    if plan.of("aws_sagemaker_endpoint") and not found:
        yield "(stack)", "nobody counts the answers that cannot be"


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
