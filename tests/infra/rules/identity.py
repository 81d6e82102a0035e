"""What roles may do."""

from __future__ import annotations

import re

from rules.plan import ACCOUNT, PARTITION, capturing
from rules.registry import rule
from rules.statements import policies, statements

NARROWED = {
    "cloudwatch:PutMetricData": ("cloudwatch:namespace",),
    "ecr:GetAuthorizationToken": ("aws:RequestedRegion",),
    "sagemaker:ListEndpointConfigs": ("aws:RequestedRegion",),
    "sagemaker:ListModels": ("aws:RequestedRegion",),
    "xray:PutTelemetryRecords": ("aws:RequestedRegion",),
    "xray:PutTraceSegments": ("aws:RequestedRegion",),
}
"""Actions that know no resource (Service Authorization Reference), and the condition that narrows each."""
SHARED = (
    rf"arn:{PARTITION}:cloudwatch:[^:]+:{ACCOUNT}:alarm:\*",  # DescribeAlarms of the pages that a listing has
    rf"arn:{PARTITION}:sagemaker:[^:]+:{ACCOUNT}:(processing|training)-job/\*",  # pipelines name their jobs themselves
    rf"arn:{PARTITION}:logs:[^:]+:{ACCOUNT}:log-group:/aws/sagemaker/(Processing|Training)Jobs:\*",  # an account's own
)
"""Resources that are not named after the stack, because AWS names them."""
ESCALATING = re.compile(
    r"iam:(?!PassRole$|Get|List)|sts:AssumeRole|lambda:(Update|Create|Add)|kms:(Put|Create(?!Grant)|Schedule|Disable)"
    r"|organizations:|account:|s3:(Put|Delete)Bucket|s3:PutObjectAcl|sns:AddPermission|sqs:AddPermission",
    re.IGNORECASE,
)
READING = re.compile(r"\w[\w-]*:(Describe|Get|List|View|BatchGet|BatchCheck)\w+")


@rule("IAM-STAR", "IAM.1, IAM.21; CIS 1.15")
def stars(plan):
    """No statement allows all actions of a service, or of all services."""
    for policy, statement in statements(plan):
        for action in statement.actions if statement.allows else ():
            if "*" in action or "?" in action:
                yield policy.where, f"{statement.sid} allows {action}"


@rule("IAM-NOT", "AWS docs: NotAction and NotResource with Allow")
def nots(plan):
    """No statement allows by exclusion."""
    for policy, statement in statements(plan):
        if statement.allows and (excluding := {"NotAction", "NotResource", "NotPrincipal"} & set(statement.raw)):
            yield policy.where, f"{statement.sid} allows all but {', '.join(sorted(excluding))}"


@rule("IAM-DENY", "AWS docs: an explicit deny wins")
def denies(plan):
    """Nothing is denied but plain HTTP: a deny takes away what another statement promises."""
    for policy, statement in statements(plan):
        if not statement.allows and not statement.condition("aws:SecureTransport", "Bool"):
            yield policy.where, f"{statement.sid} denies {', '.join(statement.actions)}"


@rule("IAM-RES-STAR", "AWS docs: least privilege")
def resources(plan):
    """`*` stands for resources only where the service knows none, and a condition narrows it there."""
    for policy, statement in statements(plan, "identity"):
        if not statement.allows or not any(_is_star(resource) for resource in statement.resources):
            continue
        for action in statement.actions:
            keys = NARROWED.get(action)
            if keys is None or not any(_narrow(statement.condition(key, "StringEquals")) for key in keys):
                yield policy.where, f"{statement.sid} allows {action} on *"


def _is_star(resource):
    return resource == "*" or re.fullmatch(r"(arn:[^:]*:)?[*:]+", resource) is not None


def _narrow(values):
    return bool(values) and not any("*" in value for value in values)


@rule("IAM-OWN", "AWS docs: least privilege; T9")
def own(plan):
    """A role reaches what its own stack is named after in this account and region, and no other stack's."""
    for policy, statement in statements(plan, "identity"):
        for resource in statement.resources if statement.allows else ():
            if not _is_star(resource) and not _named_after(plan, resource):
                yield policy.where, f"{statement.sid} reaches {resource}"


def _named_after(plan, resource):
    parts = resource.split(":", 5)
    if len(parts) != 6 or parts[:2] != ["arn", PARTITION] or "*" in "".join(parts[2:5]):
        return False
    if any(re.fullmatch(shared, resource) for shared in SHARED):
        return True
    service, region, account, name = parts[2:]
    regional = region in ({"", plan.region} if service in {"s3", "iam", "budgets"} else {plan.region})
    account_ok = account == ACCOUNT or (service == "s3" and name.split("/")[0].endswith(f"-{ACCOUNT}"))
    project, _, stack = plan.prefix.rpartition("-")
    marks = (plan.prefix, f"{project}/{stack}/")
    return regional and account_ok and any(re.search(rf"(^|[:/]){re.escape(mark)}", name) for mark in marks)


@rule("IAM-WRITE", "AWS docs: least privilege")
def writes(plan):
    """A role that writes objects writes below a prefix; none may write, or delete, all of the data."""
    captured = {plan.plain(bucket.physical) for bucket in capturing(plan)}
    for policy, statement in statements(plan, "identity"):
        for action in statement.actions if statement.allows else ():
            if action.lower().startswith("s3:delete"):
                yield policy.where, f"{statement.sid} allows {action}"
            elif action.lower().startswith("s3:put"):
                whole = [r for r in statement.resources if r.endswith(":*") or re.fullmatch(r".*:::[^/]+/?\*?", r)]
                if wide := [r for r in whole if r.split(":")[-1].split("/")[0] not in captured]:
                    yield policy.where, f"{statement.sid} may write all of {', '.join(wide)}"


@rule("IAM-LIST", "AWS docs: least privilege")
def lists(plan):
    """A role that may not read all of a bucket lists only the prefixes that it reads."""
    for policy, statement in statements(plan, "identity"):
        if "s3:ListBucket" not in statement.actions or statement.condition("s3:prefix"):
            continue
        for bucket in statement.resources if statement.allows else ():
            if not any(other.grants("s3:GetObject", f"{bucket}/\n") for other in policy.statements):
                yield policy.where, f"{statement.sid} lists all of {bucket}"


@rule("IAM-PASSROLE", "AWS docs: iam:PassedToService; T9")
def passes(plan):
    """A role is passed on by its exact ARN, to one named service, and exists in the stack."""
    roles = {plan.arn(role) for role in plan.of("aws_iam_role")}
    for policy, statement in statements(plan, "identity"):
        if not any(action.lower() == "iam:passrole" for action in statement.actions) or not statement.allows:
            continue
        services = statement.condition("iam:PassedToService", "StringEquals")
        if len(services) != 1 or "*" in services[0]:
            yield policy.where, f"{statement.sid} passes a role to any service"
        for resource in statement.resources:
            if resource not in roles:
                yield policy.where, f"{statement.sid} passes {resource}, which is no role of the stack"
            elif len(services) == 1 and not _trusts(plan, resource, services[0]):
                yield policy.where, f"{statement.sid} passes {resource} to {services[0]}, which it does not trust"


def _trusts(plan, arn, service):
    return any(
        service in statement.principals("Service")
        for policy, statement in statements(plan, "trust")
        if plan.arn(policy.resource) == arn
    )


@rule("IAM-KMS", "KMS.1, KMS.2")
def keys(plan):
    """No role's policy speaks of keys: the key's own policy names its users."""
    for policy, statement in statements(plan, "identity"):
        if statement.allows and any(action.lower().startswith("kms:") for action in statement.actions):
            yield policy.where, f"{statement.sid} allows the use of keys"


@rule("IAM-ESCALATE", "T9: privilege escalation")
def escalates(plan):
    """No role may give itself, or another, more than it has."""
    for policy, statement in statements(plan, "identity"):
        for action in statement.actions if statement.allows else ():
            if ESCALATING.match(action):
                yield policy.where, f"{statement.sid} allows {action}"


@rule("IAM-READ", "T7: a pull request's workflow must not change anything")
def previews(plan):
    """What a repository previews with can read only, and no data."""
    for policy, statement in statements(plan, "identity"):
        role = plan.referred(policy.resource["role"])
        if role is None or role.physical != f"{plan.prefix}-preview":
            continue
        for action in statement.actions if statement.allows else ():
            if not READING.fullmatch(action) or action.lower() in {"s3:getobject", "ssm:getparameters"}:
                yield policy.where, f"{statement.sid} allows {action}"


@rule("IAM-NO-USERS", "IAM.2; CIS 1.14")
def no_users(plan):
    """There are no users, groups, access keys, or policies of others attached."""
    for resource in plan.resources:
        if resource.type.startswith(
            ("aws_iam_user", "aws_iam_group", "aws_iam_access_key", "aws_iam_service_specific")
        ):
            yield resource.address, "people and keys are none of a stack's business"
        if resource.type.endswith("policy_attachment") or resource["managed_policy_arns"]:
            yield resource.address, "a policy that is not in this plan is attached"


@rule("IAM-DUTY", "one role a duty")
def duties(plan):
    """Every role has exactly one policy, and every policy a role of the stack."""
    for role in plan.of("aws_iam_role"):
        mine = [p for p in policies(plan, "identity") if plan.referred(p.resource["role"]) is role]
        if len(mine) != 1:
            yield role.address, f"it has {len(mine)} policies"
    for policy in plan.of("aws_iam_role_policy"):
        if plan.referred(policy["role"]) is None:
            yield policy.address, "it belongs to no role of the stack"
