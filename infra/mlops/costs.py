"""`loopwright:costs:CostGuard`: the contract's budget, watched by AWS.

Children: one AWS budget over what carries the stack's tags; the controller reads it before it starts anything. Costs:
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import budgets

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["CostGuard", "CostGuardArgs"]

NOTICES = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


@dataclass(frozen=True, kw_only=True)
class CostGuardArgs:
    """Inputs of `CostGuard`."""

    names: Names
    """The stack's names."""
    monthly_usd: float
    """The contract's budget."""
    topic_arn: pulumi.Input[str]
    """Who is told."""


class CostGuard(pulumi.ComponentResource):
    """The stack's budget."""

    budget_name: pulumi.Output[str]
    """Name of the budget that the controller reads."""

    def __init__(self, name: str, args: CostGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:costs:CostGuard", name, {}, opts)
        budget = budgets.Budget(
            f"{name}-budget",
            name=args.names.of("budget"),
            budget_type="COST",
            limit_amount=f"{args.monthly_usd:.2f}",
            limit_unit="USD",
            time_unit="MONTHLY",
            # Counts once the account's owner has made `Loop` a cost allocation tag (see infra/README.md).
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:Loop${args.names.prefix}"]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args.topic_arn],
                }
                for kind, percent in NOTICES
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})
