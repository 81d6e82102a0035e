"""The loop through seeded schedules of faults, people and time: what must never happen does not, and it gets there.

`LOOPWRIGHT_SCHEDULES` says how many are played; `LOOPWRIGHT_SEED` plays one again, the one that a failure names.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from itertools import product

import drills
import faulty
import pytest
import schedules
import worlds
from naive import Naive

SCHEDULES = int(os.environ.get("LOOPWRIGHT_SCHEDULES", "2500"))
SEED = os.environ.get("LOOPWRIGHT_SEED")
PARTS = 1 if SEED else 16
# So many are held against the services' own models too, which takes four times as long.
STRICT_EVERY = 50
# Within so many, each fault in the handlers has to be noticed.
MOST_UNNOTICED = 1000

CONTROLLER_SAYS = {
    *("quality", "recovery", "drift", "schedule", "age", "manual"),
    *("paused", "unreadable", "in-flight", "broken-data", "budget", "month-full", "settling", "cool-down", "back-off"),
    "no-reason",
    *("failed", "crashed"),
}
DEPLOYER_SAYS = {
    *("deploy", "serves", "rolled-back", "no-package", "all-revoked", "no-downgrade", "refused", "alarm", "unreadable"),
    *("Updating", "RollingBack", "UpdateRollbackFailed", "failed", "crashed"),
}

# A life with a bit of everything in it: six versions, one of which goes back, looks in vain, and broken data.
LIFE = tuple(
    schedules.Step(name, number)
    for name, number in (
        *(("canary", 90), ("canary", 0), ("canary", 2), ("canary", 0), ("canary", 0), ("canary", 0)),
        *(("pipeline ends", 1), ("days", 3), ("tick", 0), ("quality", 1), ("look", 8), ("quality", 0)),
        *(("other alarm", 4), ("tick", 0), ("other alarm", 0)),
    )
)


@pytest.fixture
def stage(monkeypatch):
    return drills.stage_for_handlers(monkeypatch)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_invariants_hold_whatever_happens(stage, figures, part):
    seeds = [int(SEED)] if SEED else range(part, SCHEDULES, PARTS)
    loop, began, steps = drills.Loopwright(), time.process_time(), 0
    for seed in seeds:
        schedule = schedules.draw(seed)
        account = drills.play(loop, schedule, stage, strict=seed % STRICT_EVERY == 0)
        steps += len(schedule)
        assert not account.broken, story(seed, schedule, account.broken, stage)
    speed = len(seeds) / (time.process_time() - began)
    figures(f"{len(seeds)} schedules, {steps} steps, {loop.said.total()} wake-ups: nothing broke; {speed:.0f} a second")


def story(seed, schedule, broken, stage):
    """Return how to see a failure again, and the smallest part of its schedule that still shows it."""
    short = schedules.smallest(
        schedule, lambda part: broken.keys() & drills.play(drills.Loopwright(), part, stage).broken.keys()
    )
    return f"LOOPWRIGHT_SEED={seed} python -m pytest tests/simulation\n{broken}\nthe smallest schedule: {short}"


def test_a_seed_plays_the_same_again(stage):
    def played(seed):
        account = drills.play(drills.Loopwright(), schedules.draw(seed), stage)
        return account.wakes, account.now, account.executions, account.deployments, account.packages

    assert all(played(seed) == played(seed) for seed in range(20))


def test_each_call_meets_each_fault(stage, figures):
    """What is never reached is not proven."""
    loop = drills.Loopwright()
    for aim, kind, nth in product(worlds.AIMS, worlds.FAULTS, (1, 2)):
        account = drills.play(loop, LIFE, stage, faults=[worlds.Fault(kind, nth, aim)])
        assert not account.broken, (aim, kind, nth, account.broken)
    assert {call.partition(" ")[2] for call in loop.called} == set(worlds.CALLS)
    assert set(product(loop.called, worlds.FAULTS)) == loop.met
    figures(f"each of {len(loop.called)} calls of the handlers met each of {len(worlds.FAULTS)} faults")


def test_the_handlers_are_brought_to_all_that_they_can_say(stage, figures):
    loop = drills.Loopwright()
    for seed in range(400):
        drills.play(loop, schedules.draw(seed), stage)
    said = {to: {what for who, what in loop.said if who == to} for to in drills.HANDLERS}
    assert said == {"controller": CONTROLLER_SAYS, "deployer": DEPLOYER_SAYS}
    figures(", ".join(f"{len(ends)} ends of the {to}'s wake-ups" for to, ends in said.items()))


def test_a_loop_that_obeys_events_breaks_them(stage, figures):
    broken, count = Counter(), 1000
    for seed in range(count):
        broken.update(drills.play(Naive(), schedules.draw(seed), stage).broken.keys())
    assert {"one_in_flight", "drift_is_answered", "never_what_was_rolled_back", "no_downgrade_by_itself"} <= set(broken)
    told = ", ".join(f"{name} in {times}" for name, times in broken.most_common())
    figures(f"of {count} schedules it breaks {told}")


@pytest.mark.parametrize("name", faulty.MUTANTS)
def test_a_fault_in_the_handlers_is_noticed(stage, monkeypatch, figures, name):
    put_in, noticed_by = faulty.MUTANTS[name]
    put_in(monkeypatch)
    for seed in range(MOST_UNNOTICED):
        if noticed_by in drills.play(drills.Loopwright(), schedules.draw(seed), stage).broken:
            figures(f"schedule {seed + 1} breaks {noticed_by}")
            return
    pytest.fail(f"{MOST_UNNOTICED} schedules noticed nothing")
