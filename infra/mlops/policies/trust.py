"""Who may assume a role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.policies.statements import Document, document, from_account

if TYPE_CHECKING:
    import pulumi

    from mlops.naming import Names

__all__ = ["assumed_by", "by_github"]


def assumed_by(service: str, names: Names) -> Document:
    """Let one AWS service assume a role, for this account only."""
    principal = {"Service": f"{service}.amazonaws.com"}
    # Lambda hands no source account on when it assumes a function's role; for the others it is what binds them to us.
    condition = {} if service == "lambda" else {"Condition": from_account(names)}
    return document(
        {"Sid": "Assume", "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **condition}
    )


def by_github(provider_arn: pulumi.Input[str], subject: str) -> Document:
    """Let the workflows of one repository in one environment assume a role.

    Args:
        provider_arn: The account's OIDC provider for GitHub.
        subject: The exact `sub` of the token: `repo:OWNER@ID/REPOSITORY@ID:environment:NAME`, the immutable form that
            repositories have since 2026-07-15.
    """
    host = "token.actions.githubusercontent.com"
    return document(
        {
            "Sid": "GitHub",
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subject}},
        }
    )
