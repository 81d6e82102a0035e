"""Faults on the way: lost, doubled, late and overtaken events, the same ones for the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallstack import HOUR, MINUTE, START, arrival, small
from smallworlds import BusWorld

from loopwright.rehearsal.aws.faults import Faults


def sent(faults, count, *, apart=timedelta(0)):
    """Send numbered events and return their numbers as they arrived."""
    world = BusWorld(small(), faults=faults)
    for number in range(count):
        world.bus.put(arrival(f"new/{number}"))
        world.clock.run(world.clock.now + apart)
    world.clock.run(world.clock.now + 2 * HOUR)
    return [int(key[4:]) for key in world.keys], world


def test_without_faults_events_arrive_once_in_order():
    assert sent(Faults(), 20)[0] == list(range(20))


def test_every_event_is_lost_or_doubled_where_the_share_is_one():
    assert sent(Faults(lose=1), 20)[0] == []
    numbers, world = sent(Faults(duplicate=1, longest=10 * MINUTE), 20)
    assert Counter(numbers) == dict.fromkeys(range(20), 2)
    assert START < max(world.times) <= START + 10 * MINUTE


def test_the_share_of_a_fault_is_met():
    lost, _ = sent(Faults(lose=0.3, seed=7), 1000)
    assert 640 <= len(lost) <= 760
    doubled, _ = sent(Faults(duplicate=0.3, seed=7), 1000)
    assert 1240 <= len(doubled) <= 1360


def test_another_seed_loses_other_events():
    one, same, other = (sent(Faults(lose=0.5, seed=seed), 40)[0] for seed in (1, 1, 2))
    assert one == same != other


def test_a_late_event_comes_within_the_longest_delay():
    _, world = sent(Faults(delay=1, longest=10 * MINUTE), 50)
    assert len(world.times) == 50
    assert START < min(world.times) < max(world.times) <= START + 10 * MINUTE


def test_an_overtaken_event_comes_right_behind_the_next_or_at_last():
    numbers, _ = sent(Faults(reorder=0.5, seed=3), 50, apart=MINUTE)
    assert sorted(numbers) == list(range(50))
    assert numbers != sorted(numbers)
    _, world = sent(Faults(reorder=1, longest=10 * MINUTE), 1)
    assert world.times == [START + 10 * MINUTE]


@given(st.integers(0, 100), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_faults_are_the_same_each_time_and_lose_only_what_they_say(seed, lose, duplicate, delay, reorder):
    faults = Faults(seed=seed, lose=lose, duplicate=duplicate, delay=delay, reorder=reorder)
    once, again = (sent(faults, 8, apart=MINUTE)[0] for _ in range(2))
    assert once == again
    kept = sent(Faults(seed=seed, lose=lose), 8)[0]
    assert sorted(set(once)) == kept


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_one(share):
    with pytest.raises(ValueError, match="lose is a share"):
        Faults(lose=share)
