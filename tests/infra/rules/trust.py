"""Who may assume a role."""

from __future__ import annotations

import re

from rules.plan import ACCOUNT, PARTITION
from rules.registry import rule
from rules.statements import policies, statements

GITHUB = "token.actions.githubusercontent.com"
SUBJECT = re.compile(r"repo:[\w.-]+@[1-9]\d*/[\w.-]+@[1-9]\d*:environment:[\w-]+")
USED_AS = {
    ("aws_lambda_function", "role"): "lambda.amazonaws.com",
    ("aws_sagemaker_feature_group", "role_arn"): "sagemaker.amazonaws.com",
    ("aws_sagemaker_mlflow_tracking_server", "role_arn"): "sagemaker.amazonaws.com",
    ("aws_sagemaker_model", "execution_role_arn"): "sagemaker.amazonaws.com",
    ("aws_sagemaker_pipeline", "role_arn"): "sagemaker.amazonaws.com",
    ("aws_scheduler_schedule", "target.role_arn"): "scheduler.amazonaws.com",
}
"""Which service assumes the role that stands in an attribute."""


@rule("IAM-DEPUTY", "AWS docs: confused deputy; prowler; AISF-IAM-05")
def deputy(plan):
    """A service assumes a role for this account only."""
    for policy, statement in statements(plan, "trust"):
        if not statement.principals("Service") or not statement.allows:
            continue
        accounts = statement.condition("aws:SourceAccount", "StringEquals")
        if accounts != [ACCOUNT]:
            yield policy.where, f"{', '.join(statement.principals('Service'))} may assume it for another account"


@rule("IAM-TRUST-ANY", "AWS docs: trust policies")
def anybody(plan):
    """A role trusts one named service or GitHub's provider: no account, no user, nobody else."""
    for role in plan.of("aws_iam_role"):
        if not role["assume_role_policy"]:
            yield role.address, "nothing says who may assume it"
    for policy in policies(plan, "trust"):
        if len(policy.statements) != 1:
            yield policy.where, f"{len(policy.statements)} statements say who may assume it"
        for statement in policy.statements:
            principal = statement.raw.get("Principal")
            kinds = set(principal) if isinstance(principal, dict) else {"*"}
            given = [each for kind in kinds for each in statement.principals(kind)]
            if kinds - {"Service", "Federated"} or len(given) != 1 or "*" in "".join(given):
                yield policy.where, f"it trusts {', '.join(given) or 'nobody'}"
            if not {"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"} >= set(statement.actions):
                yield policy.where, f"it may be used with {', '.join(statement.actions)}"


@rule("OIDC-SUB", "GitHub's changelog of 2026-04-23; CIS; T8")
def github(plan):
    """GitHub's tokens are for AWS, of one repository by its ids, and of one environment of this stack."""
    project = plan.tags.get("Stack", "")
    for policy, statement in statements(plan, "trust"):
        if "sts:AssumeRoleWithWebIdentity" not in statement.actions:
            continue
        providers = statement.principals("Federated")
        if providers != [f"arn:{PARTITION}:iam::{ACCOUNT}:oidc-provider/{GITHUB}"]:
            yield policy.where, "another provider than GitHub's is trusted"
        if statement.condition(f"{GITHUB}:aud", "StringEquals") != ["sts.amazonaws.com"]:
            yield policy.where, "tokens that are not for AWS are taken"
        subjects = statement.condition(f"{GITHUB}:sub", "StringEquals")
        if len(subjects) != 1 or not SUBJECT.fullmatch(subjects[0]):
            yield policy.where, f"the subject is not one repository's environment by its ids: {subjects}"
        elif subjects[0].rpartition(":")[2] not in {project, f"{project}-preview", f"{project}-retrain"}:
            yield policy.where, f"{subjects[0]} is not an environment of this stack"
        if set(statement.raw.get("Condition", {})) != {"StringEquals"}:
            yield policy.where, "another operator than StringEquals is used"


@rule("OIDC-PROVIDER", "AWS docs: OIDC providers")
def provider(plan):
    """The provider for GitHub's tokens is GitHub's, and takes tokens for AWS only."""
    for resource in plan.of("aws_iam_openid_connect_provider"):
        if resource["url"] != f"https://{GITHUB}" or resource.body.get("client_id_list") != ["sts.amazonaws.com"]:
            yield resource.address, "it is not GitHub's, or takes tokens for others"


@rule("IAM-TRUSTED", "a role that its service may not assume")
def trusted(plan):
    """Whatever works under a role is trusted by that role."""
    for resource in plan.resources:
        for (kind, attribute), service in USED_AS.items():
            if resource.type == kind and not _trusts(plan, resource[attribute], service):
                yield resource.address, f"its role does not trust {service}"
    for pipeline, step in plan.steps():
        arn = step.get("Arguments", {}).get("RoleArn")
        if arn is not None and not _trusts_arn(plan, arn, "sagemaker.amazonaws.com"):
            yield pipeline.address, f"the role of {step['Name']} does not trust sagemaker.amazonaws.com"


def _trusts(plan, value, service):
    role = plan.referred(value)
    return role is not None and _trusts_arn(plan, plan.arn(role), service)


def _trusts_arn(plan, arn, service):
    return any(
        service in statement.principals("Service")
        for policy, statement in statements(plan, "trust")
        if plan.arn(policy.resource) == arn
    )


@rule("IAM-APART", "one role a duty; T9")
def apart(plan):
    """No two duties share a role: what is wrong with one cannot use what the other may do."""
    users = {}
    for resource in plan.resources:
        for kind, attribute in USED_AS:
            if resource.type == kind:
                users.setdefault(plan.plain(resource[attribute]), set()).add(_duty(resource))
    for pipeline, step in plan.steps():
        if arn := step.get("Arguments", {}).get("RoleArn"):
            users.setdefault(plan.plain(arn), set()).add(f"jobs of {pipeline.physical}")
    for arn, duties in sorted(users.items()):
        if len(duties) > 1:
            yield arn, f"{', '.join(sorted(duties))} share it"


def _duty(resource):
    return resource.type if resource.type in {"aws_sagemaker_pipeline", "aws_scheduler_schedule"} else resource.address
