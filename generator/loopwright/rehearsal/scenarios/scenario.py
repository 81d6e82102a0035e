"""A scenario: what is broken, when, and what the design promises all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["Promise", "Scenario", "break_during", "serving"]


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One thing that the design promises, and whether it was so."""

    what: str
    kept: bool
    because: str
    """What was seen."""


class Scenario(Protocol):
    """One thing that goes wrong."""

    name: str
    """What the command line calls it."""
    what: str
    """In one sentence, without a full stop."""
    days: float
    """How long it is broken."""

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Plan what breaks and what is mended; the clock stands at the rehearsal's begin."""

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what the design promises; the rehearsal is over."""


def break_during(
    rehearsal: Rehearsal,
    scenario: Scenario,
    stretch: Stretch,
    broken: Callable[[], None] = lambda: None,
    mended: Callable[[], None] = lambda: None,
    *,
    lasts: timedelta | None = None,
    **hooks: Callable[..., Any],
) -> None:
    """Plan both ends of a fault, and that the record tells of them.

    Args:
        rehearsal: What is broken.
        scenario: The fault.
        stretch: It begins and ends with this.
        broken: Done at the beginning.
        mended: Done at the end.
        lasts: Ends it before the stretch does.
        hooks: The rehearsal's hooks that are others meanwhile.
    """
    clock, chronicle, known = rehearsal.cloud.clock, rehearsal.chronicle, rehearsal.asked.hooks
    usual = {name: getattr(known, name) for name in hooks}

    def begin() -> None:
        chronicle.fault(scenario.name, scenario.what)
        for name, hook in hooks.items():
            setattr(known, name, hook)
        broken()

    def end() -> None:
        for name, hook in usual.items():
            setattr(known, name, hook)
        mended()
        chronicle.fault(scenario.name, f"mended: {scenario.what}", mended=True)

    clock.at(stretch.begins, begin)
    clock.at(stretch.begins + lasts if lasts else stretch.ends, end)


def serving(rehearsal: Rehearsal, moment: datetime) -> int | None:
    """Return the version that had all traffic at a moment, or most of it."""
    shares = rehearsal.cloud.endpoints.share(rehearsal.places.endpoint, moment)
    config = max(shares, key=lambda each: shares[each], default="")
    found = [each.version for each in rehearsal.chronicle.rollouts if each.config == config]
    return found[-1] if found else None
