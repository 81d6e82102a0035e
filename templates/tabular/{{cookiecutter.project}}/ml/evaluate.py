"""Stage: judge the model on the test rows, beside what trivial predictions reach, and draw it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl

from ml import baseline, plots
from ml import contract as contracts
from ml.features import features
from ml.frames import columns
from ml.metrics import baselines, score, scores
from ml.model import Model, Prediction, load, predict
from ml.paths import BASELINE, METRICS, MODEL, PLOTS, REPORTS, TEST, TRAIN
from ml.signature import Signature
from ml.split import LAST_KNOWN
from ml.train import target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contract import Contract


def main(_arguments: Sequence[str] = ()) -> None:
    """Run the stage."""
    contract = contracts.load()
    train, test = pl.read_parquet(TRAIN), pl.read_parquet(TEST)
    model = load(MODEL)
    prediction = predicted(model, MODEL, test)
    truth = target(test[contract.target], model.facts.classes)
    report = {"rows": test.height, "metrics": scores(contract.task, truth, prediction)}
    report |= {"baselines": trivial(train, test, model, contract)}
    REPORTS.mkdir(exist_ok=True)
    METRICS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    # SageMaker's registry names it by its own address, and the model is an archive there.
    shutil.copyfile(MODEL / baseline.FILE, BASELINE)
    plots.draw(PLOTS, truth, prediction, model)


def predicted(model: Model, folder: Path, frame: pl.DataFrame) -> Prediction:
    """Predict the rows of ``frame`` with the model and the signature in ``folder``."""
    return predict(model, features(columns(frame, Signature.load(folder))))


def trivial(train: pl.DataFrame, test: pl.DataFrame, model: Model, contract: Contract) -> dict[str, float]:
    """Return what each trivial prediction reaches on the test rows, in the contract's metric."""
    classes = model.facts.classes
    truth = target(test[contract.target], classes)
    made = baselines(
        target(train[contract.target], classes), test.height, len(classes), target(test[LAST_KNOWN], classes)
    )
    return {name: score(contract.metric.name, truth, prediction) for name, prediction in made.items()}
