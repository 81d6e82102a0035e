"""What AWS looks at when it is handed a policy or a role: whether whom it names exists, and whether a role may be used.

moto takes any text. AWS refuses a policy that names a role which is not there (yet), and most services refuse a role
that does not trust them, so a deployment that only works in moto fails in its first minute.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from .wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER = re.compile(rf"arn:aws:(?:iam|sts)::{ACCOUNT}:(?P<kind>role|user|assumed-role)/(?P<path>.+)")
SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com")
FOREIGN = re.compile(r"arn:aws:(?:iam|sts)::(?P<account>\d{12}):.+")


def statements(text: str, code: str = "MalformedPolicyDocument") -> list[dict[str, Any]]:
    """Return the statements of a policy document.

    Raises:
        Refused: It is no policy document, or names somebody who does not exist.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Refused(code, f"the policy is not JSON: {error}") from error
    found = document.get("Statement") if isinstance(document, dict) else None
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not found:
        raise Refused(code, "the policy has no statement")
    for statement in found:
        for kind, principal in principals(statement):
            _exists(kind, principal, code)
    return found


def principals(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of everybody a statement names."""
    named = statement.get("Principal", statement.get("NotPrincipal", {}))
    if isinstance(named, str):
        yield "AWS", named
        return
    for kind, names in named.items():
        for name in as_list(names):
            yield kind, name


def as_list(value: Any) -> list[Any]:
    """Return a value as the list that a policy may leave out the brackets of."""
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern of a policy, where `*` and `?` stand for anything and any character."""
    found = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(found, text, re.DOTALL) is not None


def usable_role(arn: str, service: str, code: str = "ValidationException") -> None:
    """Refuse a role that does not exist, or does not trust a service (`lambda.amazonaws.com`)."""
    role = next((role for role in iam_backends[ACCOUNT]["aws"].roles.values() if role.arn == arn), None)
    if role is None:
        raise Refused(code, f"Could not assume role {arn}: it does not exist")
    document = json.loads(role.assume_role_policy_document)
    for statement in as_list(document["Statement"]):
        if ("Service", service) in principals(statement) and statement["Effect"] == "Allow":
            return
    raise Refused(code, f"Could not assume role {arn}: it does not trust {service}")


def _exists(kind: str, name: str, code: str) -> None:
    if kind == "Service" and not SERVICE.fullmatch(name):
        raise Refused(code, f"Invalid principal in policy: no service {name}")
    if kind != "AWS" or name == "*" or re.fullmatch(r"\d{12}", name) or name == f"arn:aws:iam::{ACCOUNT}:root":
        return
    member = MEMBER.fullmatch(name)
    if not member:
        if FOREIGN.fullmatch(name):
            return
        raise Refused(code, f"Invalid principal in policy: {name}")
    iam = iam_backends[ACCOUNT]["aws"]
    if member["kind"] == "assumed-role":
        known = {role.name for role in iam.roles.values()}
        found = member["path"].split("/")[0] in known
    else:
        found = name in {each.arn for each in (*iam.roles.values(), *iam.users.values())}
    if not found:
        raise Refused(code, f"Invalid principal in policy: {name} does not exist")
