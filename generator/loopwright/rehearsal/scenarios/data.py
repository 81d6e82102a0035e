"""Scenarios of data: it stops arriving, or its labels come a month late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.scenarios.scenario import Promise, break_during
from loopwright.rehearsal.scenarios.seen import looked_after, somebody_serves, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["DataStops", "LabelsLate"]


class DataStops:
    """Nobody asks anything, and nothing lands."""

    name, what, days = "data-stops", "No request, no label and no new row arrives", 14.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Lose the requests, and let labels and rows land when it is over."""

        def stopped(what: str, at: datetime) -> datetime | None:
            if not stretch.holds(at):
                return at
            return None if what == "requests" else stretch.ends

        rehearsal.asked.hooks.arrives = stopped
        break_during(rehearsal, self, stretch)

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        watched = rehearsal.states("heartbeat", stretch)
        waking = [each for each in started(rehearsal, stretch) if each.reason in {"drift", "quality"}]
        learned = [each.version for each in started(rehearsal, stretch) if each.version]
        yield somebody_serves(rehearsal, stretch)
        yield Promise(
            what="the monitor goes on watching",
            kept="ALARM" not in watched,
            because=f"its heartbeat was {', '.join(sorted(watched))}",
        )
        yield Promise(
            what="silence is taken neither for drift nor for bad quality",
            kept=not waking,
            because=f"{len(waking)} retrainings for drift or quality; {len(learned)} versions registered",
        )
        yield looked_after(rehearsal, stretch)


class LabelsLate:
    """Labels come a month later than the contract says."""

    name, what, days = "labels-late", "Labels land 30 days later than the contract says", 30.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Hold labels, and the rows that carry them, back for 30 days."""

        def late(what: str, at: datetime) -> datetime | None:
            return at + timedelta(days=30) if what in {"labels", "labelled"} and stretch.holds(at) else at

        rehearsal.asked.hooks.arrives = late
        break_during(rehearsal, self, stretch)

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        quality = [each for each in started(rehearsal, stretch) if each.reason == "quality"]
        fired = [at for at, value in rehearsal.changes("quality") if value == "ALARM" and stretch.holds(at)]
        failed = [each for each in started(rehearsal, stretch) if each.outcome == "failed"]
        yield Promise(
            what="answers whose label is missing are not taken for wrong ones",
            kept=not quality and not fired,
            because=f"the quality alarm fired {len(fired)} times, {len(quality)} retrainings for it",
        )
        yield Promise(
            what="no retraining fails for want of labels",
            kept=not failed,
            because=f"{len(started(rehearsal, stretch))} were started, {len(failed)} failed",
        )
        yield Promise(
            what="the labels count when they land",
            kept=rehearsal.labelled() > 0,
            because=f"{rehearsal.labelled():,} answers have their label at the end",
        )
