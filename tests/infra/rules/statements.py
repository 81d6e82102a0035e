"""Policy documents of a plan as statements; a document that cannot be read whole is told apart, never skipped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from rules.plan import Plan, Resource, listed

DOCUMENTS = {
    ("aws_iam_role", "assume_role_policy"): "trust",
    ("aws_iam_role_policy", "policy"): "identity",
    ("aws_iam_policy", "policy"): "identity",
    ("aws_iam_user_policy", "policy"): "identity",
    ("aws_iam_group_policy", "policy"): "identity",
    ("aws_s3_bucket_policy", "policy"): "bucket",
    ("aws_kms_key", "policy"): "key",
    ("aws_sns_topic_policy", "policy"): "topic",
    ("aws_sns_topic", "policy"): "topic",
    ("aws_sqs_queue_policy", "policy"): "queue",
    ("aws_sqs_queue", "policy"): "queue",
    ("aws_ecr_repository_policy", "policy"): "repository",
    ("aws_cloudwatch_event_bus_policy", "policy"): "bus",
    ("aws_sagemaker_model_package_group_policy", "resource_policy"): "group",
    ("aws_vpc_endpoint", "policy"): "endpoint",
}
"""What kind of policy an attribute holds."""
KEYS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition", "NotPrincipal", "NotAction", "NotResource"}


@dataclass(frozen=True)
class Statement:
    """One statement; the elements that IAM takes alone or in lists are lists."""

    raw: dict[str, Any] = field(hash=False)

    @property
    def sid(self) -> str:
        return self.raw.get("Sid", "(no Sid)")

    @property
    def allows(self) -> bool:
        return self.raw.get("Effect") == "Allow"

    @property
    def actions(self) -> list[str]:
        return [str(action) for action in listed(self.raw.get("Action"))]

    @property
    def resources(self) -> list[str]:
        return [str(resource) for resource in listed(self.raw.get("Resource"))]

    def principals(self, kind: str) -> list[str]:
        """Return the principals of a kind; ``*`` alone is of every kind."""
        principal = self.raw.get("Principal")
        if isinstance(principal, dict):
            return [str(each) for each in listed(principal.get(kind))]
        return [str(each) for each in listed(principal)]

    def condition(self, key: str, *operators: str) -> list[str]:
        """Return the values that a condition key is held against by these operators, or by any."""
        found = []
        for operator, keys in self.raw.get("Condition", {}).items():
            if not operators or operator in operators:
                found += [
                    value for name, given in keys.items() if name.lower() == key.lower() for value in listed(given)
                ]
        return [str(value) for value in found]

    def grants(self, action: str, resource: str) -> bool:
        """Tell whether it allows an action on a resource, conditions aside."""
        named = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self.actions)
        return self.allows and named and any(fnmatchcase(resource or "", pattern) for pattern in self.resources)


@dataclass(frozen=True)
class Policy:
    """A policy document, where it stands, and what is wrong with its text."""

    resource: Resource
    kind: str
    text: str
    statements: tuple[Statement, ...] = ()
    problem: str = ""

    @property
    def where(self) -> str:
        return self.resource.address


def policies(plan: Plan, *kinds: str) -> list[Policy]:
    """Return the policy documents of a plan, of these kinds or of all."""
    return [policy for policy in plan.once(_policies) if not kinds or policy.kind in kinds]


def _policies(plan):
    found = []
    for resource in plan.resources:
        for (kind, attribute), sort in DOCUMENTS.items():
            if resource.type == kind and attribute in resource.body:
                found.append(_read(plan, resource, sort, resource.body[attribute]))
        inline = resource.blocks("inline_policy") if resource.type == "aws_iam_role" else ()
        found += [_read(plan, resource, "identity", block.get("policy")) for block in inline]
    return found


def statements(plan: Plan, *kinds: str) -> list[tuple[Policy, Statement]]:
    """Return every statement of these kinds of policies with its policy."""
    return [(policy, statement) for policy in policies(plan, *kinds) for statement in policy.statements]


def granted(plan: Plan, role: Resource, action: str, resource: str) -> bool:
    """Tell whether a role's own policies allow an action on a resource."""
    own = [p for p in policies(plan, "identity") if plan.referred(p.resource["role"]) is role or p.resource is role]
    return any(statement.grants(action, resource) for policy in own for statement in policy.statements)


def _read(plan: Plan, resource: Resource, kind: str, text: Any) -> Policy:
    plain = plan.plain(text)
    if "${" in plain.replace("$${", ""):
        return Policy(resource, kind, plain, _try(plain), "it holds what is only known after it was made")
    try:
        document = json.loads(plain)
        given = listed(document["Statement"])
        problem = _strange(document, given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Policy(resource, kind, plain, (), f"it is no policy: {error!r}")
    return Policy(resource, kind, plain, tuple(map(Statement, given)), problem)


def _strange(document: dict[str, Any], given: list[dict[str, Any]]) -> str:
    if document.get("Version") != "2012-10-17":
        return "its version is not 2012-10-17, so policy variables are plain text"
    for statement in given:
        if odd := set(statement) - KEYS:
            return f"a statement has unknown elements: {', '.join(sorted(odd))}"
        if statement.get("Effect") not in {"Allow", "Deny"}:
            return "a statement's effect is neither Allow nor Deny"
        if not ({"Action", "NotAction"} & set(statement)):
            return "a statement names no action"
    return "" if given else "it has no statement"


def _try(text: str) -> tuple[Statement, ...]:
    try:
        return tuple(map(Statement, listed(json.loads(text)["Statement"])))
    except (ValueError, KeyError, TypeError):
        return ()
