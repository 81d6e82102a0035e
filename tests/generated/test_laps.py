"""What we generate is green: repositories of every kind run their own checks, their pipeline and their server."""

from __future__ import annotations

import math
import subprocess

import pytest
from allpairspy import AllPairs

from datasets import FORMATS, TARGETS, Shape, write
from lap import Repository, ask, environment
from realdata import real_data
from repositories import REAL, new

pytestmark = pytest.mark.generated

ROWS = [
    pytest.param(
        Shape(target=target, time=time, entity=entity, format=form),
        approval,
        owned,
        id=f"{number}-{target.replace(' ', '-')}",
    )
    for number, (target, time, entity, form, approval, owned) in enumerate(
        AllPairs(
            [
                list(TARGETS),
                [True, False],
                [True, False],
                list(FORMATS),
                ["auto", "manual"],
                ["apache-2.0", "mit", "proprietary"],
            ]
        )
    )
]


@pytest.fixture
def _quick(monkeypatch):
    """Leave out what is the same in every repository and takes half a minute: `make demo` runs it once."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-m 'not slow'")


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("shape", "approval", "licence"), ROWS)
def test_every_pair_of_options_is_green_unedited(tmp_path, venv, shape, approval, licence):
    folder = tmp_path / "repository"
    data = write(tmp_path, shape)
    new(
        folder,
        "--data",
        data,
        *shape.words(),
        "--set",
        f"approval={approval}",
        "--set",
        f"license={licence}",
        "--set",
        "project=pair",
    )
    Repository(folder=folder, venv=venv).make("check")
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("name", REAL)
def test_a_real_data_set_goes_all_the_way(tmp_path, venv, figures, name):
    data = real_data(name)
    repository = Repository(folder=tmp_path / name.replace("_", "-"), venv=venv)
    new(repository.folder, "--data", data, *REAL[name])
    repository.make("check")
    repository.make("run")

    metrics, gates = repository.report("metrics.json"), repository.report("gates.json")
    figures(f"{metrics['metrics']} against {metrics['baselines']}")
    figures("; ".join(f"{gate['gate']}: {gate['note']}" for gate in gates["gates"]))
    assert gates["passed"]
    assert next(gate for gate in gates["gates"] if gate["gate"] == "baseline")["passed"]
    assert "last known value" in metrics["baselines"]

    with repository.served() as address:
        answer = ask(address, repository.rows(5))
    assert len(answer["predictions"]) == 5
    assert all(_sane(entry) for entry in answer["predictions"])


def test_runs_only_what_changed(tmp_path, venv):
    repository = Repository(folder=tmp_path / "shop", venv=venv)
    new(repository.folder, "--no-git")
    first = repository.make("run")
    assert first.count("Running stage") == 6
    assert repository.report("registered.json")["alias"] == "champion"

    assert "Running stage" not in repository.make("run")

    params = repository.folder / "params.yaml"
    params.write_text(params.read_text().replace("learning_rate: 0.05", "learning_rate: 0.02"))
    again = subprocess.run(
        ["make", "run", f"VENV={venv}"],
        cwd=repository.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    ran = [line.split("'")[1] for line in again.stdout.splitlines() if line.startswith("Running stage")]
    # Whether the gates let this one through is theirs to say; `prepare` has nothing to do with it.
    assert ran[:4] == ["probe", "train", "evaluate", "gates"]
    assert "prepare" not in ran


def _sane(entry):
    value = entry["prediction"]
    return (
        math.isfinite(value) if isinstance(value, float) else sum(entry["probabilities"].values()) == pytest.approx(1)
    )


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout
