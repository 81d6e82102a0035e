"""AWS Budgets, as far as somebody reads what was spent: "DescribeBudget" (AWS Cost Management API Reference).

"Managing your costs with AWS Budgets" (AWS Cost Management User Guide): a budget's information is updated up to three
times a day, typically 8 to 12 hours after the update before. Between two updates it stays as it was. AWS does not say
that a new month is an update, so that until the next one the figure is the old month's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.requests import Answer, Request, operation, refused, unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.wiring.stack import Stack

__all__ = ["Budgets"]

SOONEST, LATEST = timedelta(hours=8), timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class _Budget:
    name: str
    limit: str


class Budgets:
    """The budgets of a stack, all of the same costs.

    Args:
        stack: The stack.
        clock: The clock that updates are planned on; the first is now.
        spent: What was spent in the present month until now, in USD.
        seed: Fixes when updates come.

    Raises:
        UnknownError: One of them is no budget of USD a month.
    """

    def __init__(self, stack: Stack, clock: Clock, spent: Callable[[], float], *, seed: int = 0) -> None:
        self._clock, self._spent, self._random = clock, spent, Random(seed)  # noqa: S311 - a simulation  # nosec B311
        self._account = stack.context["aws:SourceAccount"]
        self._known = {each.name: each for each in (_made(stack, node) for node in stack.of("budget"))}
        self._update()

    @operation("DescribeBudget", "AccountId", "BudgetName", service="budgets")
    def describe_budget(self, request: Request) -> Answer:
        """Describe a budget with what was spent when its information was last updated."""
        found = self._known.get(request["BudgetName"])
        if found is None or request["AccountId"] != self._account:
            raise refused("DescribeBudget", "NotFoundException", f"Unable to get budget: {request['BudgetName']}")
        return {
            "Budget": {
                "BudgetName": found.name,
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": found.limit, "Unit": "USD"},
                "CalculatedSpend": {"ActualSpend": {"Amount": f"{self._figure:.3f}", "Unit": "USD"}},
                "LastUpdatedTime": self._updated,
            }
        }

    def _update(self) -> None:
        self._figure: float = self._spent()
        self._updated: datetime = self._clock.now
        self._clock.after(SOONEST + (LATEST - SOONEST) * self._random.random(), self._update)


def _made(stack: Stack, node: Node) -> _Budget:
    inputs = stack.inputs(node)
    kind = [inputs.get(name) for name in ("budgetType", "limitUnit", "timeUnit")]
    if kind != ["COST", "USD", "MONTHLY"]:
        raise unknown(f"the budget {node.id}", "the emulated budgets are of USD a month")
    return _Budget(name=stack.name(node), limit=str(inputs["limitAmount"]))
