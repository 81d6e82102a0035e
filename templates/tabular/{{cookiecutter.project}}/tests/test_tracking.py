from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml import hashes, tracking
from ml.tracking import TrackingError, flat, log_run

if TYPE_CHECKING:
    from mlflow.entities import Run

# --- hashes ---


def test_a_file_and_the_lock_are_named_by_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("requirements").mkdir()
    Path("requirements/train.txt").write_bytes(b"locked")
    expected = hashlib.sha256(b"locked").hexdigest()
    assert hashes.sha256(Path("requirements/train.txt")) == hashes.lock() == expected


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607 - git itself


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a git repository with one commit."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for folder in ("ml", "requirements", "tests"):
        Path(folder).mkdir()
    for name in ("ml/code.py", "requirements/train.txt", "dvc.yaml", "loop.yaml", "params.yaml", "tests/test.py"):
        Path(name).write_text("1", encoding="utf-8")
    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e@x", "commit", "--quiet", "--message=first")
    return tmp_path


@pytest.mark.parametrize("name", ["ml/code.py", "requirements/train.txt", "dvc.yaml", "loop.yaml", "params.yaml"])
def test_a_change_of_the_code_shows_in_the_commit(repository: Path, name: str) -> None:
    head = git("rev-parse", "HEAD")
    assert hashes.commit() == head
    Path("tests/test.py").write_text("2", encoding="utf-8")
    Path("report.md").touch()
    assert hashes.commit() == head
    Path(name).write_text("2", encoding="utf-8")
    assert hashes.commit() == f"{head}+changes"


def test_an_image_is_told_its_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMIT", "abc")
    assert hashes.commit() == "abc"
    monkeypatch.setenv("GIT_COMMIT", "")
    assert hashes.commit() == git("rev-parse", "HEAD")


def test_a_new_file_of_the_code_shows_in_the_commit(repository: Path) -> None:
    Path("ml/more.py").touch()
    assert hashes.commit().endswith("+changes")


def test_without_a_commit_or_without_git_there_is_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("update-ref", "-d", "HEAD")
    assert hashes.commit() == "none"
    monkeypatch.setattr(hashes.shutil, "which", lambda _: None)
    assert hashes.commit() == "none"


# --- runs ---


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "sqlite:///mlflow.db"),
        ("", "sqlite:///mlflow.db"),
        ("https://tracking.invalid", "https://tracking.invalid"),
    ],
)
def test_one_variable_names_the_server(given: str | None, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow  # noqa: PLC0415 - seconds to import

    told: list[str] = []
    if given is None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    monkeypatch.setattr(mlflow, "set_tracking_uri", told.append)
    monkeypatch.setattr(mlflow, "MlflowClient", lambda address: f"client of {address}")
    assert tracking.client() == f"client of {used}"
    assert told == [used]


def test_mlflow_is_quiet_unless_somebody_asks(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry, bar = "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    monkeypatch.delenv(telemetry, raising=False)
    monkeypatch.setenv(bar, "true")
    tracking.client()
    assert (os.environ[telemetry], os.environ[bar]) == ("true", "true")
    monkeypatch.setenv(telemetry, "false")
    monkeypatch.delenv(bar)
    tracking.client()
    assert (os.environ[telemetry], os.environ[bar]) == ("false", "false")
    assert logging.getLogger("mlflow").level == logging.WARNING


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with pytest.raises(TrackingError) as caught:
        tracking.client()
    assert caught.value.what == "the tracking server cannot be used"
    assert "nonsense" in caught.value.because
    assert caught.value.attempt == "mend or unset MLFLOW_TRACKING_URI"


def test_the_tags_name_what_a_model_is_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    facts: dict[str, Any] = {
        "data_version": "v",
        "data_sha256": "d",
        "window_sha256": "w",
        "train_until": None,
        "rows": 3,
    }
    Path("reports/prepare.json").write_text(json.dumps(facts), encoding="utf-8")
    monkeypatch.setattr(hashes, "commit", lambda: "c")
    monkeypatch.setattr(hashes, "lock", lambda: "l")
    assert tracking.tags("m") == {
        "data_version": "v",
        "data_sha256": "d",
        "window_sha256": "w",
        "git_commit": "c",
        "lock_sha256": "l",
        "model_sha256": "m",
        "train_until": "None",
    }


def test_nested_settings_become_flat_names() -> None:
    assert flat({"a": 1, "b": {"c": None, "d": {"e": [1]}}, "f": {}}) == {"a": 1, "b.c": None, "b.d.e": [1]}
    assert flat({"a": 1}, "of.") == {"of.a": 1}


def logged(run: str) -> Run:
    found: Run = tracking.client().get_run(run)
    return found


def test_a_run_holds_everything_that_was_logged(tracked: Path) -> None:
    Path("model/deep").mkdir(parents=True)
    Path("model/deep/a").write_text("1", encoding="utf-8")
    Path("report.json").write_text("{}", encoding="utf-8")
    run = log_run(
        "shop",
        params={"train": {"seed": 7}, "as_of": None},
        metrics={"f1": 0.5, "nan": math.nan, "much": math.inf, "little": -math.inf, "zero": 0.0},
        tags={"gates": "passed"},
        folders=[Path("model")],
        files=[Path("report.json")],
    )
    found = logged(run)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"train.seed": "7", "as_of": "None"}
    assert found.data.metrics == {"f1": 0.5, "zero": 0.0}
    assert found.data.tags["gates"] == "passed"
    server = tracking.client()
    (metric,) = server.get_metric_history(run, "f1")
    assert (metric.step, metric.timestamp) == (0, found.info.start_time)
    assert server.get_experiment_by_name("shop").experiment_id == found.info.experiment_id
    stored = Path(found.info.artifact_uri.removeprefix("file://"))
    assert (stored / "model" / "deep" / "a").read_text(encoding="utf-8") == "1"
    assert (stored / "report.json").read_text(encoding="utf-8") == "{}"


def test_the_runs_of_a_project_are_one_experiment(tracked: Path) -> None:
    runs = [logged(log_run(name, params={}, metrics={}, tags={})) for name in ("shop", "shop", "other")]
    one, two, other = (run.info.experiment_id for run in runs)
    assert one == two != other
