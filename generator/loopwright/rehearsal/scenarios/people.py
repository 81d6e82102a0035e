"""Scenarios of people and money: a served model is revoked, the budget is full."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.scenarios.acts import approve_copy, asked_at, reject
from loopwright.rehearsal.scenarios.scenario import Promise, break_during, serving
from loopwright.rehearsal.scenarios.seen import started, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["FullBudget", "RevokedModel"]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WITHIN = 4 * HOUR
"""An hour until the deployer wakes at the latest, and the rollout itself."""


class RevokedModel:
    """A person rejects the version that serves."""

    name, what, days = "revoked-model", "A person rejects the version that serves", 3.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Bring a second version into service before, and reject it."""
        rehearsal.cloud.clock.at(stretch.begins - DAY, lambda: approve_copy(rehearsal))

        def revoked() -> None:
            self.version = serving(rehearsal, stretch.begins)
            if self.version is not None:
                reject(rehearsal, self.version)

        break_during(rehearsal, self, stretch, revoked)

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        after = serving(rehearsal, stretch.begins + WITHIN)
        known = rehearsal.chronicle.versions.get(after) if after else None
        yield Promise(
            what="an earlier approved version serves within four hours",
            kept=known is not None and known.approval == "Approved" and after != self.version,
            because=f"version {self.version} was rejected, version {after} serves",
        )
        again = [
            each for each in rehearsal.chronicle.rollouts if each.version == self.version and each.at > stretch.begins
        ]
        yield Promise(
            what="the rejected version never serves again",
            kept=not again,
            because=f"{len(again)} rollouts of it since",
        )


class FullBudget:
    """The month's money is spent."""

    name, what, days = "full-budget", "The month's budget is spent on its first days", 25.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Spend the budget; a person asks for retrainings all the same."""
        bill = rehearsal.bill

        def spent() -> None:
            bill.add(rehearsal.cloud.clock.now, "other", bill.budget or 0.0)

        break_during(rehearsal, self, stretch, spent)
        asked_at(rehearsal, [stretch.begins + DAY, stretch.begins + 5 * DAY, _next_month(stretch) + 2 * DAY])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds: from the next update of the budget's figures on, which AWS makes some times a day."""
        month = type(stretch)(begins=stretch.begins + 12 * HOUR, ends=_next_month(stretch))
        inside = started(rehearsal, month)
        yield Promise(
            what="no retraining starts while the budget is spent",
            kept=not inside,
            because=f"{len(inside)} started before the month was over",
        )
        yield told(rehearsal, stretch, "budget")
        after = [each for each in rehearsal.chronicle.retrainings.values() if each.at >= month.ends]
        yield Promise(
            what="retraining goes on in the next month",
            kept=bool(after),
            because=f"on {after[0].at:%Y-%m-%d}" if after else "it did not",
        )


def _next_month(stretch: Stretch) -> datetime:
    begins = stretch.begins
    first = begins.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + 32 * DAY).replace(day=1)
