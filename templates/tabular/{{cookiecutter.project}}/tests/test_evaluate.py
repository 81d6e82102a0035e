from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from ml import evaluate
from ml.evaluate import trivial
from ml.metrics import baselines, score, scores
from ml.model import Facts, Model, Prediction
from ml.signature import Input, Signature
from ml.split import LAST_KNOWN
from tests.stages import a_contract, a_regression, numbers, says

if TYPE_CHECKING:
    from ml.contract import Contract

TRAIN = pl.DataFrame({"bought": [True, False, False], "amount": [1.0, 2.0, 6.0]})
TEST = pl.DataFrame({"bought": [True, False, True], "amount": [4.0, 2.0, 3.0]})


def a_model(*, classes: tuple[bool, ...] = ()) -> Model:
    target = "bought" if classes else "amount"
    task = "classification" if classes else "regression"
    return Model(None, Facts(task=task, target=target, classes=classes, weights=(1.0,) * len(classes)))  # type: ignore[arg-type]


def test_trivial_predictions_of_a_class() -> None:
    test = TEST.with_columns(pl.Series(LAST_KNOWN, [None, True, True]))
    assert trivial(TRAIN, test, a_model(classes=(False, True)), a_contract()) == pytest.approx(
        {"majority class": 0, "always positive": 0.8, "last known value": 0.5}
    )


def test_trivial_predictions_of_a_number() -> None:
    test = TEST.with_columns(pl.Series(LAST_KNOWN, [None, 5.0, 3.0]))
    found = trivial(TRAIN, test, a_model(), a_regression())
    assert found == pytest.approx({"mean": 2 / 3, "last known value": 4 / 3})


def test_predictions_take_the_signature_that_lies_beside_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Signature(inputs=(Input(name="amount", kind="numeric"),)).save(tmp_path)
    model = a_model()
    monkeypatch.setattr(evaluate, "features", lambda columns: {"twice": columns["amount"] * 2})
    monkeypatch.setattr(evaluate, "predict", lambda _model, made: (_model, {k: v.tolist() for k, v in made.items()}))
    assert evaluate.predicted(model, tmp_path, TEST) == (model, {"twice": [8.0, 4.0, 6.0]})


@pytest.mark.parametrize(
    ("contract", "model", "prediction"),
    [
        (a_contract(), a_model(classes=(False, True)), says(0.9, 0.2, 0.4)),
        (a_regression(), a_model(), Prediction(numbers(4, 1, 3), None)),
    ],
)
def test_the_stage_leaves_metrics_and_plots(
    contract: Contract, model: Model, prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = TEST.with_columns(pl.Series(LAST_KNOWN, [None] * 3, dtype=TEST.schema[contract.target]))
    monkeypatch.chdir(tmp_path)
    Path("data/prepared").mkdir(parents=True)
    TRAIN.write_parquet("data/prepared/train.parquet")
    test.write_parquet("data/prepared/test.parquet")
    Path("model").mkdir()
    Path("model/baseline.json").write_text("{}", encoding="utf-8")
    drawn: list[object] = []
    monkeypatch.setattr(evaluate.contracts, "load", lambda: contract)
    monkeypatch.setattr(evaluate, "load", lambda folder: model if folder == Path("model") else None)
    monkeypatch.setattr(
        evaluate, "predicted", lambda of, _, rows: prediction if of is model and len(rows) == 3 else None
    )
    monkeypatch.setattr(evaluate.plots, "draw", lambda *given: drawn.extend(given))
    evaluate.main()
    evaluate.main()

    classes = len(model.facts.classes)
    truth, train = (frame[contract.target].cast(float).to_numpy() for frame in (TEST, TRAIN))
    made = baselines(train, 3, classes, np.full(3, np.nan))
    assert Path("reports/baseline.json").read_text(encoding="utf-8") == "{}"
    text = Path("reports/metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "rows": 3,
        "metrics": scores(contract.task, truth, prediction),
        "baselines": {name: score(contract.metric.name, truth, one) for name, one in made.items()},
    }
    assert text.startswith('{\n "rows": 3,\n "metrics": {\n')
    assert text.endswith("}\n")
    folder, drawn_truth, drawn_prediction, of = drawn[:4]
    assert (folder, drawn_prediction, of) == (Path("reports/plots"), prediction, model)
    np.testing.assert_array_equal(drawn_truth, truth)  # type: ignore[arg-type]
