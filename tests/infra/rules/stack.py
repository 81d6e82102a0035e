"""What is true of the stack as a whole: tags, names, budget, dashboard."""

from __future__ import annotations

import json
import re

from rules.alarms import KIND
from rules.plan import PHYSICAL
from rules.registry import rule

TAGS = {"Loop", "Owner", "Project", "Stack"}
LONGEST = {
    "aws_budgets_budget": 100,
    "aws_cloudwatch_dashboard": 255,
    "aws_cloudwatch_event_rule": 64,
    "aws_cloudwatch_log_group": 512,
    "aws_cloudwatch_metric_alarm": 255,
    "aws_ecr_repository": 256,
    "aws_iam_role": 64,
    "aws_kms_alias": 256,
    "aws_lambda_function": 64,
    "aws_s3_bucket": 63,
    "aws_sagemaker_endpoint": 63,
    "aws_sagemaker_endpoint_configuration": 63,
    "aws_sagemaker_feature_group": 64,
    "aws_sagemaker_mlflow_tracking_server": 256,
    "aws_sagemaker_model": 63,
    "aws_sagemaker_model_package_group": 63,
    "aws_sagemaker_pipeline": 256,
    "aws_scheduler_schedule": 64,
    "aws_security_group": 255,
    "aws_sns_topic": 256,
    "aws_sqs_queue": 80,
    "aws_ssm_parameter": 1011,
}


@rule("TAG", "ML lens; cost allocation")
def tags(plan):
    """The provider tags everything with loop, owner, project and stack, and no resource tags it otherwise."""
    if lacking := sorted(tag for tag in TAGS if not plan.tags.get(tag)):
        yield "provider.aws", f"nothing carries {', '.join(lacking)}"
    if plan.tags.get("Loop") != f"{plan.tags.get('Project')}-{plan.tags.get('Stack')}":
        yield "provider.aws", "Loop is not PROJECT-STACK, and the budget counts by it"
    for resource in plan.resources:
        if set(resource["tags"] or {}) & TAGS:
            yield resource.address, "it carries another stack's tags"


@rule("NAME", "two projects and two stacks in one account")
def names(plan):
    """Every physical name is the stack's own, explicit, and short enough for its service."""
    project, _, stack = plan.prefix.rpartition("-")
    ours = re.compile(
        rf"(alias/|/aws/lambda/|/aws/sagemaker/Endpoints/)?{re.escape(plan.prefix)}(-.+|$)"
        rf"|/{re.escape(project)}/{re.escape(stack)}/.+"
    )
    for resource in plan.resources:
        if resource.type not in LONGEST:
            continue
        name = plan.plain(resource.physical)
        if not name or not ours.fullmatch(name):
            yield resource.address, f"{name or '(made up by AWS)'} is not named after the stack"
        if len(name) > LONGEST[resource.type]:
            yield resource.address, f"{name} is longer than {LONGEST[resource.type]}"
    taken = [(r.type, plan.plain(r.physical)) for r in plan.resources if r.type in PHYSICAL or r.type in LONGEST]
    for kind, name in sorted({pair for pair in taken if taken.count(pair) > 1}):
        yield kind, f"two are named {name}"


@rule("BUDGET", "T15; AWS Budgets")
def budget(plan):
    """A budget counts what this stack's tags carry, and tells the topic before and when it is spent."""
    for each in plan.of("aws_budgets_budget"):
        values = [value for block in each.blocks("cost_filter") for value in block.get("values", [])]
        if values != [f"user:Loop${plan.prefix}"] or each["cost_filter.name"] != "TagKeyValue":
            yield each.address, "it counts what is not this stack's"
        notices = each.blocks("notification")
        told = [n for n in notices if any(plan.referred(arn) for arn in n.get("subscriber_sns_topic_arns", []))]
        kinds = {n.get("notification_type") for n in told}
        if len(told) != len(notices) or not {"ACTUAL", "FORECASTED"} <= kinds:
            yield each.address, "nobody is told of what is spent, or of what will be"
        if any(not 0 < (n.get("threshold") or 0) <= 100 for n in notices):
            yield each.address, "somebody is told only when more than all is spent"
        if not any(n.get("notification_type") == "ACTUAL" and (n.get("threshold") or 0) < 100 for n in notices):
            yield each.address, "nobody is told before all is spent"
        if each["time_unit"] != "MONTHLY" or not float(each["limit_amount"] or 0) > 0 or each["limit_unit"] != "USD":
            yield each.address, "it is no monthly budget in dollars"
    if plan.of("aws_lambda_function") and not plan.of("aws_budgets_budget"):
        yield "(stack)", "there is no budget"


@rule("BOARD", "what people look at must be there")
def dashboard(plan):
    """The dashboard is JSON and shows the state of every alarm of the stack."""
    for board in plan.of("aws_cloudwatch_dashboard"):
        try:
            widgets = json.loads(plan.plain(board["dashboard_body"]))["widgets"]
        except (ValueError, KeyError, TypeError):
            yield board.address, "its body is no dashboard"
            continue
        shown = {arn for widget in widgets for arn in widget.get("properties", {}).get("alarms", [])}
        made = {plan.arn(alarm) for alarm in plan.of(KIND)}
        for arn in sorted(map(str, made ^ shown)):
            yield board.address, f"{arn} is not shown, or is no alarm of the stack"


@rule("SWITCH", "a person must be able to stop the loop")
def switch(plan):
    """The switch that pauses retraining takes true or false only, and an update of the stack leaves it as it is."""
    for each in plan.of("aws_ssm_parameter"):
        left = set(each.body.get("lifecycle", {}).get("ignore_changes", []))
        if each["allowed_pattern"] != "^(true|false)$" or not left & {"value", "insecure_value"}:
            yield each.address, "it takes anything, or an update would set it back"
