"""The replay of a record: the project's code decides again, and what comes out otherwise is named."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import recorded
from fakes import START
from handlers import history, retraining, rollout
from pasts import CALM, POLICY, ran
from recorded import FAULT, PYTHON, decision, named, replayed
from wakeups import retraining_world, wake_controller

from loopwright.errors import Differs, LoopwrightError
from loopwright.rehearsal.record import check
from loopwright.rehearsal.record.chain import canonical
from loopwright.rehearsal.record.check import as_document, differs, lines, replay

SEEDS = range(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recorded.project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def simulated():
    with pytest.MonkeyPatch.context() as patch:
        return recorded.simulated(patch, SEEDS)


@pytest.fixture(scope="module")
def record(folder, simulated):
    return recorded.write(
        folder / "record.jsonl", folder, [("decision", decision(each)) for each in simulated.documents]
    )


def test_hundreds_of_decisions_come_out_as_they_are_recorded(folder, record, simulated, figures):
    found = replay(folder, record, python=PYTHON)
    assert found.differences == () == found.notes
    assert (found.different, found.kept, found.closed, differs(found)) == (0, 0, True, None)
    said = Counter((each["component"], each["reason"]) for each in simulated.documents)
    of_each = Counter(each["component"] for each in simulated.documents)
    assert found.counts == {f"decisions of the {who}": count for who, count in of_each.items()}
    assert min(of_each.values()) > 300
    assert len(said) > 25, "they have to be decisions of many kinds"
    refused = [each for each in simulated.documents if each["decided"] != {key: each[key] for key in each["decided"]}]
    assert {each["component"] for each in refused} == {"controller", "deployer"}
    figures(f"{sum(of_each.values())} decisions of {len(said)} kinds, {len(refused)} carried out otherwise")


def changed(tmp_path, name, before, after):
    """Return a copy of the project with another text in one handler."""
    copy = recorded.project(tmp_path / "changed")
    path = copy / "infra" / "mlops" / "handlers" / name
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    return copy


CONSTANTS = {
    (history, "RECOVERY_EVERY"): ("timedelta(days=3)", "timedelta(days=5)", timedelta(days=5)),
    (history, "MOST_REJECTIONS"): ("MOST_REJECTIONS = 3", "MOST_REJECTIONS = 1", 1),
    (retraining, "LONGEST_BACK_OFF_DAYS"): ("BACK_OFF_DAYS = 28", "BACK_OFF_DAYS = 2", 2),
    (retraining, "PAGE_AFTER"): ("PAGE_AFTER, NEWS = 3", "PAGE_AFTER, NEWS = 1", 1),
    (rollout, "REPLACED"): ('"live", "replaced"', '"live", "old"', "old"),
}
"""A constant of the handlers: its text, another one, and the value of that."""


@pytest.mark.parametrize("place", CONSTANTS, ids=lambda place: place[1])
def test_a_changed_constant_shows_in_exactly_the_lines_that_it_changes(tmp_path, record, simulated, monkeypatch, place):
    module, before, after, value = place[0], *CONSTANTS[place]
    monkeypatch.setattr(*place, value)
    expected = {}
    for line, (document, asked) in enumerate(zip(simulated.documents, simulated.asked, strict=True), 2):
        decide = retraining.decide if document["component"] == "controller" else rollout.decide
        now = json.loads(canonical(decide(*asked)))
        if fields := [key for key in sorted(now) if now[key] != document["decided"][key]]:
            expected[line] = fields
    name = f"{module.__name__.rpartition('.')[2]}.py"
    found = replay(changed(tmp_path, name, before, after), record, python=PYTHON)
    told = {}
    for each in found.differences:
        told.setdefault(each.line, []).append(each.field)
    assert told == expected
    assert 0 < len(expected) == found.different < len(simulated.documents)
    assert any("handlers has changed" in note for note in found.notes)
    assert (differs(found).exit_code, f"line {min(expected)}:" in differs(found).because) == (3, True)


def test_every_field_of_a_decision_is_compared(tmp_path, folder, simulated):
    started = next(each for each in simulated.documents if each["decided"].get("start"))
    deployed = next(each for each in simulated.documents if each["decided"].get("deploy"))
    for document in (started, deployed):
        kept = [
            ("decision", decision(document | {"decided": document["decided"] | {key: 5}}))
            for key in document["decided"]
        ]
        path = tmp_path / document["component"]
        path.mkdir()
        found = named(replayed(path, folder, *kept))
        for line, key in enumerate(document["decided"], 2):
            assert (line, key, 5, document["decided"][key]) in found


def test_true_is_not_1_and_what_is_recorded_beside_is_named(tmp_path, folder):
    document = idle_document()
    forged = document["decided"] | {"start": 0, "mood": "calm"}
    found = named(replayed(tmp_path, folder, ("decision", decision(document | {"decided": forged}))))
    assert {(2, "start", 0, False), (2, "mood", "calm", "(there is none)")} <= {*found}


def test_what_became_of_a_decision_has_to_fit_to_it(tmp_path, folder, simulated):
    idle = next(each for each in simulated.documents if each["reason"] == "no-reason")
    forged = [idle | {"reason": "drift"}, idle | {"start": True}, idle | {"page": "told"}]
    found = replayed(tmp_path, folder, *[("decision", decision(each)) for each in forged])
    assert named(found) == [
        (2, "reason (carried out)", "drift", "no-reason"),
        (3, "start (carried out)", True, False),
    ]


def test_a_decision_that_depends_on_an_execution_of_long_ago_can_be_made_again(monkeypatch, tmp_path, folder):
    world = retraining_world(monkeypatch)
    world.alarms["churn-dev-quality"] = "ALARM"
    world.turned["churn-dev-quality"] = START - timedelta(days=500)
    world.execution("Succeeded", reason="quality", days=400)
    for day in range(299):
        world.execution("Succeeded", days=399 - day)
    told = wake_controller()
    assert (told["reason"], len(told["state"]["executions"])) == ("recovery", 300)
    assert replayed(tmp_path, folder, ("decision", decision(told))).differences == ()


def test_no_decision_depends_on_an_order_that_json_does_not_have():
    gone = {"quality": "MISSING", "drift": "MISSING", "data": "OK"}
    firing = {"b": "ALARM", "a": "ALARM"}
    wanted = rollout.Package(
        version=2, arn="", approval="Approved", image="sha256:1", marks={"artefact_sha256": "6" * 64}
    )
    endpoint = rollout.Endpoint(status="InService", config="", modified="", version=1)
    for reverse in (False, True):
        ordered = {
            key: dict(sorted(found.items(), reverse=reverse)) for key, found in (("gone", gone), ("firing", firing))
        }
        blind = retraining.decide(replace(CALM, alarms=ordered["gone"]), POLICY, START)
        assert "the drift alarm does not exist; the quality alarm does not exist" in blind.explanation
        state = rollout.State(endpoint=endpoint, packages=(wanted,), alarms=ordered["firing"], sha256="6" * 64)
        assert "a, b is in ALARM" in rollout.decide(state, "image@sha256:1").explanation


def test_what_has_changed_since_is_noted(tmp_path, folder):
    path = recorded.write(tmp_path / "record.jsonl", folder, [], closed=False)
    copy = recorded.project(tmp_path / "copy")
    assert [note.split(":")[0] for note in replay(copy, path, python=PYTHON).notes] == ["the record has no end"]
    (copy / "loop.yaml").write_text((copy / "loop.yaml").read_text() + "\n")
    code = copy / "infra" / "mlops" / "handlers"
    (code / "rollout.py").write_text((code / "rollout.py").read_text() + "\n")
    edited = recorded.origins.handlers(copy)
    (code / "more.py").write_text("")
    assert len({edited, recorded.origins.handlers(copy), recorded.origins.handlers(folder)}) == 3
    stack = copy / "infra" / f"Pulumi.{recorded.STACK}.yaml"
    stack.write_text(stack.read_text() + f"  shop:imageDigest: sha256:{'7' * 64}\n")
    notes = replay(copy, path, python=PYTHON).notes
    assert [note.split(" ")[0] for note in notes] == ["loop.yaml", "infra/mlops/handlers", "the", "the"]
    assert f"is sha256:{'7' * 64}" in notes[2]


def test_a_broken_chain_is_a_difference_and_nothing_is_decided(tmp_path, folder, monkeypatch):
    path = recorded.write(tmp_path / "record.jsonl", folder, [("fault", FAULT)])
    path.write_bytes(path.read_bytes().replace(b"tenth", b"fifth"))
    monkeypatch.setattr(check.Programs, "started", None)
    with pytest.raises(Differs, match="line 2") as found:
        replay(folder, path, python=PYTHON)
    assert found.value.exit_code == 3


def test_a_project_that_cannot_decide_says_why(tmp_path, folder):
    path = recorded.write(tmp_path / "record.jsonl", folder, [("decision", decision(idle_document()))])
    copy = recorded.project(tmp_path / "copy")
    (copy / "infra" / "mlops" / "handlers" / "retraining.py").write_text("import nothing_like_it\n")
    cases = [
        (tmp_path, PYTHON, "is missing"),
        (folder, tmp_path / "python", "No such file"),
        (copy, PYTHON, "nothing_like_it"),
    ]
    for project, python, because in cases:
        with pytest.raises(LoopwrightError) as found:
            replay(project, path, python=python)
        assert because in found.value.because


def idle_document(**changes):
    state = replace(CALM, executions=ran(("Succeeded", 1)))
    decided = json.loads(canonical(retraining.decide(state, POLICY, START)))
    known = {"component": "controller", "woken_by": "a test", "at": START.isoformat(), **decided, "decided": decided}
    return json.loads(canonical(known | {"state": state, "policy": POLICY})) | changes


def test_what_the_project_prints_is_no_answer(tmp_path, folder):
    copy = recorded.project(tmp_path / "copy")
    path = copy / "infra" / "mlops" / "handlers" / "retraining.py"
    path.write_text(path.read_text() + 'print("hello")\n')
    assert replayed(tmp_path, copy, ("decision", decision(idle_document()))).differences == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": {"paused": 1}}, "state.paused is 1"),
        ({"state": {"mood": "calm"}}, "state has mood, which State does not have any more"),
        ({"policy": {}}, "policy has no schedule_days"),
    ],
)
def test_a_state_that_does_not_fit_any_more_is_named(tmp_path, folder, change, said):
    found = replayed(tmp_path, folder, ("decision", decision(idle_document(**change))))
    assert [(each.field, said in each.now) for each in found.differences] == [("decided", True)]


def test_code_that_fails_on_a_state_fails_for_that_line_alone(tmp_path, folder):
    document = idle_document()
    lacking = {key: item for key, item in document.items() if key != "policy"}
    found = replayed(tmp_path, folder, ("decision", decision(lacking)), ("decision", decision(document)))
    assert named(found) == [(2, "decided", document["decided"], "KeyError: 'policy'")]


def test_what_was_not_recorded_is_no_decision(tmp_path, folder):
    document = idle_document()
    del document["decided"]
    found = replayed(tmp_path, folder, ("decision", decision(document)))
    assert {(each.field, each.recorded) for each in found.differences} >= {("start", "(there is none)")}


def test_it_is_told_in_words_and_as_a_document(tmp_path, folder):
    kept = [("execution", recorded.probed(go=False, gain=0.03))] * 30 + [("fault", FAULT)]
    found = replayed(tmp_path, folder, *kept)
    (tmp_path / "many").mkdir()
    text = [*lines(found)]
    assert text[0].endswith(f"33 lines, each as it was written; the SHA-256 of the last is {found.sha256}")
    assert text[1] == "decided again: 30 verdicts of probes: 30 lines differ"
    assert text[2] == "believed, because nothing recorded tells it: 1"
    assert text[3].startswith("  line 2 (2026-03-10T09:30:00+00:00), verdicts of probes, go:")
    assert text[4:6] == ["    recorded false", "    now      true"]
    assert text[-1] == "  and more: --json tells the first 30 fields that differ"
    assert len(text) == 3 + 20 * 3 + 1
    many = replayed(tmp_path / "many", folder, *kept[:1] * 1001)
    assert (many.different, len(many.differences)) == (1001, 1000)
    document = json.loads(json.dumps(as_document(found)))
    assert (document["passed"], document["different"], len(document["differences"])) == (False, 30, 30)
