"""What several tests need: rows by the data contract, and a small model trained on them."""

from __future__ import annotations

import shutil
import warnings
from typing import TYPE_CHECKING

import pytest

from ml import baseline, params, schema, tracking, train
from ml import contract as contracts
from ml.frames import signature
from ml.model import Facts, fit, save
from tests.sample import sample
from tests.watched import Watch

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    return sample(600, seed=1)


@pytest.fixture(scope="session")
def model_folder(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of twenty trees, trained on `frame`."""
    folder = tmp_path_factory.mktemp("model")
    contract, inputs = contracts.load(), signature(schema.SCHEMA, contracts.load())
    labelled = frame.drop_nulls(contract.target)
    classes = train.classes(labelled, contract)
    facts = Facts(task=contract.task, target=contract.target, classes=classes, weights=(1.0,) * len(classes))
    rows = train.rows(labelled, inputs, facts)
    save(fit(rows, facts, params.load().train.settings(), rounds=20), folder)
    inputs.save(folder)
    return folder


@pytest.fixture(scope="session")
def baselined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of this repository with its baseline, trained on `sample(900, seed=2)`."""
    folder = tmp_path_factory.mktemp("baselined")
    contract = contracts.load()
    rows = sample(900, seed=2).drop_nulls(contract.target)
    made = train.trained(rows, contract, params.load())
    save(made.model, folder)
    made.inputs.save(folder)
    baseline.save(baseline.baseline(rows, made.inputs, made.unseen, made.model.facts, contract), folder)
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an MLflow database without a run: making its tables takes seconds, so once is enough."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # MLflow declares its tables in a way that SQLAlchemy is about to drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        tracking.client()
    return path


@pytest.fixture
def tracked(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, tracked by an MLflow of its own; return the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}")
    return tmp_path


@pytest.fixture
def watch(tmp_path: Path, baselined: Path) -> Watch:
    """Return an endpoint that nobody has asked yet."""
    return Watch(tmp_path / "watched", baselined)
