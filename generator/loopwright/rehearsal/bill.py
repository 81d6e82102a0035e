"""The bill: what the stack has cost so far, by the price list of `loopwright preview`."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from loopwright.cost.assumptions import Assumptions
from loopwright.cost.facts import Facts
from loopwright.cost.prices import prices
from loopwright.cost.rules import cost, metrics_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import ResourceGraph

__all__ = ["Bill"]

MONTH = timedelta(hours=730)
"""As the price lists have it."""
PIPELINE = "aws:sagemaker/pipeline:Pipeline"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
BUDGET = "aws:budgets/budget:Budget"
PARTS = ("endpoint", "monitor", "training", "other")


class Bill:
    """What was spent, by month and by what it was spent on.

    Args:
        graph: The stack.
        begins: When it was made.
    """

    def __init__(self, graph: ResourceGraph, begins: datetime) -> None:
        self._region, self._began = graph.region(), begins
        facts, listed = Facts(graph, Assumptions()), prices()
        self._monthly = {"endpoint": 0.0, "other": 0.0}
        for node in graph.resources():
            if node.type != PIPELINE:  # each of its jobs is counted when it runs
                part = "endpoint" if node.type == ENDPOINT else "other"
                self._monthly[part] += cost(node, facts, listed).expected
        if own := metrics_cost(facts, listed, self._region):
            self._monthly["other"] += own.expected
        self._used: defaultdict[tuple[int, int], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        limits = [node.inputs.get("limitAmount") for node in graph.of_type(BUDGET)]
        self.budget = float(limits[0]) if limits and limits[0] is not None else None
        """What may be spent in a month, in USD; None: there is no budget."""

    def used(self, at: datetime, part: str, instance: str, length: timedelta) -> None:
        """Add the use of an instance; one without a known price costs nothing here, as `loopwright preview` says."""
        price = prices().instance(instance, self._region)
        self.add(at, part, price.usd * (length / timedelta(hours=1)) if price else 0.0)

    def add(self, at: datetime, part: str, usd: float) -> None:
        """Add an amount."""
        self._used[at.year, at.month][part] += usd

    def spent(self, now: datetime) -> float:
        """Return what this month has cost so far."""
        return sum(self._month(now.year, now.month, now).values())

    def months(self, now: datetime) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield each month so far, and what was spent on what in it."""
        year, month = self._began.year, self._began.month
        while (year, month) <= (now.year, now.month):
            yield f"{year}-{month:02d}", self._month(year, month, now)
            year, month = _after(year, month)

    def _month(self, year: int, month: int, now: datetime) -> dict[str, float]:
        begins, ends = datetime(year, month, 1, tzinfo=UTC), datetime(*_after(year, month), 1, tzinfo=UTC)
        there = max(min(ends, now) - max(begins, self._began), timedelta(0)) / MONTH
        standing = {part: usd * there for part, usd in self._monthly.items()}
        used = self._used[year, month]
        return {part: standing.get(part, 0.0) + used.get(part, 0.0) for part in PARTS}


def _after(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
