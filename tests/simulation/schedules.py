"""Schedules: seeded sequences of what may happen to an account. A seed is all that is needed to see one again."""

from __future__ import annotations

import random
from dataclasses import dataclass

import happenings

SHORTEST, LONGEST = 20, 40


@dataclass(frozen=True)
class Step:
    """One thing that happens; the number chooses which one, where there are several."""

    name: str
    number: int

    def __repr__(self):
        return f"{self.name} {self.number}"


def draw(seed):
    """Return the schedule of a seed.

    Each has its own taste: some kinds of steps are left out and others come often, because what is rare everywhere
    is never met twice in a row anywhere.
    """
    chance = random.Random(seed)  # noqa: S311 - it has to come out the same
    weights = [weight * chance.choice((0, 1, 1, 4)) for _, weight in happenings.STEPS.values()]
    weights[list(happenings.STEPS).index("tick")] += 4
    names = chance.choices(list(happenings.STEPS), weights, k=chance.randint(SHORTEST, LONGEST))
    # Clean-up and recovery are for those who have a history.
    names = ["canary"] * chance.choice((0, 0, 0, 4)) + names
    names = chance.choice(([], [], [], ["quality", *["look"] * 5])) + names
    return tuple(Step(name, chance.randrange(1 << 16)) for name in names)


def smallest(schedule, broken):
    """Return a part of a schedule of which ``broken`` still holds, and of no part with one step less."""
    at = 0
    while at < len(schedule):
        shorter = schedule[:at] + schedule[at + 1 :]
        schedule, at = (shorter, at) if broken(shorter) else (schedule, at + 1)
    return schedule
