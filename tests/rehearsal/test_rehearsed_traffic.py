"""An update's traffic: who gets which share when, and which alarms take it back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servings import PROVISIONING, ROLLING_BACK, SERVERLESS, START, TERMINATING, Account, canary, minutes, policy

OLD, NEW, BOTH = {"old": 1.0}, {"new": 1.0}, {"old": 0.9, "new": 0.1}


@pytest.fixture
def account():
    account = Account(alarms={"errors": "OK"})
    account.serving("old", "new")
    return account


def test_a_canary_bakes_and_then_the_rest_follows_and_bakes(account):
    account.update("new", canary(wait=600, last=300))
    account.later(minutes(30))
    first, whole = PROVISIONING, PROVISIONING + minutes(10)
    at = PROVISIONING  # the endpoint's own making, before the update
    for moment, expected in [
        (minutes(0), OLD),
        (first - minutes(1), OLD),
        (first, BOTH),
        (whole - minutes(1), BOTH),
        (whole, NEW),
        (whole + minutes(14), NEW),
    ]:
        assert account.share(at + moment) == pytest.approx(expected), moment
    assert account.status == "InService"
    assert account.endpoint["EndpointConfigName"] == "new"
    assert account.endpoint["LastModifiedTime"] == START + at + whole + minutes(5) + TERMINATING
    assert account.endpoint["LastDeploymentConfig"] == canary(wait=600, last=300)


def test_a_linear_rollout_goes_step_by_step(account):
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    account.update("new", policy("LINEAR", 600, 60, LinearStepSize=size))
    account.later(PROVISIONING + minutes(9))
    assert account.share() == {"old": 0.5, "new": 0.5}
    account.later(minutes(1))
    assert account.share() == NEW


def test_while_an_update_bakes_the_old_configuration_is_described_and_the_new_one_is_pending(account):
    account.update("new", canary())
    account.later(PROVISIONING + minutes(3))
    found = account.endpoint
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("Updating", "old")
    pending = found["PendingDeploymentSummary"]
    assert (pending["EndpointConfigName"], pending["StartTime"]) == ("new", START + PROVISIONING)
    (status,) = pending["ProductionVariants"][0]["VariantStatus"]
    assert (status["Status"], status["StartTime"]) == ("Baking", START + 2 * PROVISIONING)
    assert status["StatusMessage"] == (
        "Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
    )


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        (PROVISIONING, "at once: baking begins"),
        (PROVISIONING + minutes(4), "in the canary's baking"),
        (PROVISIONING + minutes(12), "in the last baking"),
        (PROVISIONING + minutes(15), "in its last moment"),
    ],
)
def test_an_alarm_while_baking_takes_all_traffic_back_and_leaves_no_reason(account, after, seen):
    account.set("errors", "ALARM", after)
    account.update("new", canary(wait=600, last=300))
    account.later(after + minutes(1))
    assert (account.status, account.share()) == ("RollingBack", OLD), seen
    account.later(ROLLING_BACK)
    found = account.endpoint
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "old")
    assert {"FailureReason", "PendingDeploymentSummary"}.isdisjoint(found)
    account.later(minutes(600))
    assert account.share() == OLD


def test_an_alarm_in_alarm_from_the_start_ends_the_deployment_when_baking_begins(account):
    account.alarms["errors"] = "ALARM"
    account.update("new", canary())
    account.later(PROVISIONING - minutes(1))
    assert account.status == "Updating"
    account.later(minutes(1))
    assert (account.status, account.share()) == ("RollingBack", OLD)


def test_an_alarm_that_is_over_before_baking_or_comes_after_it_changes_nothing(account):
    account.alarms["errors"] = "ALARM"
    account.set("errors", "OK", PROVISIONING - minutes(1))
    account.set("errors", "ALARM", PROVISIONING + minutes(16))
    account.update("new", canary(wait=600, last=300))
    account.later(minutes(60))
    assert (account.status, account.share()) == ("InService", NEW)


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_no_other_state_of_an_alarm_counts(account, state):
    account.set("errors", state, PROVISIONING + minutes(1))
    account.update("new", canary())
    account.later(minutes(60))
    assert account.share() == NEW


@pytest.mark.parametrize("deployment", [None, policy("ALL_AT_ONCE", 60, 0), canary(alarms=())])
def test_without_baking_or_alarms_nothing_is_watched(account, deployment):
    account.alarms["errors"] = "ALARM"
    account.update("new", deployment)
    account.later(minutes(60))
    assert (account.status, account.share()) == ("InService", NEW)


def test_a_new_fleet_that_is_not_healthy_gets_no_traffic_and_the_endpoint_goes_back(account):
    account.sick.add("new")
    account.update("new", canary())
    account.later(PROVISIONING)
    assert account.status == "RollingBack"
    account.later(ROLLING_BACK)
    assert (account.status, account.endpoint["EndpointConfigName"]) == ("InService", "old")
    assert all("new" not in account.share(minutes(minute)) for minute in range(16))


def test_a_deployment_that_takes_too_long_goes_back(account):
    account.update("new", canary(wait=1200, last=0, limit=600))
    account.later(minutes(9))
    assert account.status == "Updating"
    account.later(minutes(1))
    assert (account.status, account.share()) == ("RollingBack", OLD)


def test_what_was_planned_for_one_deployment_does_not_touch_the_next(account):
    account.set("errors", "ALARM", PROVISIONING)
    account.set("errors", "OK", PROVISIONING + minutes(1))
    account.update("new", canary(limit=1200))
    account.later(PROVISIONING + ROLLING_BACK)
    account.update("new", canary(wait=1200, last=0))
    account.later(minutes(12))  # 22 minutes after the first began, whose limit was 20
    assert (account.status, account.share()) == ("Updating", pytest.approx(BOTH))


@pytest.mark.parametrize("variant", [SERVERLESS, {"InstanceType": "ml.inf1.xlarge", "InitialInstanceCount": 2}])
def test_without_guardrails_all_moves_at_once_whatever_is_asked_for(variant):
    account = Account(alarms={"errors": "ALARM"})
    account.serving("old", "new", variant=variant)
    account.update("new", canary())
    account.later(PROVISIONING)
    assert account.share() == NEW
    account.later(TERMINATING)
    assert account.status == "InService"
    assert account.told("Endpoint Deployment State Change") == []


def test_the_shares_of_the_time_to_come_are_not_known(account):
    with pytest.raises(ValueError, match="to come"):
        account.share(PROVISIONING + minutes(1))


@settings(max_examples=60, deadline=None)
@given(
    percent=st.integers(1, 50),
    wait=st.integers(0, 3600),
    last=st.integers(0, 3600),
    limit=st.none() | st.integers(600, 28800),
    alarm=st.none() | st.integers(0, 200),
)
def test_the_traffic_is_always_whole_and_the_endpoint_always_comes_to_rest(percent, wait, last, limit, alarm):
    account = Account(alarms={"errors": "OK"})
    account.serving("old", "new")
    if alarm is not None:
        account.set("errors", "ALARM", minutes(alarm))
    account.update("new", canary(percent, wait, last, limit))
    for _ in range(150):
        account.later(minutes(1))
        assert sum(account.share().values()) == pytest.approx(1)
    assert account.status == "InService"
    assert account.share() == {account.endpoint["EndpointConfigName"]: 1.0}
