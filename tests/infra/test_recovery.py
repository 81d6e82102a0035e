"""After a quality alarm the loop looks often, for a while; and whatever was found, never too long without a look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from fakes import START
from handlers.history import reason_of
from handlers.retraining import REASONS, State, decide
from hypothesis import given
from hypothesis import strategies as st
from pasts import CALM, POLICY, UNBOUND, alarm, execution, ran

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRING = {"alarms": alarm(quality="ALARM")}


def series(*endings, ago=0, every=72):
    """Return a recovery, its newest look so many hours ago: the first look has the reason quality."""
    runs = [(ending, ago + every * n, "recovery") for n, ending in enumerate(endings)]
    return ran(*runs[:-1], (*runs[-1][:2], "quality"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        # A new alarm waits for the cool-down and for failures, and for no rejection
        (FIRING | {"executions": ()}, "quality"),
        (FIRING | {"executions": ran(("Rejected", 23), *[("Rejected", 99)] * 5)}, "back-off"),
        (FIRING | {"executions": ran(("Rejected", 24), *[("Rejected", 99)] * 5)}, "quality"),
        (FIRING | {"executions": ran(("Failed", 47), ("Failed", 99))}, "back-off"),
        # Every three days, also where the alarm is over by now
        (FIRING | {"executions": series("Rejected", ago=71)}, "back-off"),
        (FIRING | {"executions": series("Rejected", ago=72)}, "recovery"),
        ({"executions": series("Rejected", ago=72)}, "recovery"),
        ({"executions": series("Better", ago=71)}, "cool-down"),
        ({"executions": series("Better", ago=72)}, "recovery"),
        ({"executions": series("Better", "Rejected", "Rejected", "Rejected", ago=72)}, "recovery"),
        ({"executions": ran(("Better", 71), ("Rejected", 100, "quality"))}, "cool-down"),
        ({"executions": ran(*[("Failed", 95)] * 3, ("Better", 100, "quality"))}, "back-off"),
        ({"executions": ran(*[("Failed", 96)] * 3, ("Better", 100, "quality"))}, "recovery"),
        # Three rejections in a row end it, whatever failed between them; then it is like drift
        ({"executions": series(*["Rejected"] * 3, ago=100)}, "no-reason"),
        ({"executions": series("Rejected", "Failed", "Rejected", "Rejected", ago=100)}, "no-reason"),
        (FIRING | {"executions": series(*["Rejected"] * 3, ago=8 * 24 - 1)}, "back-off"),
        (FIRING | {"executions": series(*["Rejected"] * 3, ago=8 * 24)}, "recovery"),
        # What came too early to compare anything is no rejection
        ({"executions": series(*["Early"] * 4, ago=72)}, "recovery"),
        ({"executions": ran(("Early", 24 * 7), *[("Rejected", 24 * 30)] * 3)}, "schedule"),
        # Twenty-eight days after it began it is over
        ({"executions": series("Better", "Better", ago=25 * 24 - 1)}, "recovery"),
        ({"executions": series("Better", "Better", ago=25 * 24), "newest_data": None}, "schedule"),
    ],
)
def test_recovery(changes, reason):
    decision = decide(replace(CALM, **changes), POLICY, START)
    assert (decision.reason, decision.start) == (reason, reason in REASONS)


@pytest.mark.parametrize(
    ("began", "changed", "reason"),
    [
        (29, 1, "quality"),
        (29, 30, "recovery"),
        (27, 1, "recovery"),
        (29, None, "recovery"),
    ],
)
def test_only_an_alarm_that_fires_again_begins_another(began, changed, reason):
    """In days: when the last recovery began, when the alarm turned; the same alarm never begins two."""
    past = ran(("Better", 99), ("Rejected", 24 * began, "quality"))
    state = replace(CALM, **FIRING, executions=past, quality_since=None if changed is None else START - changed * DAY)
    assert decide(state, replace(POLICY, **UNBOUND), START).reason == reason


def lived(hours, ending, *, changed=lambda _now: START, alarms=None, **policy):
    """Return what an alarm that never ends leads to, hour by hour: when something started, and why."""
    past, starts, policy = (), [], replace(POLICY, **(UNBOUND | policy))
    for hour in range(hours):
        now = START + hour * HOUR
        state = State(alarms=alarms or FIRING["alarms"], executions=past, spend_usd=1, quality_since=changed(now))
        decision = decide(state, policy, now)
        if decision.start:
            starts.append((hour / 24, decision.reason))
            past = (execution(hour, ending, 0, decision.reason, now=now), *past)
    return starts


def test_an_alarm_that_no_model_ends_is_not_probed_forever():
    starts = lived(365 * 24, "Rejected")
    assert starts[:3] == [(0, "quality"), (3, "recovery"), (6, "recovery")]
    assert [day for day, _ in starts[3:7]] == [14, 30, 58, 86], (
        "like drift: ever more rarely, and every 28 days at last"
    )
    assert {why for _, why in starts[1:]} == {"recovery"}
    assert len(starts) == 16


def test_an_alarm_that_comes_and_goes_has_one_recovery_in_28_days():
    starts = lived(365 * 24, "Rejected", changed=lambda now: now)
    begun = [day for day, why in starts if why == "quality"]
    assert all(later - earlier >= 28 for earlier, later in pairwise(begun))
    assert len(starts) <= 5 * (365 / 28 + 1)


def test_better_models_are_looked_for_every_three_days_while_the_alarm_lasts():
    days = [day for day, _ in lived(90 * 24, "Better")]
    assert days == [*range(0, 90, 3)]


@given(st.lists(st.sampled_from(["Better", "Rejected", "Failed"]), min_size=1, max_size=12), st.integers(0, 800))
def test_it_never_looks_more_often_than_it_may(endings, ago):
    """Nor more than 28 days after it began, where no alarm fires."""
    past = series(*endings, ago=ago)
    decision = decide(replace(CALM, executions=past), replace(POLICY, **UNBOUND), START)
    assert not decision.start or (decision.reason == "recovery" and ago >= 72 and START - past[-1].started < 28 * DAY)


# However old the last look may be


@pytest.mark.parametrize(
    ("policy", "past", "reason"),
    [
        ({"max_age_days": 10}, [("Rejected", 10 * 24 - 1)], "no-reason"),
        ({"max_age_days": 10}, [("Rejected", 10 * 24)], "age"),
        ({"max_age_days": 10}, [*[("Rejected", 10 * 24)] * 9], "age"),
        ({"max_age_days": 10}, [("Better", 10 * 24)], "schedule"),
        ({"max_age_days": 10, "schedule_days": None}, [("Better", 10 * 24)], "age"),
        ({"max_age_days": 10, "schedule_days": None}, [("Better", 10 * 24 - 1)], "no-reason"),
        ({"max_age_days": 10, "schedule_days": None}, [], "age"),
        ({"max_age_days": None, "schedule_days": None}, [], "no-reason"),
        # A failure is no look, and its own back-off holds
        ({"max_age_days": 10}, [("Failed", 47), ("Failed", 99), ("Rejected", 11 * 24)], "back-off"),
        ({"max_age_days": 10}, [("Failed", 48), ("Failed", 99), ("Rejected", 11 * 24)], "age"),
        ({"max_age_days": 0.5}, [("Rejected", 23)], "back-off"),
    ],
)
def test_the_age_of_the_last_look(policy, past, reason):
    assert decide(replace(CALM, executions=ran(*past)), replace(POLICY, **policy), START).reason == reason


def test_an_age_that_alone_is_ripe_is_the_reason():
    state = replace(CALM, alarms=alarm(drift="ALARM"), executions=ran(*[("Rejected", 10 * 24)] * 5))
    decision = decide(state, replace(POLICY, max_age_days=10), START)
    assert (decision.reason, decision.wanted) == ("age", ("drift", "age"))
    assert decision.explanation == "retrain, because of age"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((f"{reason}-2026-03-10", reason) for reason in REASONS),
        ("nightly-2026-03-10", "unknown"),
        ("quality", "unknown"),
        ("quality-2026-03-10-again", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_reason_is_in_the_name(name, reason):
    assert reason_of(name, REASONS) == reason
