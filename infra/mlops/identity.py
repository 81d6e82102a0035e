"""`loopwright:identity:Roles`: one role a duty.

Children: a role and its one inline policy for each duty that is asked for. What each may do stands in `policies/`.
Costs: nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import iam

from mlops.policies import trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.naming import Names

__all__ = ["Duty", "Roles", "RolesArgs"]


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What one role is for."""

    service: str
    """The AWS service that assumes it, as in `sagemaker` of `sagemaker.amazonaws.com`."""
    policy: Mapping[str, Any]
    """What it may do."""


@dataclass(frozen=True, kw_only=True)
class RolesArgs:
    """Inputs of `Roles`."""

    names: Names
    """The stack's names."""
    duties: Mapping[str, Duty]
    """The duties by name; each name becomes the role's."""


class Roles(pulumi.ComponentResource):
    """The stack's roles."""

    arns: dict[str, pulumi.Output[str]]
    """ARN by duty."""

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:identity:Roles", name, {}, opts)
        self.arns = {
            word: self._role(f"{name}-{word}", args.names, word, duty) for word, duty in sorted(args.duties.items())
        }
        self.register_outputs(dict(self.arns))

    def _role(self, name: str, names: Names, word: str, duty: Duty) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            name,
            name=names.of(word),
            description=f"{word} of {names.prefix}",
            assume_role_policy=json.dumps(trust.assumed_by(duty.service, names)),
            opts=child,
        )
        policy = iam.RolePolicy(
            f"{name}-policy", name="duty", role=role.name, policy=json.dumps(dict(duty.policy)), opts=child
        )
        # Whoever waits for the role waits for what it may do, too: some services try it out at once.
        return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))
