"""`loopwright:delivery:Delivery`: what a repository on GitHub may do with this stack, without any stored key.

Children: the account's OIDC provider where it is not there yet; a role that pushes the image, for the environment named
like the stack; a role that previews, for the environment STACK-preview; a role that wakes the controller, for the
environment STACK-retrain. The role that deploys is not here: it may change roles, and must not be changed by what it
deploys. Costs: nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam

from mlops.policies import roles, trust

if TYPE_CHECKING:
    from mlops.naming import Names
    from mlops.policies.statements import Document
    from mlops.settings import StackSettings

__all__ = ["Delivery", "DeliveryArgs", "subject"]

HOST = "token.actions.githubusercontent.com"


def subject(settings: StackSettings, environment: str) -> str:
    """Return the `sub` of tokens from the repository's environment: the immutable form, used since 2026-07-15."""
    owner, _, name = (settings.github or "").partition("/")
    return f"repo:{owner}@{settings.github_owner_id}/{name}@{settings.github_repository_id}:environment:{environment}"


@dataclass(frozen=True, kw_only=True)
class DeliveryArgs:
    """Inputs of `Delivery`."""

    names: Names
    """The stack's names."""
    settings: StackSettings
    """Names the repository and its numeric ids: a name can be taken by another one day, an id cannot."""


class Delivery(pulumi.ComponentResource):
    """The roles of the workflows."""

    arns: dict[str, pulumi.Output[str]]
    """ARN by what the role is for: push the image, preview a change, ask for a retraining."""

    def __init__(self, name: str, args: DeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:delivery:Delivery", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        names = args.names
        provider: pulumi.Input[str] = f"arn:{names.partition}:iam::{names.account}:oidc-provider/{HOST}"
        if args.settings.github_provider == "create":
            made = iam.OpenIdConnectProvider(
                f"{name}-github", url=f"https://{HOST}", client_id_lists=["sts.amazonaws.com"], opts=self._child
            )
            provider = made.arn
        stack = names.stack
        self.arns = {
            "push": self._role("push", stack, roles.delivery(names), provider),
            "preview": self._role("preview", f"{stack}-preview", roles.preview(names), provider),
            "retrain": self._role("retrain", f"{stack}-retrain", roles.retrain(names), provider),
        }
        self.register_outputs(dict(self.arns))

    def _role(self, word: str, environment: str, policy: Document, provider: pulumi.Input[str]) -> pulumi.Output[str]:
        args = self._args
        sub = subject(args.settings, environment)
        role = iam.Role(
            f"{self._name}-{word}",
            name=args.names.of(word),
            description=f"{word}, for {args.settings.github} in {environment}",
            assume_role_policy=pulumi.Output.json_dumps(trust.by_github(provider, sub)),
            opts=self._child,
        )
        iam.RolePolicy(
            f"{self._name}-{word}-policy", name="duty", role=role.name, policy=json.dumps(policy), opts=self._child
        )
        return role.arn
