"""What an endpoint tells, beside the documented samples that the wiring proof sends through the rules."""

from __future__ import annotations

import json
from string import Template

import pytest
from servings import ACCOUNT, ARN, NAME, PROVISIONING, REGION, Account, canary, minutes

from loopwright.wiring import samples


def sample(kind):
    text = (samples.EVENTS / f"{kind}.json").read_text()
    return json.loads(Template(text).substitute(account=ACCOUNT, region=REGION, name=NAME, state="IN_SERVICE"))


def shape(value):
    """Return what is where, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__.replace("float", "int")


def without(variant, *names):
    return {key: item for key, item in variant.items() if key not in names}


@pytest.fixture
def account():
    account = Account(alarms={"errors": "OK"})
    account.serving("old", "new")
    return account


def statuses(account):
    return [each["detail"]["EndpointStatus"] for each in account.told("Endpoint State Change")]


def test_the_status_event_is_shaped_as_documented(account):
    account.endpoints.endpoint(NAME).maintain(minutes(1))
    account.later(minutes(1))
    event = account.told("Endpoint State Change")[-1]
    mine, theirs = shape(event), shape(sample("endpoint"))
    # The sample leaves out what is; the documentation of the other event has it.
    current = ("CurrentWeight", "CurrentInstanceCount")
    mine["detail"]["ProductionVariants"] = [without(each, *current) for each in mine["detail"]["ProductionVariants"]]
    assert mine == theirs
    assert (event["time"], event["detail"]["LastModifiedTime"]) == ("2026-03-10T09:37:00Z", 1773135420000)
    assert event["resources"] == [f"{ARN}:endpoint/{NAME}"]


def test_the_deployment_event_is_shaped_as_documented(account):
    account.update("new", canary())
    account.later(PROVISIONING)
    event = account.told("Endpoint Deployment State Change")[-1]
    assert shape(event) == shape(sample("endpoint_deployment"))
    assert event["detail"]["EndpointStatus"] == "UPDATING"


def test_a_successful_deployment_tells_each_stage_and_each_status(account):
    account.update("new", canary(wait=600, last=300))
    account.later(minutes(60))
    told = account.told("Endpoint Deployment State Change")
    stages = [
        (status["Status"], status["StatusMessage"])
        for each in told
        for status in each["detail"]["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
    ]
    canaried, whole = "canary capacity of 1 instance(s).", "full capacity of 2 instance(s)."
    assert stages == [
        ("Creating", "Launching 2 instance(s)."),
        ("ActivatingTraffic", f"Activating traffic on {canaried}"),
        ("Baking", f"Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on {canaried}"),
        ("ActivatingTraffic", f"Activating traffic on {whole}"),
        ("Baking", f"Baking for 300 seconds (TerminationWaitInSeconds) with traffic enabled on {whole}"),
        ("Deleting", "Terminating 2 instance(s)."),
    ]
    assert statuses(account) == ["UPDATING", "IN_SERVICE"]


def test_a_rollback_tells_its_states(account):
    account.alarms["errors"] = "ALARM"
    account.update("new", canary())
    account.later(minutes(60))
    assert statuses(account) == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    last = account.told("Endpoint State Change")[-1]["detail"]
    assert last["EndpointConfigName"] == "old"
    assert not any("PendingDeploymentSummary" in each["detail"] for each in account.told("Endpoint State Change"))


def test_every_event_has_its_own_id_and_two_rehearsals_have_the_same(account):
    account.update("new", canary())
    account.later(minutes(60))
    ids = [each["id"] for each in account.events]
    assert len(set(ids)) == len(ids) == 8
    again = Account(alarms={"errors": "OK"})
    again.serving("old", "new")
    again.update("new", canary())
    again.later(minutes(60))
    assert again.events == account.events
