"""A small run of the real thing: stages as commands on sample rows, the model they leave, a server that is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import yaml

from ml import artefact
from ml.contract import load as contract
from ml.features import features
from ml.frames import columns, records
from ml.model import load, predict
from ml.paths import HISTORY, MODEL, TEST
from ml.serving.values import level
from ml.signature import Signature
from tests.sample import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
STAGES = ("prepare", "probe", "train")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "SAGEMAKER_BIND_TO_PORT": "0"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the stages have run: on sample rows, with a model of few trees, without golden rows."""
    folder = tmp_path_factory.mktemp("smoke")
    for name, (part, key, value) in {
        "loop.yaml": ("gates", "golden", None),
        "params.yaml": ("train", "rounds", 20),
    }.items():
        document = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        document[part][key] = value
        (folder / name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    (folder / HISTORY).parent.mkdir()
    sample(1500, seed=3).write_parquet(folder / HISTORY)
    for stage in STAGES:
        command = [sys.executable, "-m", "ml", stage]
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{stage}: {done.stderr}"
    return folder


@pytest.fixture(scope="module")
def rows(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / TEST).head(50)


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[HTTPConnection]:
    """Serve the trained model in a process of its own."""
    command = [sys.executable, "-m", "ml", "serve"]
    variables = ENVIRONMENT | {"MODEL_DIR": str(run / MODEL), "MODEL_SHA256": artefact.digest(run / MODEL)}
    with subprocess.Popen(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = next(line for line in process.stdout if "running on" in line)
            port = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            assert port
            with closing(HTTPConnection("127.0.0.1", int(port[1]), timeout=30)) as connection:
                yield connection
        finally:
            process.kill()


def asked(server: HTTPConnection, path: str, body: Any = None) -> Any:
    given = (None, {}) if body is None else (json.dumps(body, default=str), {"Content-Type": "application/json"})
    server.request("GET" if body is None else "POST", path, *given)
    answer = server.getresponse()
    found = json.load(answer)
    assert answer.status == 200, found
    return found


def test_the_model_answers_each_row_in_the_types_of_its_task(run: Path, rows: pl.DataFrame) -> None:
    model, inputs = load(run / MODEL), Signature.load(run / MODEL)
    said = predict(model, features(columns(rows, inputs)))
    assert (said.values.shape, said.values.dtype) == ((rows.height,), np.float64)
    assert np.isfinite(said.values).all()
    if contract().task == "regression":
        assert said.probabilities is None
        return
    assert said.probabilities is not None
    assert (said.probabilities.shape, said.probabilities.dtype) == ((rows.height, len(model.facts.classes)), np.float64)
    assert said.probabilities.min() >= 0
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1, rtol=1e-6)
    assert set(said.values.tolist()) <= set(range(len(model.facts.classes)))


def test_the_server_is_well_and_names_its_model(server: HTTPConnection, run: Path) -> None:
    assert asked(server, "/ping") == {"model": {"sha256": artefact.digest(run / MODEL)}}


def test_the_server_says_what_the_model_says(server: HTTPConnection, run: Path, rows: pl.DataFrame) -> None:
    model, inputs = load(run / MODEL), Signature.load(run / MODEL)
    said = predict(model, features(columns(rows, inputs)))
    answers = asked(server, "/invocations", records(rows, inputs))["predictions"]
    assert len(answers) == rows.height
    if said.probabilities is None:
        assert [row["prediction"] for row in answers] == pytest.approx(said.values.tolist())
        return
    names = [level(label) for label in model.facts.classes]
    assert [row["prediction"] for row in answers] == [model.facts.classes[int(index)] for index in said.values]
    shares = [[row["probabilities"][name] for name in names] for row in answers]
    np.testing.assert_allclose(shares, said.probabilities, rtol=1e-9)
