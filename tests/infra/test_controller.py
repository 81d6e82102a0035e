"""The controller's shell against a strict AWS: what it starts and tells, whatever fails or happens twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from fakes import ARN, REGION, START, refused
from handlers import aws, controller
from handlers.variables import SettingsError
from strict_client import Crash
from wakeups import CONTROLLER, lines, retraining_world
from wakeups import wake_controller as wake


@pytest.fixture
def world(monkeypatch):
    world = retraining_world(monkeypatch)
    world.package(1)
    world.package(2, "Rejected")
    world.execution("Succeeded", days=3)
    return world


def test_drift_starts_one_retraining_with_what_it_needs(world, capsys):
    world.alarms["churn-dev-drift"] = "ALARM"
    world.store("data/files/history.parquet", b"rows")
    listed = world.s3_list_objects_v2("data", "files/")["Contents"]
    told = wake()
    (request,) = world.did("start_pipeline_execution")
    assert {each["Name"]: each["Value"] for each in request["PipelineParameters"]} == {
        "Reason": "drift",
        "DataUntil": "2026-03-10",
        "DataVersion": controller.data_version(listed),
        "WindowsDays": "30,60",
        "Champion": f"{ARN}:model-package/churn-dev-models/1",
        "ChampionUri": world.packages[1]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
    }
    spend = {"SpendUsd": 12.5, "BudgetUsd": 300}
    assert world.metrics == {"Retrainings": 1, "FailedRetrainings": 0, "ControllerHeartbeat": 1} | spend
    (line,) = lines(capsys)
    assert (line["reason"], line["outcome"]) == ("drift", world.executions[-1]["PipelineExecutionArn"])
    (key,) = (key for key in world.objects if key.startswith("artifacts/decisions/"))
    assert key == "artifacts/decisions/2026/03/10/093000Z-11111111-2222-3333-4444-555555555555.json"
    assert (
        json.loads(world.objects[key]["Body"])["state"]["alarms"]["drift"]
        == "ALARM"
        == told["state"]["alarms"]["drift"]
    )
    assert not world.pages


def test_the_first_retraining_has_no_champion_to_name(monkeypatch):
    world = retraining_world(monkeypatch)
    wake({"reason": "manual"})
    (request,) = world.did("start_pipeline_execution")
    told = {each["Name"]: each["Value"] for each in request["PipelineParameters"]}
    assert (told["Champion"], "ChampionUri" in told) == ("none", False)


def test_the_state_of_the_data_has_a_name_that_changes_with_it(world):
    def named():
        return controller.data_version(world.s3_list_objects_v2("data", "files/")["Contents"])

    world.store("data/files/a", b"one")
    first = named()
    world.store("data/files/b", b"two")
    second = named()
    world.store("data/files/a", b"oNe")
    third = named()
    assert len({first, second, third}) == 3
    world.store("data/files/a", b"one")
    assert named() == second
    assert controller.data_version([*world.s3_list_objects_v2("data", "files/")["Contents"]][::-1]) == second


def test_a_retraining_whose_champion_cannot_be_read_does_not_start(world):
    del world.packages[1]["InferenceSpecification"]
    world.alarms["churn-dev-drift"] = "ALARM"
    told = wake()
    assert (told["start"], told["page"]) == (False, "retraining cannot start: KeyError")
    assert not world.did("start_pipeline_execution")


def test_duplicates_start_once(world):
    world.alarms["churn-dev-drift"] = "ALARM"
    for _ in range(20):
        wake()
    assert [each["PipelineExecutionStatus"] for each in world.executions] == ["Succeeded", "Executing"]
    assert world.metrics["Retrainings"] == 0


def test_duplicates_start_once_where_the_listing_lags(world, monkeypatch):
    world.alarms["churn-dev-drift"] = "ALARM"
    stale = world.executions[:]
    listing = {"PipelineExecutionSummaries": stale}
    monkeypatch.setattr(world, "sagemaker_list_pipeline_executions", lambda **_: listing)
    world.now = START.replace(hour=23)
    for _ in range(10):
        wake()
        world.later(minutes=30)
    assert len(world.executions) == 2
    assert len(world.did("start_pipeline_execution")) == 10


def test_drift_that_outlives_failures_is_tried_again_ever_more_rarely_and_told(world):
    world.alarms["churn-dev-drift"] = "ALARM"
    days = []
    for hour in range(31 * 24):
        if wake()["start"]:
            days.append(hour / 24)
        elif world.executions[-1]["PipelineExecutionStatus"] == "Executing":
            world.finish("Failed")
        world.later(hours=1)
    assert days == [0, 1, 3, 7, 15]
    failed = [each["Subject"] for each in world.pages if "failed in a row" in each["Subject"]]
    # A day of failure is part of two days of the calendar.
    assert [subject.partition(": ")[2][0] for subject in failed] == ["3", "3", "4", "4", "5", "5"]
    assert world.metrics["FailedRetrainings"] == 5
    days = [(each["Subject"], json.loads(each["Message"].partition("recorded:")[2])["at"][:10]) for each in world.pages]
    assert len(days) == len(set(days)), "it is told once a day"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_is_made_good_by_the_next_wake_up(monkeypatch, when):
    for number in range(1, 99):
        world = retraining_world(monkeypatch)
        world.alarms["churn-dev-drift"] = "ALARM"
        world.crash = (number, when)
        try:
            wake()
        except Crash:
            world.crash = None
            world.later(seconds=50)
            wake()
        else:
            assert number > 8, "it must have crashed at each call"
            return
        assert len(world.executions) == 1
        assert world.metrics["ControllerHeartbeat"] == 1
        assert any(key.startswith("artifacts/decisions/") for key in world.objects)


@pytest.mark.parametrize(
    "operation",
    ["get_parameter", "describe_alarms", "list_pipeline_executions", "list_model_packages", "describe_budget"],
)
def test_what_cannot_be_read_starts_nothing_and_is_told_once_a_day(world, operation, capsys):
    world.alarms["churn-dev-drift"] = "ALARM"
    world.failing[operation] = refused("ThrottlingException", "Rate exceeded\nfoo")
    for _ in range(3):
        assert wake()["reason"] == "unreadable"
    assert not world.did("start_pipeline_execution")
    assert [each["Subject"] for each in world.pages] == ["churn dev: the controller is blind"]
    assert "ThrottlingException" in lines(capsys)[0]["explanation"]
    assert world.metrics["ControllerHeartbeat"] == 1
    world.later(days=1)
    wake()
    assert len(world.pages) == 2


@pytest.mark.parametrize("spend", [{"Amount": "9" * 400}, {"Unit": "EUR"}])
def test_a_budget_that_makes_no_sense_starts_nothing(world, spend):
    world.budget = spend
    assert wake({"reason": "manual"})["reason"] == "unreadable"
    assert "SpendUsd" not in world.metrics


def test_the_switch(world):
    world.parameter = "true"
    assert wake({"reason": "manual"})["reason"] == "paused"
    world.parameter = "yes"
    assert wake({"reason": "manual"})["reason"] == "unreadable"


def test_new_data_is_looked_for_where_it_counts(world, monkeypatch):
    world.store("data/files/a", b"old")
    world.objects["data/files/a"]["LastModified"] = START - timedelta(days=9)
    world.store("data/elsewhere/b", b"new")
    assert wake()["reason"] == "no-reason"
    assert not [each for each in world.did("list_objects_v2") if each["Bucket"] == "data"]
    monkeypatch.setenv("POLICY", json.dumps(CONTROLLER["POLICY"] | {"new_data": True}))
    controller.settings.cache_clear()
    assert wake()["reason"] == "no-reason"
    for number in range(1500):
        world.store(f"data/files/{number:05}", b"new")
    assert wake()["reason"] == "new-data"


@pytest.mark.parametrize("code", ["ResourceLimitExceeded", "ConflictException"])
def test_a_refused_start_is_no_retraining(world, code):
    world.failing["start_pipeline_execution"] = refused(code)
    told = wake({"reason": "manual"})
    assert (told["decided"]["start"], told["start"]) == (True, False)
    assert (told["decided"]["page"], bool(told["page"])) == ("", code == "ResourceLimitExceeded")
    assert world.metrics["Retrainings"] == 0
    assert len(world.pages) == (code == "ResourceLimitExceeded")


def test_all_that_a_decision_follows_from_is_recorded(world):
    """Of an execution of long ago too: it may be the one that a recovery began with. And a page has to fit into SNS."""
    for number in range(320):
        arn = world.execution("Failed" if number < 310 else "Succeeded", reason="recovery", days=400 - number)
        world.probed(arn, go=False, explanation="x" * 2000)
    world.parameter = "?"
    told = wake()
    state = controller.read(controller.settings(), manual=False)
    assert [each["arn"] for each in told["state"]["executions"]] == [each.arn for each in state.executions]
    assert len(state.executions) == aws.ITEM_LIMIT
    assert told["decided"] == {key: told[key] for key in told["decided"]}
    (page,) = world.pages
    assert len(page["Message"].encode()) < 256 * 1024


@pytest.mark.parametrize("operation", ["put_object", "put_metric_data", "publish"])
def test_what_cannot_be_told_fails_loudly_and_hinders_nothing_else(world, operation, capsys):
    world.parameter = "?"
    world.failing[operation] = refused("InternalError")
    with pytest.raises(aws.ClientError):
        wake()
    assert {"put_object", "put_metric_data", "publish"} <= {called for _, called, _ in world.calls}
    assert [line.get("level") for line in lines(capsys)] == [None, *["ERROR"] * (3 if operation == "put_object" else 2)]


@pytest.mark.parametrize("name", sorted(CONTROLLER))
def test_a_missing_variable_is_named(world, monkeypatch, capsys, name):
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=name):
        wake()
    assert name in lines(capsys)[0]["message"]
    assert not world.calls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALARMS", "{}"),
        ("ALARMS", '{"data": "x", "latency": "y"}'),
        ("ALARMS", '{"data": 1}'),
        ("POLICY", "{"),
        ("POLICY", "[]"),
        *[
            ("POLICY", json.dumps(CONTROLLER["POLICY"] | change))
            for change in (
                {"schedule_days": 0},
                {"schedule_days": "7"},
                {"max_age_days": 0},
                {"windows_days": []},
                {"windows_days": [True]},
                {"cooldown_hours": -1},
                {"cooldown_hours": 1e9},
                {"max_per_month": 2.5},
                {"max_per_month": True},
                {"monthly_usd": float("inf")},
                {"new_data": 1},
                {"unknown": 1},
            )
        ],
    ],
)
def test_a_malformed_variable_is_named(world, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        wake()


def test_clients_retry_a_bounded_number_of_times(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    aws.client.cache_clear()
    made = aws.client("sagemaker")
    assert made is aws.client("sagemaker")
    assert made.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 5}
