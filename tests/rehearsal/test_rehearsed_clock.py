"""The simulated clock: order, planning while running, and no way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws.clock import Clock

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(st.lists(st.integers(0, 5), max_size=20))
def test_what_is_due_runs_by_time_and_then_as_planned(hours):
    clock, seen = Clock(START), []
    for index, hour in enumerate(hours):
        clock.at(START + hour * HOUR, lambda pair=(hour, index): seen.append((clock.now, pair)))
    clock.run(START + 10 * HOUR)
    assert [pair for _, pair in seen] == sorted((hour, index) for index, hour in enumerate(hours))
    assert all(now == START + hour * HOUR for now, (hour, _) in seen)
    assert clock.now == START + 10 * HOUR


def test_the_last_moment_is_included_and_what_is_later_waits():
    clock, seen = Clock(START), []
    for hour in (1, 2, 3):
        clock.after(hour * HOUR, lambda: seen.append(clock.now))
    clock.run(START + 2 * HOUR)
    assert len(seen) == 2
    clock.run(START + 3 * HOUR)
    assert len(seen) == 3


def test_an_action_plans_more_for_the_same_stretch():
    clock, seen = Clock(START), []

    def tick():
        seen.append(clock.now)
        clock.after(HOUR, tick)

    clock.at(START, tick)
    clock.run(START + 3 * HOUR)
    assert seen == [START + hour * HOUR for hour in range(4)]


def test_time_never_goes_back():
    clock = Clock(START)
    clock.run(START + HOUR)
    with pytest.raises(ValueError, match="over"):
        clock.at(START, lambda: None)
    with pytest.raises(ValueError, match="over"):
        clock.after(-HOUR, lambda: None)
    with pytest.raises(ValueError, match="back"):
        clock.run(START)


def test_an_action_that_raises_leaves_the_clock_at_its_moment():
    clock, seen = Clock(START), []
    clock.after(HOUR, lambda: 1 / 0)
    clock.after(2 * HOUR, lambda: seen.append(clock.now))
    with pytest.raises(ZeroDivisionError):
        clock.run(START + 3 * HOUR)
    assert clock.now == START + HOUR
    clock.run(START + 3 * HOUR)
    assert seen == [START + 2 * HOUR]


def test_an_action_does_not_run_the_clock():
    clock = Clock(START)
    clock.after(HOUR, lambda: clock.run(START + 2 * HOUR))
    with pytest.raises(ValueError, match="run the clock"):
        clock.run(START + HOUR)


def test_every_time_has_a_zone_and_is_told_in_utc():
    clock = Clock(datetime(2026, 1, 5, 2, tzinfo=timezone(2 * HOUR)))
    assert clock.now == START
    assert clock.now.tzinfo is UTC
    with pytest.raises(ValueError, match="zone"):
        clock.at(datetime(2026, 1, 6), lambda: None)  # noqa: DTZ001 - that is the point
