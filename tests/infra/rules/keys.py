"""The stack's key: who may use it, who may manage it, and that it stays."""

from __future__ import annotations

from rules.plan import ACCOUNT, PARTITION
from rules.registry import rule
from rules.statements import policies, statements

ROOT = f"arn:{PARTITION}:iam::{ACCOUNT}:root"
LEAST_DAYS = 30
USES = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*")
ADMINISTRATION = ("kms:PutKeyPolicy", "kms:DescribeKey", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion")
THROUGH = {
    "aws_ecr_repository": ("ecr", "kms:CreateGrant"),
    "aws_lambda_function": ("lambda", "kms:Encrypt"),
    "aws_s3_bucket": ("s3", "kms:GenerateDataKey"),
    "aws_sagemaker_endpoint": ("sagemaker", "kms:CreateGrant"),
    "aws_scheduler_schedule": ("scheduler", "kms:GenerateDataKey"),
    "aws_sns_topic": ("sns", "kms:GenerateDataKey"),
    "aws_sqs_queue": ("sqs", "kms:Decrypt"),
}
"""What a service does with the key in the name of whoever makes, fills or reads a resource of a type."""
SOURCES = ("aws:SourceAccount", "aws:SourceArn", "kms:CallerAccount", "kms:EncryptionContext:aws:logs:arn")


@rule("KMS-ROT", "KMS.4; CIS 3.6")
def rotated(plan):
    """Every key is rotated."""
    for key in plan.of("aws_kms_key"):
        if key["enable_key_rotation"] is not True:
            yield key.address, "it is not rotated"


@rule("KMS-WINDOW", "KMS.3")
def window(plan):
    """A deleted key can be saved for thirty days, and none is off."""
    for key in plan.of("aws_kms_key"):
        if key["deletion_window_in_days"] != LEAST_DAYS or key["is_enabled"] is False:
            yield key.address, "it is gone before thirty days have passed, or off already"


@rule("KMS-PUBLIC", "KMS.5; AWS docs: confused deputy")
def not_public(plan):
    """A key's policy names its users, and its own account uses it through services only; services act for us."""
    for policy, statement in statements(plan, "key"):
        if not statement.allows:
            continue
        if outsiders := [p for p in statement.principals("AWS") if not _ours(p)]:
            yield policy.where, f"{statement.sid} lets {', '.join(outsiders)} in"
        if statement.principals("Service") and not any(statement.condition(key) for key in SOURCES):
            yield policy.where, f"{statement.sid} lets a service use the key for anybody"
        if ROOT in statement.principals("AWS") and _uses(statement) and not statement.condition("kms:ViaService"):
            yield policy.where, f"{statement.sid} lets the whole account use the key directly"


def _ours(principal):
    return principal.startswith(f"arn:{PARTITION}:iam::{ACCOUNT}:") and "*" not in principal


def _uses(statement):
    return any(statement.grants(action, "*") for action in USES)


@rule("KMS-GRANT", "AWS docs: kms:GrantIsForAWSResource")
def grants(plan):
    """Grants on the key can be made by every role that works with it, and for AWS services only."""
    for policy, statement in statements(plan, "key"):
        through = statement.condition("kms:GrantIsForAWSResource", "Bool") or statement.condition("kms:ViaService")
        if statement.grants("kms:CreateGrant", "*") and not through:
            yield policy.where, f"{statement.sid} lets its principals hand the key on"
    named = {p for _, s in statements(plan, "key") for p in s.principals("AWS") if s.grants("kms:CreateGrant", "*")}
    for role in plan.of("aws_iam_role"):
        if _works(plan, role) and plan.arn(role) not in named:
            yield role.address, "SageMaker and Lambda cannot make the grants that they work with"


@rule("KMS-LOCKOUT", "AWS docs: a key policy must leave somebody in charge")
def manageable(plan):
    """The account can still manage every key."""
    for policy in policies(plan, "key"):
        mine = [s for s in policy.statements if s.principals("AWS") == [ROOT] and not s.raw.get("Condition")]
        if missing := [action for action in ADMINISTRATION if not any(s.grants(action, "*") for s in mine)]:
            yield policy.where, f"nobody can {', '.join(missing)}"
        through = [s for s in policy.statements if s.principals("AWS") == [ROOT] and s.condition("kms:ViaService")]
        if not any(statement.grants("kms:Decrypt", "*") for statement in through):
            yield policy.where, "people cannot read what it encrypts, not even through services"


@rule("KMS-USERS", "AWS docs: a principal needs the key to read what it encrypts")
def users(plan):
    """The key's policy names every role of the stack that services or jobs work under, and no other role."""
    named = {p for _, s in statements(plan, "key") for p in s.principals("AWS") if _uses(s) and p != ROOT}
    working = {plan.plain(plan.arn(role)): role for role in plan.of("aws_iam_role") if _works(plan, role)}
    for key in plan.of("aws_kms_key"):
        for arn in sorted(set(working) - named):
            yield key.address, f"{arn} may not use it, and works with what it encrypts"
        for arn in sorted(named - set(working)):
            yield key.address, f"{arn} may use it, and is no role that the stack works under"


def _works(plan, role):
    return any(
        statement.principals("Service")
        for policy in policies(plan, "trust")
        if policy.resource is role
        for statement in policy.statements
    )


@rule("KMS-SERVICES", "AWS docs: alarms and budgets reach an encrypted topic, EventBridge an encrypted queue")
def services(plan):
    """Alarms, budgets, EventBridge and CloudWatch Logs may use the key that encrypts where they write."""
    wanted = {"cloudwatch.amazonaws.com", "budgets.amazonaws.com", "events.amazonaws.com"}
    need = dict.fromkeys(wanted, ("kms:Decrypt", "kms:GenerateDataKey")) if plan.of("aws_sns_topic") else {}
    if plan.of("aws_cloudwatch_log_group"):
        need[f"logs.{plan.region}.amazonaws.com"] = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")
    for policy in policies(plan, "key"):
        for name, actions in sorted(need.items()):
            mine = [statement for statement in policy.statements if name in statement.principals("Service")]
            if missing := [action for action in actions if not any(s.grants(action, "*") for s in mine)]:
                yield policy.where, f"{name} lacks {', '.join(missing)}"


@rule("KMS-THROUGH", "AWS docs: ECR, Lambda, Scheduler... use the key as whoever makes or reads the resource")
def through(plan):
    """People can make and read what the key encrypts, each through the service that it belongs to."""
    for policy in policies(plan, "key"):
        mine = [s for s in policy.statements if s.principals("AWS") == [ROOT] and s.condition("kms:ViaService")]
        for kind, (service, action) in THROUGH.items():
            name = f"{service}.{plan.region}.amazonaws.com"
            able = any(s.grants(action, "*") and name in s.condition("kms:ViaService") for s in mine)
            if plan.of(kind) and not able:
                yield policy.where, f"nobody can {action} through {name}, which every {kind} needs"


@rule("KMS-ALIAS", "the console and people find a key by its alias")
def alias(plan):
    """Every key has an alias of the stack's name."""
    for key in plan.of("aws_kms_key"):
        mine = [each for each in plan.of("aws_kms_alias") if plan.referred(each["target_key_id"]) is key]
        if not any(each.physical == f"alias/{plan.prefix}" for each in mine):
            yield key.address, "it has no alias of the stack's name"
