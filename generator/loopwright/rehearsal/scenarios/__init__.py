"""The scenarios: what a rehearsal can break, by the names that the command line has for them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from loopwright.errors import UsageError
from loopwright.rehearsal.scenarios.canary import FailingCanary, SlowCanary
from loopwright.rehearsal.scenarios.data import DataStops, LabelsLate
from loopwright.rehearsal.scenarios.people import FullBudget, RevokedModel
from loopwright.rehearsal.scenarios.training import ChallengerWorse, PoisonedRows, TrainingFails
from loopwright.rehearsal.scenarios.weather import LostEvents, Throttled

if TYPE_CHECKING:
    from loopwright.rehearsal.scenarios.scenario import Scenario

__all__ = ["SCENARIOS", "named"]

SCENARIOS: dict[str, type[Scenario]] = {
    each.name: each
    for each in (
        *(TrainingFails, DataStops, LabelsLate, PoisonedRows, ChallengerWorse, SlowCanary, FailingCanary),
        *(LostEvents, Throttled, RevokedModel, FullBudget),
    )
}


def named(name: str) -> Scenario:
    """Return a scenario.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in SCENARIOS:
        near = difflib.get_close_matches(name, SCENARIOS, n=1)
        raise UsageError(
            f"there is no scenario {name}",
            because=f"the scenarios are {', '.join(SCENARIOS)}",
            attempt=f"--faults {near[0]}" if near else "--faults with one of them",
        )
    return SCENARIOS[name]()
