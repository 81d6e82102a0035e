"""Each scenario on drills: its promises are kept, and where one wire or one rule is missing, the report says so."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from drill import CONTROL, DAY, START, drill
from handlers import deployer, retraining
from unwired import changed, denied, without

from loopwright.rehearsal import scenarios
from loopwright.rehearsal.command import BEFORE, _arranged
from loopwright.rehearsal.scenarios.training import WORSE
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack
from stacks import graph, needs_pulumi, shared

pytestmark = needs_pulumi

BEGINS = START + BEFORE


@pytest.fixture(scope="module")
def stack():
    return Stack(graph("dev"), Sources(shared()))


def node(stack, kind, name):
    return next(each for each in stack.of(kind) if each.name == name)


def span(name):
    """Return the days on which a scenario breaks something, as the stand-in is told them."""
    ends = BEGINS + timedelta(days=scenarios.SCENARIOS[name].days)
    return [f"{BEGINS:%Y-%m-%d}", f"{ends:%Y-%m-%d}"]


def rehearsed(stack, room, name, **control):
    """Rehearse a scenario; return the drill, and its promises by what they promise."""
    scenario, stretch = scenarios.named(name), []
    days = 2 * BEFORE.days + int(scenario.days)
    made = drill(stack, room, days, lambda made: stretch.append(_arranged(made, scenario)), CONTROL | control)
    return made, {each.what: each for each in scenario.promises(made, *stretch)}


REFUSED = {"challenger-worse": 0, "poisoned-rows": 0.5}
"""From which part of the scenario on the real gates refuse; the stand-in's do as they are told."""


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_its_promises_are_kept(stack, tmp_path, name):
    stages = []
    if name in REFUSED:
        begins = BEGINS + REFUSED[name] * timedelta(days=scenarios.SCENARIOS[name].days)
        stages = [["gates", f"{begins:%Y-%m-%d}", span(name)[1]]]
    _, promises = rehearsed(stack, tmp_path, name, stages=stages)
    assert promises
    assert not [f"{each.what}: {each.because}" for each in promises.values() if not each.kept]


def silent(stack, _patch):
    return denied(stack, node(stack, "role-policy", "roles-controller-policy"), "Tell")


def unwatched(stack, _patch):
    return without(stack, node(stack, "schedule", "triggers-monitoring"))


def unalarmed(name):
    return lambda stack, _patch: without(stack, node(stack, "alarm", name))


def no_tick(name):
    return lambda stack, _patch: without(stack, node(stack, "schedule", name))


def quiet(stack, _patch):
    return changed(stack, node(stack, "alarm", "monitor-controller.errors"), alarmActions=None)


def deaf(stack, patch):
    """Let the deployer take a rejected version for an approved one."""
    right = deployer.desired
    patch.setattr(deployer, "desired", lambda packages: max(packages, key=lambda each: each.version, default=right(())))
    return stack


def spendthrift(stack, patch):
    patch.setattr(retraining, "_over_budget", lambda *_: None)
    return stack


def unchanged(stack, _patch):
    return stack


BROKEN = {
    "training-fails": (silent, "a person is told"),
    "data-stops": (unwatched, "the monitor goes on watching"),
    "labels-late": (unchanged, "answers whose label is missing are not taken for wrong ones"),
    "poisoned-rows": (unchanged, "a model of mostly poisoned rows is never registered"),
    "challenger-worse": (unchanged, "the gates refuse each of them"),
    "slow-canary": (unalarmed("monitor-latency"), "the rollout is taken back"),
    "failing-canary": (unalarmed("monitor-errors"), "the rollout is taken back"),
    "lost-events": (no_tick("triggers-redeploy"), "each approved version is rolled out within two hours"),
    "throttled": (quiet, "a person is told"),
    "revoked-model": (deaf, "an earlier approved version serves within four hours"),
    "full-budget": (spendthrift, "no retraining starts while the budget is spent"),
}
"""What is broken in the project, and the promise that is not kept then. Where nothing is, the stages are told wrong:
a monitor that takes missing labels for errors, gates that let everything pass."""


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_a_broken_project_is_found_out(stack, tmp_path, monkeypatch, name):
    breaking, what = BROKEN[name]
    signals = [["QualityCusum", *span(name), 9.0]] if name == "labels-late" else []
    _, promises = rehearsed(breaking(stack, monkeypatch), tmp_path, name, signals=signals)
    assert not promises[what].kept, promises[what].because


def test_poison_is_in_every_file_that_lands_and_is_mended(stack, tmp_path):
    scenario, seen = scenarios.named("poisoned-rows"), []

    def landed(made):
        files = sorted(made.objects.path(f"{made.places.data}/history").glob("*.parquet"))
        return [file.name for file in files if pl.read_parquet(file)["purchased"].sum() == 1]

    def arrange(made):
        stretch = _arranged(made, scenario)
        for at in (stretch.begins, stretch.ends - DAY, stretch.ends + DAY):
            made.cloud.clock.at(at, lambda: seen.append(landed(made)))

    drill(stack, tmp_path, 2 * BEFORE.days + int(scenario.days), arrange)
    before, during, after = seen
    assert before == after == []
    # The labels of a day land a day later.
    assert during == [
        f"{number:06d}.parquet" for number in range(BEFORE.days - 2, BEFORE.days + int(scenario.days) - 3)
    ]


def test_bad_hyperparameters_reach_the_training_and_no_other_time(stack, tmp_path):
    rehearsed(stack, tmp_path, "challenger-worse", stages=[["gates", *span("challenger-worse")]])
    trained = [json.loads(line) for line in (tmp_path / "trained.jsonl").read_text().splitlines()]
    assert WORSE in trained
    assert trained[0] == trained[-1] == {}
    assert all(each in ({}, WORSE) for each in trained)
