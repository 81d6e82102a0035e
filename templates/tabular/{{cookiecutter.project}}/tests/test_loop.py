"""The whole chain in an empty folder: prepare to register; better and worse models; rollback.

The rows are made up by this repository's own data contract, and its own features and model learn from them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ml import hashes, judges, latency
from ml.__main__ import main
from ml.artefact import digest
from ml.judges import Verdict
from ml.registry import Registry
from tests.sample import sample
from tests.stages import changed

ROOT = Path.cwd()
STAGES = ("prepare", "probe", "train", "evaluate", "gates", "register")
WEAK, STRONG = 2, 30


def contract(golden: Path) -> dict[str, Any]:
    """Return this repository's contract with limits that any model keeps: trivial answers and the champion count."""
    found: dict[str, Any] = yaml.safe_load(Path("loop.yaml").read_text(encoding="utf-8"))
    metric = "log_loss" if found["task"] == "classification" else "rmse"
    pinned = {"path": golden.name, "sha256": hashes.sha256(golden), "maximum": 1e9}
    made = changed(found, metric={"name": metric, "maximum": 1e9}, gates__golden=pinned, gates__latency__p99_ms=1e6)
    if made["gates"].get("bias"):
        made = changed(made, gates__bias__max_gap=1)
    return changed(made, quality__label_delay_days=0, approval="auto")


@dataclass
class Step:
    """What one run of the chain left."""

    exits: list[int]
    gates: dict[str, Any]
    registered: dict[str, Any]
    champion: str
    versions: list[str]
    sha256: str


@dataclass
class Story:
    folder: Path
    steps: dict[str, Step] = field(default_factory=dict)

    def set(self, file: str, **changes: Any) -> None:
        path = self.folder / file
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(changed(document, **changes)), encoding="utf-8")

    def run(self, name: str, *stages: str) -> None:
        exits = [main([stage]) for stage in stages]
        registry = Registry(yaml.safe_load(Path("loop.yaml").read_text(encoding="utf-8"))["project"])
        champion = registry.holder("champion")
        self.steps[name] = Step(
            exits=exits,
            gates=json.loads(Path("reports/gates.json").read_text(encoding="utf-8")),
            registered=json.loads(Path("reports/registered.json").read_text(encoding="utf-8")),
            champion=champion.number if champion else "",
            versions=[version.number for version in registry.versions()],
            sha256=digest(Path("model")),
        )


@pytest.fixture(scope="module")
def story(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tell the story once: a weak model, a strong one, the strong one again, the weak one, a rollback."""
    folder = tmp_path_factory.mktemp("story")
    rows = sample(900, seed=4)
    rows.head(60).write_parquet(folder / "golden.parquet")
    document = contract(folder / "golden.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}")
        patch.setenv("PYTHONPATH", str(ROOT))
        shutil.copytree("requirements", folder / "requirements")
        shutil.copy("params.yaml", folder)
        patch.chdir(folder)
        Path("data").mkdir()
        rows.write_parquet("data/history.parquet")
        Path("loop.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        made = Story(folder)
        # Several threads on so few rows mostly wait for each other.
        made.set("params.yaml", prepare__as_of=None, prepare__window_days=None, train__rounds=WEAK, train__threads=1)
        patch.setattr(latency, "REQUESTS", 20)
        patch.setattr(judges, "RESAMPLES", 40)
        made.run("first", *STAGES)

        # One real server and one look at the slices are enough.
        quick = Verdict(gate="latency", passed=True, value=1.0, limit=2.0, note="not measured")
        patch.setattr(latency, "gate", lambda *_: quick)
        made.set("loop.yaml", gates__bias=None)
        made.set("params.yaml", train__rounds=STRONG)
        made.run("better", *STAGES[1:])
        made.run("same", *STAGES[4:])
        made.set("params.yaml", train__rounds=WEAK)
        made.run("worse", *STAGES[1:])
        made.run("back", "rollback", "fetch")
        yield made


def verdicts(step: Step) -> dict[str, bool]:
    return {gate["gate"]: gate["passed"] for gate in step.gates["gates"]}


def test_the_first_model_becomes_champion(story: Story) -> None:
    step = story.steps["first"]
    assert step.exits == [0] * 6
    assert step.gates["passed"]
    asked = {"metric", "baseline", "sanity", "golden", "signal", "repeats", "champion", "latency"}
    assert set(verdicts(step)) >= asked
    assert step.registered == {
        "name": step.registered["name"],
        "version": "1",
        "alias": "champion",
        "model_sha256": step.sha256,
    }
    assert (step.champion, step.versions) == ("1", ["1"])


def test_the_stages_leave_what_the_next_ones_read(story: Story) -> None:
    facts = json.loads((story.folder / "reports/prepare.json").read_text(encoding="utf-8"))
    train, test = (pl.read_parquet(story.folder / f"data/prepared/{name}.parquet") for name in ("train", "test"))
    assert (facts["train"], facts["test"]) == (train.height, test.height)
    assert facts["golden_left_out"] > 0
    metrics = json.loads((story.folder / "reports/metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows"] == test.height
    assert list((story.folder / "reports/plots").glob("*.svg"))


def test_a_better_model_takes_its_place(story: Story) -> None:
    step = story.steps["better"]
    assert step.exits == [0] * 5
    assert (step.champion, step.versions, step.registered["version"]) == ("2", ["2", "1"], "2")
    assert step.sha256 != story.steps["first"].sha256


def test_the_same_model_again_is_no_new_version(story: Story) -> None:
    step = story.steps["same"]
    assert step.exits == [0, 0]
    assert (step.champion, step.versions) == ("2", ["2", "1"])
    (champion,) = (gate for gate in step.gates["gates"] if gate["gate"] == "champion")
    assert champion["note"] == "this is the champion itself, version 2"


def test_a_worse_model_is_not_registered(story: Story) -> None:
    step = story.steps["worse"]
    assert step.exits == [0, 0, 0, 1, 1]
    failed = {name for name, passed in verdicts(step).items() if not passed}
    assert {"champion"} <= failed <= {"champion", "signal"}, "of so few trees the signal may be lost, too"
    assert step.sha256 == story.steps["first"].sha256
    assert (step.champion, step.versions) == ("2", ["2", "1"])
    assert step.registered == story.steps["better"].registered


def test_a_rollback_serves_the_first_model_again(story: Story) -> None:
    step = story.steps["back"]
    assert (step.exits, step.champion) == ([0, 0], "1")
    assert digest(story.folder / ".serving/model") == story.steps["first"].sha256


def test_the_version_names_what_it_is_made_of(story: Story) -> None:
    run = json.loads((story.folder / "reports/run.json").read_text(encoding="utf-8"))
    assert run["tags"]["data_sha256"] == hashes.sha256(story.folder / "data/history.parquet")
    assert run["tags"]["lock_sha256"] == hashes.sha256(ROOT / "requirements/train.txt")
    assert run["tags"]["model_sha256"] == story.steps["worse"].sha256
    assert run["tags"]["gates"] == "failed"
