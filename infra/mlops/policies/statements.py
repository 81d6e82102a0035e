"""What policy documents are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.naming import Names

Document = dict[str, Any]
Statement = dict[str, Any]


def document(*statements: Statement) -> Document:
    """Return a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(sid: str, actions: Sequence[str], *resources: Any, when: Mapping[str, Any] | None = None) -> Statement:
    """Return a statement that allows ``actions`` on ``resources``."""
    condition = {"Condition": dict(when)} if when else {}
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources), **condition}


def from_account(names: Names) -> dict[str, Any]:
    """Return the condition that a service acts for this account (no confused deputy)."""
    return {"StringEquals": {"aws:SourceAccount": names.account}}


def grant(
    sid: str,
    principal: Mapping[str, Any],
    actions: Sequence[str],
    when: Mapping[str, Any] | None = None,
    *,
    resource: str = "*",  # in a key's policy: this key
) -> Statement:
    """Return a statement that lets ``principal`` use one resource."""
    condition = {"Condition": dict(when)} if when else {}
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": dict(principal),
        "Action": list(actions),
        "Resource": resource,
        **condition,
    }
