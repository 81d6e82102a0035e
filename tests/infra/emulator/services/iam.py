"""IAM: whom a trust policy names must exist, and a condition that is not met leaves its statement without a say.

moto takes a statement with an unmet condition for a refusal, whatever its effect, so that a bucket policy against plain
HTTP refuses everything. Of a request the emulator knows the facts below; a key it does not know is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.iam.models import iam_backends

from emulator.hooks import on
from emulator.policy import as_list, matches, statements
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.hooks import Moto, Result
    from emulator.wire import Call

FACTS = {
    # The emulator stands for an endpoint with TLS, though it has none itself.
    "aws:securetransport": "true",
    "aws:principalaccount": ACCOUNT,
    "aws:principalarn": f"arn:aws:iam::{ACCOUNT}:root",
    "aws:principalisawsservice": "false",
    "aws:viaawsservice": "false",
}


def _like(fact: str, wanted: str) -> bool:
    return matches(wanted, fact)


def _same(fact: str, wanted: str) -> bool:
    return fact.lower() == wanted.lower()


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": _same,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _same,
    "NumericEquals": lambda fact, wanted: float(fact) == float(wanted),
    "NumericLessThan": lambda fact, wanted: float(fact) < float(wanted),
    "NumericLessThanEquals": lambda fact, wanted: float(fact) <= float(wanted),
    "NumericGreaterThan": lambda fact, wanted: float(fact) > float(wanted),
    "NumericGreaterThanEquals": lambda fact, wanted: float(fact) >= float(wanted),
}


def holds(condition: dict[str, dict[str, Any]], facts: dict[str, str]) -> bool:
    """Tell whether every operator of a condition is met by the facts of a request, keys in lower case."""
    return all(
        _met(operator, facts.get(key.lower()), [str(value) for value in as_list(wanted)])
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _met(operator: str, fact: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (fact is None) == _same(wanted[0], "true")
    bare = operator.removesuffix("IfExists").rpartition(":")[2]
    compare = OPERATORS.get(bare.replace("Not", "", 1))
    if compare is None:
        raise Refused("MalformedPolicyDocument", f"no condition operator {operator}")
    if fact is None:
        return operator.endswith("IfExists") or "Not" in bare or operator.startswith("ForAllValues:")
    return any(compare(fact, value) for value in wanted) != ("Not" in bare)


_without_conditions = IAMPolicyStatement.is_action_permitted


def _is_action_permitted(
    self: IAMPolicyStatement,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: dict[str, str] | None = None,
) -> PermissionResult:
    given = {key.lower(): value for key, value in (incoming_condition_values or {}).items()}
    rest = dict(self._statement)
    if not holds(rest.pop("Condition", {}), FACTS | given):
        return PermissionResult.NEUTRAL
    return _without_conditions(IAMPolicyStatement(rest), action, resource, principal)


IAMPolicyStatement.is_action_permitted = _is_action_permitted


@on("iam", "CreateRole")
def create_role(call: Call, moto: Moto) -> Result:
    """Refuse a trust policy that names somebody who does not exist."""
    statements(call.params["AssumeRolePolicyDocument"])
    return moto()


@on("iam", "UpdateAssumeRolePolicy")
def update_trust(call: Call, moto: Moto) -> Result:
    """Refuse a trust policy that names somebody who does not exist."""
    statements(call.params["PolicyDocument"])
    return moto()


@on("iam", "DeleteRole")
def delete_role(call: Call, moto: Moto) -> Result:
    """Refuse while policies hang on it, as AWS does."""
    role = iam_backends[ACCOUNT]["aws"].roles.get(call.params["RoleName"])
    if role and (role.policies or role.managed_policies):
        raise Refused("DeleteConflict", "Cannot delete entity, must delete policies first.")
    return moto()
