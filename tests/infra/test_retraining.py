"""When to retrain: every branch of the decision, and what always holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import START
from handlers.retraining import REASONS, Policy, State, decide, token
from hypothesis import given
from hypothesis import strategies as st
from pasts import CALM, POLICY, alarm, execution, found, ran
from strict_client import service

STATUSES = service("sagemaker").shape_for("PipelineExecutionStatus").enum


ALL = {"alarms": alarm(drift="ALARM", quality="ALARM"), "manual": True}
DRIFT = {"alarms": alarm(drift="ALARM")}


def ago(hours):
    return START - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "no-reason"),
        (ALL, "quality"),
        (DRIFT, "drift"),
        ({"newest_data": START}, "new-data"),
        ({"newest_data": START - timedelta(hours=49)}, "no-reason"),
        ({"executions": ran(("Succeeded", 7 * 24))}, "schedule"),
        ({"executions": ()}, "schedule"),
        ({"manual": True}, "manual"),
        ({"scheduled": True}, "schedule"),
        # What is in the way, in this order
        (ALL | {"paused": True, "unreadable": ("spend",)}, "paused"),
        (ALL | {"unreadable": ("spend",)}, "unreadable"),
        (ALL | {"spend_usd": None}, "unreadable"),
        (ALL | {"spend_usd": float("nan")}, "unreadable"),
        (ALL | {"alarms": alarm(drift="ALARM", quality="MISSING")}, "unreadable"),
        (ALL | {"executions": ran(("Pondering", 48))}, "unreadable"),
        (ALL | {"executions": ran(("Executing", 48))}, "in-flight"),
        (ALL | {"executions": ran(("Succeeded", 30), ("Stopping", 48))}, "in-flight"),
        (ALL | {"alarms": alarm(drift="ALARM", data="ALARM"), "spend_usd": 900}, "broken-data"),
        (ALL | {"spend_usd": 300.0}, "budget"),
        (ALL | {"executions": ran(*[("Succeeded", 25)] * 8)}, "month-full"),
        # A person need not wait, and waiting is then not what the reason was
        (DRIFT | {"executions": ran(("Succeeded", 23))}, "cool-down"),
        (ALL | {"executions": ran(("Succeeded", 23))}, "manual"),
        (DRIFT | {"executions": ran(("Succeeded", 24))}, "drift"),
        (DRIFT | {"executions": ran(("Succeeded", -1))}, "cool-down"),
        # Doubling: 24 h after one failure, 48 h after two, 28 days at most
        (DRIFT | {"executions": ran(("Failed", 23))}, "back-off"),
        (DRIFT | {"executions": ran(("Failed", 24))}, "drift"),
        (DRIFT | {"executions": ran(("Failed", 47), ("CompletedWithFailures", 80))}, "back-off"),
        (DRIFT | {"executions": ran(("Failed", 48), ("Stopped", 60), ("Failed", 80), ("Succeeded", 99))}, "drift"),
        (DRIFT | {"executions": ran(*[("Failed", 28 * 24 - 1)] * 8, *[("Succeeded", 9999)])}, "back-off"),
        (DRIFT | {"executions": ran(*[("Failed", 28 * 24)] * 8)}, "drift"),
        (DRIFT | {"executions": ran(("Stopped", 23), ("Failed", 99))}, "back-off"),
        # What a failed retraining was to answer is still asked
        ({"executions": ran(("Failed", 30), ("Succeeded", 7 * 24))}, "schedule"),
        (
            {"executions": ran(("Failed", 30), ("Succeeded", 90)), "newest_data": START - timedelta(hours=60)},
            "new-data",
        ),
        # Looks that found no better model: each makes the next scheduled one twice as late, 28 days at most
        ({"executions": ran(("Rejected", 14 * 24 - 1))}, "no-reason"),
        ({"executions": ran(("Rejected", 14 * 24))}, "schedule"),
        ({"executions": ran(("Rejected", 28 * 24 - 1), ("Rejected", 900))}, "no-reason"),
        ({"executions": ran(*[("Rejected", 28 * 24 - 1)] * 9)}, "no-reason"),
        ({"executions": ran(*[("Rejected", 28 * 24)] * 9)}, "schedule"),
        ({"executions": ran(("Better", 7 * 24), ("Rejected", 900))}, "schedule"),
        # Drift and new data wait twice the cool-down after one, and a failure beside it counts as one of them
        (DRIFT | {"executions": ran(("Rejected", 47))}, "back-off"),
        (DRIFT | {"executions": ran(("Rejected", 48))}, "drift"),
        (DRIFT | {"executions": ran(("Better", 24), ("Rejected", 90))}, "drift"),
        ({"scheduled": True, "executions": ran(("Rejected", 47))}, "back-off"),
        ({"newest_data": START, "executions": ran(("Rejected", 95), ("Rejected", 400))}, "back-off"),
        ({"newest_data": START, "executions": ran(("Rejected", 96), ("Rejected", 400))}, "new-data"),
        (DRIFT | {"executions": ran(("Failed", 47), ("Rejected", 90))}, "back-off"),
        (DRIFT | {"executions": ran(("Failed", 95), ("Failed", 99), ("Rejected", 99))}, "back-off"),
        (DRIFT | {"executions": ran(("Failed", 96), ("Failed", 99), ("Rejected", 99))}, "drift"),
        (DRIFT | {"executions": ran(("Rejected", 28 * 24), *[("Rejected", 9999)] * 40)}, "drift"),
        # Drift that goes on after a model was made for it says nothing new for as long as the schedule is, or a week
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Better", 30))}, "settling"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Succeeded", 7 * 24 - 1))}, "settling"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Better", 23))}, "settling"),
        (DRIFT | {"drift_since": ago(22), "executions": ran(("Better", 23))}, "cool-down"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Better", 7 * 24))}, "drift"),
        (DRIFT | {"drift_since": ago(29), "executions": ran(("Better", 30))}, "drift"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Failed", 49))}, "drift"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Failed", 49), ("Better", 60))}, "settling"),
        (DRIFT | {"drift_since": ago(900), "executions": ran(("Failed", 2), ("Better", 800))}, "back-off"),
        (DRIFT | {"drift_since": ago(200), "executions": ran(("Rejected", 49))}, "drift"),
        (DRIFT | {"drift_since": None, "executions": ran(("Better", 30))}, "drift"),
    ],
)
def test_every_branch(changes, reason):
    decision = decide(replace(CALM, **changes), POLICY, START)
    assert decision.reason == reason
    assert decision.start == (reason in REASONS)
    assert decision.explanation.startswith("retrain" if decision.start else "nothing, because")


@pytest.mark.parametrize(
    ("changes", "page"),
    [
        (DRIFT | {"executions": ran(("Failed", 20), ("Failed", 80))}, ""),
        (DRIFT | {"executions": ran(*[("Failed", 20)] * 3)}, "3 retrainings failed in a row"),
        (DRIFT | {"executions": ran(*[("Failed", 20)] * 3, ("Refused", 20))}, "3 retrainings failed in a row"),
        (DRIFT | {"executions": ran(*[("Refused", 20)] * 3)}, "no model passed the gates, 3 retrainings in a row"),
        (
            DRIFT | {"executions": ran(*[("Refused", 20), ("Failed", 20)] * 2)},
            "no model passed the gates, 4 retrainings in a row",
        ),
        (DRIFT | {"executions": ran(*[("Refused", 20)] * 2, ("Better", 20), ("Refused", 20))}, ""),
        # On the day of a failure, not on each of the weeks that a back-off lasts
        (DRIFT | {"executions": ran(*[("Failed", 23)] * 5)}, "5 retrainings failed in a row"),
        (DRIFT | {"executions": ran(*[("Failed", 24)] * 5)}, ""),
        ({"executions": ran(("Executing", 24))}, ""),
        ({"executions": ran(("Executing", 25))}, "a retraining does not end"),
        ({"spend_usd": 301}, ""),
        (DRIFT | {"spend_usd": 301}, "the budget stops retraining"),
        ({"alarms": alarm(data="ALARM")}, "broken data"),
        ({"unreadable": ("x",)}, "the controller is blind"),
        ({"paused": True}, ""),
    ],
)
def test_a_person_is_called_where_a_person_is_needed(changes, page):
    assert decide(replace(CALM, **changes), POLICY, START).page == page


def test_drift_that_goes_on_waits_for_the_schedule_where_that_is_longer_than_a_week():
    drifting = replace(CALM, **DRIFT, drift_since=ago(900), executions=ran(("Better", 14 * 24)))
    assert decide(drifting, replace(POLICY, schedule_days=30, max_age_days=None), START).reason == "settling"
    assert decide(drifting, replace(POLICY, schedule_days=None, max_age_days=None), START).reason == "drift"


def test_limits_of_the_month_are_those_of_the_calendar():
    policy = replace(POLICY, max_per_month=1)
    first = replace(CALM, executions=ran(("Succeeded", 9 * 24 + 9.6)), **DRIFT)
    assert decide(first, policy, START).reason == "drift", "it started on the last day of February"
    assert decide(replace(first, executions=ran(("Succeeded", 9 * 24 + 9.4))), policy, START).reason == "month-full"


endings = st.sampled_from([*STATUSES, *STATUSES, "Better", "Rejected", "Rejected", "Rejected", "Pondering"])
executions = st.lists(
    st.tuples(endings, st.integers(-48, 2000), st.sampled_from(["unknown", *REASONS])), max_size=12
).map(lambda runs: ran(*sorted(runs, key=lambda run: run[1])))
times = st.integers(0, 900).map(lambda hours: START - timedelta(hours=hours))
states = st.builds(
    State,
    unreadable=st.sampled_from([(), (), (), ("spend: denied",)]),
    paused=st.sampled_from([False, False, False, True]),
    alarms=st.dictionaries(
        st.sampled_from(["drift", "quality", "data"]),
        st.sampled_from(["OK", "OK", "ALARM", "INSUFFICIENT_DATA", "MISSING"]),
    ),
    quality_since=st.none() | times,
    drift_since=st.none() | times,
    executions=executions,
    spend_usd=st.one_of(st.none(), st.floats(0, 400), st.sampled_from([float("nan"), float("inf"), 1.0, 1.0])),
    newest_data=st.none() | times,
    manual=st.booleans(),
    scheduled=st.booleans(),
)
policies = st.builds(
    Policy,
    schedule_days=st.none() | st.floats(0.1, 30) | st.floats(0.1, 1_000_000),
    max_age_days=st.none() | st.floats(0.1, 90) | st.floats(0.1, 1_000_000),
    windows_days=st.just((30,)),
    cooldown_hours=st.one_of(st.sampled_from([0, 24, 1_000_000]), st.floats(0, 1000)),
    max_per_month=st.integers(0, 40),
    monthly_usd=st.floats(0, 1_000_000),
    new_data=st.booleans(),
    approval=st.just("auto"),
)


@given(states, policies)
def test_it_decides_on_any_state_and_keeps_every_limit(state, policy):
    decision = decide(state, policy, START)
    assert decision == decide(state, policy, START)
    if not decision.start:
        return
    assert not state.paused
    assert not state.unreadable
    assert not {each.status for each in state.executions} & {"Executing", "Stopping", "Pondering"}
    assert state.spend_usd < policy.monthly_usd
    assert sum(each.started.month == START.month for each in state.executions) < policy.max_per_month
    assert state.alarms.get("data") != "ALARM"
    assert decision.reason in decision.wanted
    if not state.manual:
        cooldown = timedelta(hours=policy.cooldown_hours)
        assert all(START - each.started >= cooldown for each in state.executions)


@given(states, policies, st.data())
def test_drift_is_never_forgotten(state, policy, data):
    """Whatever was in vain before: with nothing in the way, drift leads to a retraining after the longest back-off."""
    endings = st.sampled_from(["Failed", "Rejected"])
    old = ran(*((data.draw(endings), 29 * 24, each.reason) for each in state.executions))
    policy = replace(policy, cooldown_hours=min(policy.cooldown_hours, 600), monthly_usd=300, max_per_month=40)
    state = State(alarms={"drift": "ALARM"}, executions=old, spend_usd=1.0)
    assert decide(state, policy, START).start


@given(states, policies)
def test_what_it_started_is_enough(state, policy):
    """Once the start that it asks for is in the state, it asks for none."""
    first = decide(state, policy, START)
    if first.start:
        under_way = execution("new", "Executing", 0, first.reason)
        after = replace(state, executions=(under_way, *state.executions))
        assert decide(after, policy, START).reason == "in-flight"


@given(states, policies, st.floats(0, 1e6))
def test_more_spend_starts_nothing(state, policy, more):
    richer = replace(state, spend_usd=(state.spend_usd or 0) + more)
    assert decide(state, policy, START).start or not decide(richer, policy, START).start or state.spend_usd is None


@given(states, policies)
def test_a_pause_starts_nothing(state, policy):
    assert decide(replace(state, paused=True), policy, START).reason == "paused"


@given(states, policies, st.sampled_from(["drift", "quality"]))
def test_one_alarm_more_takes_no_start_away(state, policy, role):
    fired = replace(state, alarms={**state.alarms, role: "ALARM"})
    assert decide(fired, policy, START).start or not decide(state, policy, START).start
    if state.alarms.get("data") != "ALARM":
        broken = replace(state, alarms={**state.alarms, "data": "ALARM"})
        assert not decide(broken, policy, START).start


@given(states, policies, st.integers(0, 11))
def test_one_rejection_more_makes_no_scheduled_look_earlier(state, policy, number):
    """Without recovery, of which the end is a matter of rejections too; a look is a look, whatever it found."""
    past = [replace(each, reason="unknown") for each in state.executions]
    state = replace(state, alarms={}, executions=tuple(past))
    better = [index for index, each in enumerate(past) if each.status == "Succeeded" and not each.rejected]
    if better:
        index = better[number % len(better)]
        past[index] = replace(past[index], probe=found(go=False))
        assert (
            decide(state, policy, START).start
            or not decide(replace(state, executions=tuple(past)), policy, START).start
        )


def test_the_token_holds_across_midnight_and_lets_go_a_day_later():
    late = START.replace(hour=23, minute=59)
    state = replace(CALM, executions=ran(("Succeeded", 30)))
    assert token("p", state, late) == token("p", state, late + timedelta(minutes=2))
    assert token("p", state, late) != token("p", state, late + timedelta(days=1))
    assert token("p", state, late) != token("q", state, late)
    assert token("p", replace(state, executions=()), late) == token("p", replace(state, executions=()), late)
