"""A stage as a job: SageMaker's folders and those of any other platform, with a small program in place of ours."""

from __future__ import annotations

import json
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import yaml

from ml import champions, job
from ml.artefact import digest
from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAGES: dict[str, Any] = {
    "stages": {
        "prepare": {"outs": ["data/prepared/train.parquet"], "metrics": [{"reports/prepare.json": {"cache": False}}]},
        "train": {"outs": ["model"], "metrics": ["reports/train.json"]},
        "gates": {"outs": [{"reports/gates.json": {"persist": True}}]},
    }
}
ECHO = """
import json, os, pathlib, sys, yaml
here = pathlib.Path.cwd()
stage, *told = sys.argv[1:]
seen = sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file())
made = yaml.safe_load(open("dvc.yaml"))["stages"].get(stage, {})
outs = [out if isinstance(out, str) else next(iter(out)) for key in ("outs", "metrics") for out in made.get(key, [])]
for out in outs:
    path = here / out / "booster.txt" if out == "model" else here / out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"told": told, "seen": seen, "params": yaml.safe_load(open("params.yaml")),
                                "hosts": {name: os.environ.get(name) for name in ("LOOP_HOST", "LOOP_HOSTS")}}))
if "--fail" in told:
    sys.exit("a warning\\nerror: the data is stale\\n  because: it is old")
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in place of ours whose stages write what they were told and what they saw."""
    folder = tmp_path / "program"
    (folder / "ml").mkdir(parents=True)
    (folder / "ml/__init__.py").touch()
    (folder / "ml/__main__.py").write_text(ECHO, encoding="utf-8")
    (folder / "requirements").mkdir()
    (folder / "loop.yaml").write_text("project: shop", encoding="utf-8")
    (folder / "params.yaml").write_text("train: {seed: 7, learning_rate: 0.05}", encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(STAGES), encoding="utf-8")
    monkeypatch.setattr(job, "PROGRAM", folder)
    monkeypatch.setenv("OPT_ML", str(tmp_path / "opt"))
    monkeypatch.delenv("LOOP_PYTHON", raising=False)
    return folder


def write(path: Path, content: str | bytes = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        job.main(arguments)
    return int(ended.value.code or 0)


def echo(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def packed(folder: Path, files: Sequence[str]) -> Path:
    """Write an archive as SageMaker packs a model: its files, without a folder around them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for name in files:
            archive.add(write(folder.parent / f"{folder.name}-{name}"), name)
    return folder


# --- SageMaker, processing


def processing(root: Path) -> Path:
    write(root / "config/processingjobconfig.json", "{}")
    return root / "processing"


def test_a_processing_job_sees_a_repository_and_leaves_what_dvc_yaml_names(tmp_path: Path) -> None:
    home = processing(tmp_path / "opt")
    write(home / "in/data/history.parquet")
    write(home / "in/data/golden.parquet")
    write(home / "in/train/reports/train.json")
    assert run("prepare", "--as-of", "2026-01-01", "--since", "") == 0
    assert sorted(str(path.relative_to(home)) for path in (home / "out").rglob("*.*")) == [
        "out/data/prepared/train.parquet",
        "out/reports/prepare.json",
    ]
    found = echo(home / "out/reports/prepare.json")
    assert found["told"] == ["--as-of", "2026-01-01", "--since", ""]
    assert set(found["seen"]) >= {"data/history.parquet", "data/golden.parquet", "reports/train.json", "loop.yaml"}


def test_the_model_is_unpacked_and_its_archive_kept(tmp_path: Path) -> None:
    home = processing(tmp_path / "opt")
    packed(home / "in/train", ["booster.txt", "model.json"])
    packed(home / "in/champion", ["booster.txt"])
    assert run("gates", "--champion") == 0
    assert set(echo(home / "out/reports/gates.json")["seen"]) >= {
        "model/booster.txt",
        "model/model.json",
        "model.tar.gz",
        ".serving/champion/booster.txt",
    }


def test_the_archive_of_the_champion_is_not_taken_for_the_models(tmp_path: Path) -> None:
    home = processing(tmp_path / "opt")
    packed(home / "in/champion", ["booster.txt"])
    assert run("gates", "--champion") == 0
    seen = echo(home / "out/reports/gates.json")["seen"]
    assert ".serving/champion/booster.txt" in seen
    assert "model.tar.gz" not in seen


@pytest.mark.parametrize("source", ["logged", "data/labelled"])
def test_labelled_answers_lie_where_the_probe_looks_for_them(tmp_path: Path, source: str) -> None:
    write(tmp_path / "given" / source / "2026-11-24T00-00Z.parquet")
    (tmp_path / "workspace").mkdir()
    name = source.partition("/")[0]
    job.lay_out(job.Platform(sources={name: tmp_path / "given" / name}, out=tmp_path / "out"), tmp_path / "workspace")
    assert [path.name for path in (tmp_path / "workspace/data/labelled").iterdir()] == ["2026-11-24T00-00Z.parquet"]


def test_rows_that_came_later_follow_the_history(tmp_path: Path, program: Path) -> None:
    home, rows = processing(tmp_path / "opt"), pl.DataFrame({"a": [1, 2]})
    for name, shift in (("history.parquet", 0), ("history/2026-02.parquet", 20), ("history/2026-01.parquet", 10)):
        path = home / "in/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (rows + shift).write_parquet(path)
    platform = job.sagemaker(tmp_path / "opt")
    assert platform
    (tmp_path / "workspace").mkdir()
    job.lay_out(platform, tmp_path / "workspace")
    assert pl.read_parquet(tmp_path / "workspace/data/history.parquet")["a"].to_list() == [1, 2, 11, 12, 21, 22]
    # What the platform laid out is only read.
    assert pl.read_parquet(home / "in/data/history.parquet")["a"].to_list() == [1, 2]


def test_why_it_failed_stands_where_sagemaker_looks_and_the_reports_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = processing(tmp_path / "opt")
    assert run("prepare", "--fail") == 1
    said = (tmp_path / "opt/output/message").read_text(encoding="utf-8")
    assert said == "error: the data is stale\n  because: it is old\n"
    assert "a warning\nerror: the data is stale" in capfd.readouterr().err
    assert (home / "out/reports/prepare.json").is_file()


def test_a_failure_is_told_in_at_most_what_sagemaker_shows(tmp_path: Path, program: Path) -> None:
    processing(tmp_path / "opt")
    (program / "ml/__main__.py").write_text("import sys; sys.exit('x' * 5000)", encoding="utf-8")
    assert run("prepare") == 1
    assert len((tmp_path / "opt/output/message").read_bytes()) == job.MOST_TOLD


# --- SageMaker, training


def training(root: Path, **hyperparameters: str) -> Path:
    write(root / "input/config/hyperparameters.json", json.dumps(hyperparameters))
    write(root / "input/data/prepare/data/prepared/train.parquet")
    return root


def test_a_training_job_puts_its_model_where_sagemaker_packs_it(tmp_path: Path) -> None:
    root = training(tmp_path / "opt")
    assert run("train") == 0
    assert "data/prepared/train.parquet" in echo(root / "model/booster.txt")["seen"]
    assert [path.name for path in (root / "model").iterdir()] == ["booster.txt"]
    assert (root / "output/data/reports/train.json").is_file()
    assert not (root / "output/failure").exists()


def test_hyperparameters_are_those_of_params_yaml(tmp_path: Path, program: Path) -> None:
    root = training(tmp_path / "opt", learning_rate="0.1", sagemaker_region="eu-west-1")
    before = (program / "params.yaml").read_text(encoding="utf-8")
    assert run("train") == 0
    assert echo(root / "model/booster.txt")["params"] == {"train": {"seed": 7, "learning_rate": 0.1}}
    assert (program / "params.yaml").read_text(encoding="utf-8") == before


def test_a_hyperparameter_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    root = training(tmp_path / "opt", learning_rat="0.1")
    with pytest.raises(LoopError, match="there is no hyperparameter learning_rat") as caught:
        job.main(["train"])
    assert caught.value.because == "params.yaml knows seed, learning_rate"
    assert (root / "output/failure").read_text(encoding="utf-8") == f"error: {caught.value}\n"


def test_a_training_job_is_told_who_its_hosts_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOP_HOST", "LOOP_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    root = training(tmp_path / "opt")
    assert run("train") == 0
    assert echo(root / "model/booster.txt")["hosts"] == {"LOOP_HOST": None, "LOOP_HOSTS": None}
    resources = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"}
    write(root / "input/config/resourceconfig.json", json.dumps(resources))
    assert run("train") == 0
    assert echo(root / "model/booster.txt")["hosts"] == {"LOOP_HOST": "algo-2", "LOOP_HOSTS": "algo-1,algo-2"}


def test_a_failed_training_says_why(tmp_path: Path) -> None:
    root = training(tmp_path / "opt")
    assert run("train", "--fail") == 1
    assert (root / "output/failure").read_text(encoding="utf-8").startswith("error: the data is stale")


# --- other platforms, and none


def test_any_platform_may_say_it_in_words(tmp_path: Path) -> None:
    write(tmp_path / "given/history.parquet")
    write(tmp_path / "model/booster.txt")
    sources = ["--source", f"data={tmp_path / 'given'}", "--source", f"champion={tmp_path / 'model'}"]
    assert run(*sources, "--out", str(tmp_path / "made"), "gates", "--champion") == 0
    found = echo(tmp_path / "made/reports/gates.json")
    assert found["told"] == ["--champion"]
    assert set(found["seen"]) >= {"data/history.parquet", ".serving/champion/booster.txt"}


def test_by_hand_a_stage_runs_where_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    monkeypatch.chdir(program)
    assert run("prepare", "--fail") == 1
    assert (program / "reports/prepare.json").is_file()


def test_a_command_that_is_no_stage_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processing(tmp_path / "opt")
    monkeypatch.chdir(job.PROGRAM)
    assert run("monitor") == 0
    assert not (tmp_path / "opt/processing/out").exists()


def test_another_python_may_run_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processing(tmp_path / "opt")
    python = write(tmp_path / "python", f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("LOOP_PYTHON", str(python))
    assert run("prepare") == 0
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "-m ml prepare\n"


@pytest.mark.parametrize("arguments", [[], ["--source", "data=x", "prepare"]])
def test_a_call_that_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    assert run(*arguments) == 2


# --- the champion that a platform lays out


def test_a_folder_without_a_model_says_that_there_is_no_champion(tmp_path: Path) -> None:
    assert champions.laid_out(tmp_path) is None
    write(tmp_path / "README.txt")
    assert champions.laid_out(tmp_path) is None


@pytest.mark.parametrize(("until", "said"), [('"2026-01-01T00:00:00"', "2026-01-01T00:00:00"), ("null", "None")])
def test_a_champion_is_named_by_its_hash(tmp_path: Path, until: str, said: str) -> None:
    write(tmp_path / "baseline.json", f'{{"until": {until}}}')
    found = champions.laid_out(tmp_path)
    assert found
    sha256 = digest(tmp_path)
    assert (found.name, found.sha256, found.train_until) == (f"model {sha256[:12]}", sha256, said)
    assert found.fetch() == tmp_path
