"""Scenarios of AWS itself: events get lost, a region throttles."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.faults import Faults
from loopwright.rehearsal.aws.requests import refused
from loopwright.rehearsal.scenarios.acts import approve_copy, asked_at
from loopwright.rehearsal.scenarios.scenario import Promise, break_during
from loopwright.rehearsal.scenarios.seen import answers_go_on, looked_after, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import ClientError

    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["LostEvents", "Throttled"]

HOUR = timedelta(hours=1)
LATEST = timedelta(hours=2)
"""A wake-up every hour makes up for each event that is lost."""


class LostEvents:
    """Events are lost, doubled, late and out of order, from the first day to the last."""

    name, what, days = "lost-events", "Of all events a third is lost, a third comes twice and a third late", 20.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Break the bus, and let a person approve a version and ask for a retraining."""
        bus, quiet = rehearsal.cloud.bus, Faults(seed=rehearsal.asked.seed)
        shares = Faults(seed=rehearsal.asked.seed, lose=1 / 3, duplicate=1 / 3, delay=1 / 3, reorder=1 / 3)
        break_during(rehearsal, self, stretch, lambda: bus.disturb(shares), lambda: bus.disturb(quiet))
        clock = rehearsal.cloud.clock
        clock.at(stretch.begins + 2 * HOUR, lambda: approve_copy(rehearsal))
        clock.at(stretch.begins + (stretch.ends - stretch.begins) / 2, lambda: approve_copy(rehearsal))
        asked_at(rehearsal, [stretch.begins + (stretch.ends - stretch.begins) / 4])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        versions = [each for each in rehearsal.chronicle.versions.values() if stretch.holds(each.registered)]
        late = []
        for each in versions:
            at = next((one.at for one in rehearsal.chronicle.rollouts if one.version == each.number), None)
            late += [] if at and at - each.registered <= LATEST else [each.number]
        yield Promise(
            what="each approved version is rolled out within two hours",
            kept=bool(versions) and not late,
            because=f"{len(versions)} versions were approved, {len(late)} came later or never",
        )
        found = sorted(rehearsal.chronicle.retrainings.values(), key=lambda each: each.at)
        twice = [two.at for one, two in itertools.pairwise(found) if one.ended is None or two.at < one.ended]
        yield Promise(
            what="nothing is started twice",
            kept=not twice,
            because=f"{len(found)} retrainings, {len(twice)} of them beside another",
        )
        rolled = [each.version for each in rehearsal.chronicle.rollouts]
        yield Promise(
            what="no version is rolled out twice",
            kept=len(rolled) == len(set(rolled)),
            because=f"{len(rolled)} rollouts of {len(set(rolled))} versions",
        )


class Throttled:
    """Every call to AWS is throttled for hours."""

    name, what, days = "throttled", "AWS throttles every call of the region for six hours", 3.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Refuse every call for some hours; a person asks for a retraining meanwhile, and afterwards."""

        def throttled(service: str, name: str) -> ClientError | None:  # noqa: ARG001 - all of them
            return refused(name, "ThrottlingException", "Rate exceeded")

        break_during(rehearsal, self, stretch, lasts=6 * HOUR, refused=throttled)
        asked_at(rehearsal, [stretch.begins + HOUR, stretch.begins + 8 * HOUR])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        yield answers_go_on(rehearsal, type(stretch)(begins=stretch.begins, ends=stretch.begins + 6 * HOUR))
        yield told(rehearsal, stretch, "controller.errors")
        over = stretch.begins + 6 * HOUR
        woken = [at for at in rehearsal.wakes("controller") if over <= at < over + 2 * HOUR]
        yield Promise(
            what="the loop goes on within two hours of its end",
            kept=bool(woken),
            because=f"the controller decided again at {woken[0]:%H:%M}, the end was at {over:%H:%M}"
            if woken
            else "it did not",
        )
        yield looked_after(rehearsal, type(stretch)(begins=stretch.begins, ends=over))
