"""What the controller reads of probes and gates, and what follows: as much as a decision can ask, and nothing odd."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from fakes import START, refused
from handlers.reports import MOST_REPORTS
from wakeups import lines, retraining_world
from wakeups import wake_controller as wake


@pytest.fixture
def world(monkeypatch):
    return retraining_world(monkeypatch)


def lived(world, *looks):
    """Add executions that ended well, from their age in days and whether their probe went on; return their names."""
    names = []
    for days, go in looks:
        arn = world.execution("Succeeded", "schedule", days=days)
        if go is not None:
            world.probed(arn, go=go, gain=days / 100)
        names.append(arn.rpartition("/")[2])
    return names


def read(world):
    """Return the names of the executions whose report was read."""
    return [request["Key"].split("/")[1] for request in world.did("get_object")]


def test_a_look_that_found_nothing_slows_the_next_one_down(world, capsys):
    lived(world, (8, False))
    told = wake()
    assert (told["reason"], told["start"]) == ("no-reason", False)
    world.later(days=6)
    assert wake()["reason"] == "schedule"
    probe = {"go": False, "gain": 0.08, "needed": 0.02, "explanation": "no challenger is better by enough"}
    assert [line["last_probe"] for line in lines(capsys)] == [probe, probe]
    assert world.metrics["ChallengerGain"] == 0.08
    (first, *_) = sorted(key for key in world.objects if key.startswith("artifacts/decisions/"))
    record = json.loads(world.objects[first]["Body"])
    assert record["last_probe"] == record["state"]["executions"][0]["probe"] == probe


def test_only_what_a_decision_can_ask_is_read(world):
    *_, third, newest = lived(world, (40, False), (30, True), (20, False), (10, False))
    second = "e00000000001"
    wake()
    assert read(world) == [newest, third, second]


def test_at_most_ten_reports_are_read(world):
    lived(world, *((days, False) for days in range(60, 0, -2)))
    wake()
    assert len(read(world)) == MOST_REPORTS


def ended_by(world, *verdicts):
    """Add executions that failed, the oldest first: whether all gates passed, or None where they never judged."""
    for days, passed in zip(range(len(verdicts), 0, -1), verdicts, strict=True):
        arn = world.execution("Failed", "drift", days=days)
        if passed is not None:
            world.store(f"artifacts/runs/{arn.rpartition('/')[2]}/gates/reports/gates.json", told(passed))


def told(passed):
    return json.dumps({"passed": passed, "reason": "metric: f1 0.3", "gates": []}).encode()


@pytest.mark.parametrize(
    ("verdicts", "failed"),
    [
        ((None,), 1),
        ((False,), 0),
        # It was to be registered, and that failed
        ((True,), 1),
        ((None, False), 0),
        ((False, None, True), 2),
    ],
)
def test_a_model_that_the_gates_refused_is_no_fault(world, verdicts, failed):
    ended_by(world, *verdicts)
    executions = wake()["state"]["executions"]
    assert [each["refused"] for each in executions[: len(verdicts)]] == [said is False for said in verdicts[::-1]]
    assert world.metrics["FailedRetrainings"] == failed


@pytest.mark.parametrize("go", [True, False])
def test_verdicts_are_read_since_the_last_that_ended_well(world, go):
    ended_by(world, False, False)
    world.probed(world.execution("Succeeded", days=0.9), go=go)
    world.store("artifacts/runs/e00000000003/gates/reports/gates.json", told(passed=False))
    world.execution("Failed", days=0.5)
    wake()
    assert read(world) == ["e00000000003", "e00000000002"]


def test_at_most_ten_verdicts_are_read(world):
    ended_by(world, *[False] * 20)
    wake()
    assert len(read(world)) == MOST_REPORTS


def test_no_report_counts_as_gone_on(world):
    names = lived(world, (20, False), (8, None))
    world.objects[f"artifacts/runs/{names[1]}/probe/reports/probe.json.part"] = {"Body": b"{"}
    assert wake()["reason"] == "schedule"
    assert read(world) == []
    assert "ChallengerGain" not in world.metrics


def test_a_first_model_has_no_gain_to_draw(world):
    world.probed(world.execution("Succeeded", days=8), go=True, gain=None, needed=None)
    assert wake()["last_probe"]["gain"] is None
    assert "ChallengerGain" not in world.metrics


ODD = [
    b"",
    b"{",
    b"[]",
    b'"go"',
    b"{}",
    b"[" * 100_000,
    b"\xff\xfe\xfd",
    *(
        json.dumps({"go": False, "gain": 0.1, "needed": 0.1, "explanation": ""} | change).encode()
        for change in ({"go": "false"}, {"go": None}, {"gain": "0.1"}, {"gain": True}, {"needed": float("nan")})
    ),
]


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_a_report_that_makes_no_sense_starts_nothing_and_is_told(world, content):
    arn = world.execution("Succeeded", days=8)
    world.store(world.probed(arn, go=True), content)
    told = wake()
    assert (told["reason"], told["page"]) == ("unreadable", "the controller is blind")
    assert "probe.json makes no sense" in told["explanation"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", told("no"), told(None)])
def test_a_verdict_that_makes_no_sense_starts_nothing_and_is_told(world, content):
    arn = world.execution("Failed", days=8)
    world.store(f"artifacts/runs/{arn.rpartition('/')[2]}/gates/reports/gates.json", content)
    assert "gates.json makes no sense" in wake()["explanation"]
    assert "FailedRetrainings" not in world.metrics


def test_a_report_that_may_not_be_read_starts_nothing(world):
    lived(world, (8, True))
    world.failing["get_object"] = refused("AccessDenied")
    assert wake()["reason"] == "unreadable"


def test_a_recovery_is_known_by_its_name_and_by_when_the_alarm_turned(world):
    world.alarms["churn-dev-quality"] = "ALARM"
    world.turned["churn-dev-quality"] = START
    assert wake()["reason"] == "quality"
    assert world.executions[-1]["PipelineExecutionDisplayName"] == "quality-2026-03-10"
    world.finish()
    world.later(days=3)
    told = wake()
    assert (told["reason"], told["state"]["quality_since"]) == ("recovery", START.isoformat())
    assert world.executions[-1]["PipelineExecutionDisplayName"] == "recovery-2026-03-13"
    world.finish()
    world.later(days=40)
    assert wake()["reason"] == "recovery", "it is the same alarm still"
    world.finish()
    world.turned["churn-dev-quality"] = world.now + timedelta(days=2)
    world.later(days=3)
    assert wake()["reason"] == "quality"


def test_the_clock_of_the_contract_asks_once(world):
    lived(world, (3, True))
    assert wake({"reason": "schedule"})["reason"] == "schedule"
    world.finish()
    assert wake({"reason": "schedule"})["reason"] == "cool-down"
