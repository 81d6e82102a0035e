"""The stopwatch of `benchmarks/rehearse.py` counts each moment once, and tells growth without the retrainings."""

from __future__ import annotations

import importlib.util
import sys

from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("rehearse_benchmark", ROOT / "benchmarks" / "rehearse.py")
benchmark = sys.modules[SPEC.name] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)


def test_a_part_within_a_part_counts_once():
    watch = benchmark.Stopwatch(clock=iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 21.0]).__next__)
    with watch.step(), watch.during("functions"), watch.during("training"):
        pass
    (step,) = watch.steps
    assert watch.seconds == {"emulation": 9.0, "functions": 8.0, "training": 4.0, "monitor": 0.0, "requests": 0.0}
    assert step.seconds == watch.seconds | {"emulation": 8.0}
    assert step.retrained


def step(seconds, *, retrained=False):
    return benchmark.Step(seconds=dict.fromkeys(benchmark.PARTS, seconds / 5), retrained=retrained)


def test_growth_is_that_of_quiet_steps():
    steps = [step(1.0), step(1.0), step(60.0, retrained=True), step(1.5), step(1.5), step(90.0, retrained=True)]
    *_, whole, told = benchmark.lines(steps, 200.0)
    assert whole.split()[-1] == "1.50x"
    assert told.startswith("4 quiet steps; 2 with a retraining")
    assert told.split()[-1] == "1.50x"


def test_every_door_is_there(monkeypatch):
    doors = {benchmark.Rehearsal: ("_step", "_answer"), benchmark.Handlers: ("run",)}
    for owner, names in (doors | {benchmark.Containers: ("ask", "healthy")}).items():
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(benchmark.pipelines, "execute", lambda *_, **__: "executed")
    watch = benchmark.Stopwatch()
    benchmark.attach(watch)
    watches = {"Arguments": {"AppSpecification": {"ContainerArguments": ["monitor", "--now", "1"]}}}
    trains = {"Arguments": {"AlgorithmSpecification": {"ContainerArguments": ["train"]}}}
    assert benchmark.pipelines.execute({"Steps": [watches]}, name="1") == "executed"
    assert benchmark.pipelines.execute({"Steps": [watches, trains]}, name="2") == "executed"
    assert watch.calls == {"monitor": 1, "training": 1}
