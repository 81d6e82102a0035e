"""The verdicts of gates and probes in a record: told again from their figures, and named where they do not follow."""

from __future__ import annotations

import pytest
import recorded
from recorded import FAULT, REGISTERED, ROLLOUT, named, replayed

from loopwright.rehearsal.record.anew.verdicts import RULES
from loopwright.rehearsal.record.chain import canonical


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recorded.project(tmp_path_factory.mktemp("project"))


def test_gates_and_probes_are_told_again_from_their_figures(tmp_path, folder):
    kept = [
        ("gates", recorded.judged()),
        ("execution", recorded.probed(go=True, gain=0.03)),
        ("execution", recorded.probed(go=False, gain=0.02)),
        ("execution", recorded.probed(go=True, gain=-1.0, reason="manual")),
        ("execution", recorded.probed(go=True, gain=None)),
        ("registered", REGISTERED),
        ("rollout", ROLLOUT),
        ("fault", FAULT),
    ]
    found = replayed(tmp_path, folder, *kept)
    assert found.differences == ()
    # All but golden, sanity and latency, and all together.
    assert found.counts == {"verdicts of gates": 7, "verdicts of probes": 3}
    assert found.kept == 3 + 1 + 3


@pytest.mark.parametrize("gate", ["metric", "baseline", "bias", "signal", "repeats", "champion"])
def test_a_verdict_that_does_not_follow_from_its_figures_is_named(tmp_path, folder, gate):
    gates = [each | {"passed": not each["passed"]} if each["gate"] == gate else each for each in recorded.GATES]
    found = replayed(tmp_path, folder, ("gates", recorded.judged(gates)))
    passed = next(each["passed"] for each in recorded.GATES if each["gate"] == gate)
    assert named(found) == [(2, gate, not passed, passed)]


@pytest.mark.parametrize(
    ("verdict", "differs"),
    [
        (recorded.verdict("metric", False, float("nan"), 0.48), False),
        (recorded.verdict("metric", True, float("nan"), 0.48), True),
        (recorded.verdict("golden", True, 0.41, 0.42), True),
        (recorded.verdict("golden", True, 0.42, 0.42), False),
        (recorded.verdict("champion", True, None, 0.0), False),
        (recorded.verdict("of your own", False, 1.0, 0.0), False),
        (recorded.verdict("bias", True, 0.1, 0.1, slices=[{"sure": 0.1}, {"sure": 0.2}]), True),
        (recorded.verdict("bias", False, 0.2, 0.1, slices=[{"sure": 0.1}, {"sure": None}]), False),
    ],
)
def test_figures_that_tell_less(tmp_path, folder, verdict, differs):
    assert bool(replayed(tmp_path, folder, ("gates", recorded.judged([verdict]))).differences) == differs


@pytest.mark.parametrize(("name", "passed"), [("mae", True), ("f1", False)])
def test_a_metric_knows_its_direction(tmp_path, folder, name, passed):
    """A small error passes a maximum; the recorded rule comes from the contract."""
    limit = {"maximum": 0.5} if name == "mae" else {"minimum": 0.5}
    gates = [recorded.verdict("metric", passed, 0.4, 0.5), recorded.verdict("baseline", passed, 0.4, 0.5)]
    contract = recorded.contract() | {"metric": {"name": name, **limit}}
    facts = recorded.verdicts.gates("e1", {"passed": passed, "gates": gates}, contract)
    assert replayed(tmp_path, folder, ("gates", facts)).differences == ()


def test_all_gates_together_and_probes_are_compared(tmp_path, folder):
    kept = [
        ("gates", recorded.judged() | {"passed": True}),
        ("execution", recorded.probed(go=False, gain=0.03)),
        ("execution", recorded.probed(go=False, gain=-1.0, reason="manual")),
    ]
    found = [(2, "passed", True, False), (3, "go", False, True), (4, "go", False, True)]
    assert named(replayed(tmp_path, folder, *kept)) == found


def test_no_figure_of_this_machine_is_recorded_and_every_rule_is_known():
    facts = recorded.judged()
    assert "12.3456" not in canonical(facts).decode()
    latency = facts["gates"][-1]
    assert (latency.value, latency.limit, latency.note.split(":")[0]) == (None, 50.0, "left out")
    assert {each.rule for each in facts["gates"]} - {None} <= set(RULES)
    assert [each.gate for each in facts["gates"] if each.rule is None] == ["sanity"]
