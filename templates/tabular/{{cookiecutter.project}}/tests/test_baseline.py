from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from ml import baseline
from ml.baseline import Baseline, BaselineError, Unseen, load, predicted, predictions, save
from ml.champions import laid_out
from ml.drift.blocks import blocks
from ml.drift.buckets import Feature, frozen
from ml.drift.compare import compare
from ml.drift.measure import measure
from ml.drift.reference import own
from ml.frames import signature
from ml.losses import losses
from ml.model import Facts, Prediction
from tests.stages import SCHEMA, a_contract, a_frame, a_regression, numbers, says

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contract import Contract

FACTS = Facts(task="classification", target="bought", classes=(False, True), weights=(1.0, 1.0))
ROWS, UNSEEN = 1200, 400
DAY = timedelta(days=1)


def rows(every: timedelta = timedelta(hours=1)) -> pl.DataFrame:
    return a_frame(ROWS, every=every).with_columns(
        amount=pl.when(pl.int_range(ROWS) % 10 == 0).then(None).otherwise(pl.col("amount"))
    )


def made(contract: Contract | None = None, frame: pl.DataFrame | None = None) -> Baseline:
    contract, frame = contract or a_contract(), rows() if frame is None else frame
    late = frame[-UNSEEN:]
    if contract.task == "regression":
        unseen = Unseen(frame=late, truth=np.full(UNSEEN, 5.0), prediction=Prediction(np.linspace(0, 10, UNSEEN), None))
        facts = Facts(task="regression", target="amount", classes=(), weights=())
    else:
        said, facts = says(*np.linspace(0, 1, UNSEEN)), FACTS
        unseen = Unseen(frame=late, truth=late["bought"].cast(pl.Float64).to_numpy(), prediction=said)
    return baseline.baseline(frame, signature(SCHEMA, contract), unseen, facts, contract)


def test_it_holds_the_training_window() -> None:
    found = made()
    assert (found.rows, found.since, found.until) == (ROWS, "2025-01-01T00:00:00", "2025-02-19T23:00:00")
    features = frozen(rows(), signature(SCHEMA, a_contract()))
    assert [one.name for one in features] == ["at_hour", "at_weekday", "kind", "amount"]
    assert found.inputs.profile == measure(rows(), features)
    assert found.inputs.profile.counts["amount"].nulls == ROWS // 10


def test_how_inputs_move_by_themselves_is_seen_in_blocks_cut_as_later_windows() -> None:
    contract, frame = a_contract(drift__every="2d", drift__min_rows=60), rows()
    found = made(contract).inputs
    parts = blocks(frame["at"], 2 * DAY, 60)
    # 25 days of two, the first and the last of them begun: 24 rows are too few for a block.
    assert [len(part) for part in parts] == [72, *[96] * 11, 72]
    assert found.block_rows == 96
    profiles = [measure(frame[part], found.profile.features) for part in parts]
    assert found.own == own(found.profile, profiles)
    assert found.own["at_weekday"] > 0.6
    assert found.own["at_hour"] < 0.1


def test_rows_without_a_time_are_not_cut() -> None:
    found = made(a_contract(time_column=None))
    assert (found.since, found.until) == (None, None)
    assert found.inputs.block_rows == found.predictions.block_rows == found.quality.blocks == 0
    assert set(found.inputs.own.values()) == {0.0}


def test_predictions_and_losses_are_those_of_rows_that_were_not_seen() -> None:
    contract = a_contract(drift__min_rows=100)
    found, late = made(contract), rows()[-UNSEEN:]
    label, probability = found.predictions.profile.features
    assert (label.levels, probability.centre) == (("False", "True"), pytest.approx(0.5, abs=0.01))
    assert found.predictions.profile.counts["label"].buckets == {0: UNSEEN // 2, 1: UNSEEN // 2}
    assert found.predictions.block_rows in range(100, 201)
    assert found.predictions.own["probability"] > 0.5
    expected = losses("f1", late["bought"].cast(pl.Float64).to_numpy(), says(*np.linspace(0, 1, UNSEEN)))
    assert (found.quality.loss, found.quality.rows, found.quality.blocks) == ("log_loss", UNSEEN, 3)
    assert found.quality.mean == pytest.approx(expected.mean())


def test_a_regression_has_values_and_errors() -> None:
    found = made(a_regression())
    assert [one.name for one in found.predictions.profile.features] == ["value"]
    assert found.predictions.profile.counts["value"].rows == UNSEEN
    assert (found.quality.loss, found.quality.mean) == ("absolute_error", pytest.approx(2.5, rel=0.01))


def test_what_a_model_says_is_a_label_and_how_sure_it_is() -> None:
    two = predicted(says(0.2, 0.9), ("no", "yes"))
    assert two.to_dict(as_series=False) == {"label": ["no", "yes"], "probability": [0.2, 0.9]}
    three = Prediction(numbers(2, 0), np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]))
    assert predicted(three, (1, 2, 3)).to_dict(as_series=False) == {"label": ["3", "1"], "probability": [0.7, 0.5]}
    assert predicted(Prediction(numbers(2.5), None), ()).to_dict(as_series=False) == {"value": [2.5]}


def test_later_predictions_are_compared_with_it() -> None:
    reference = made(a_contract(time_column=None)).predictions
    same, surer = (says(*values) for values in (np.linspace(0, 1, 300), np.linspace(0.6, 1, 300)))
    reports = [
        compare(reference, measure(predicted(said, FACTS.classes), reference.profile.features))
        for said in (same, surer)
    ]
    assert reports[0].ratio < 1 < reports[1].ratio
    assert [move.drifting for move in reports[1].moves] == [True, True]


# --- the file ---


@pytest.mark.parametrize("contract", [a_contract(), a_regression(), a_contract(time_column=None)])
def test_it_reads_back_as_it_was_saved(contract: Contract, tmp_path: Path) -> None:
    found = made(contract)
    save(found, tmp_path)
    assert load(tmp_path) == found


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for frame in (rows(), rows(), rows().sample(fraction=1, shuffle=True, seed=1)):
        save(made(frame=pl.concat([frame, rows()[:0]])), tmp_path)
        texts.append((tmp_path / "baseline.json").read_bytes())
    assert texts[0] == texts[1]
    inputs = [json.loads(text)["inputs"] for text in texts]
    assert inputs[0] == inputs[2]


def test_people_can_read_it(tmp_path: Path) -> None:
    save(made(), tmp_path)
    text = (tmp_path / "baseline.json").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert text.startswith('{\n "format": 1,\n "rows": 1200,\n "from": "2025-01-01T00:00:00",\n')
    assert text.endswith("}\n")
    (line,) = (line for line in lines if line.startswith('   "kind": '))
    found = json.loads("{" + line.removesuffix(",") + "}")["kind"]
    assert (found["kind"], sorted(found["levels"]), set(found["buckets"])) == ("categorical", ["a", "b"], {"0", "1"})
    assert len(lines) < 40
    assert len(text) < 12_000


def test_the_gates_find_the_age_of_a_champion_in_it(tmp_path: Path) -> None:
    save(made(), tmp_path)
    champion = laid_out(tmp_path)
    assert champion is not None
    assert champion.train_until == "2025-02-19T23:00:00"


@pytest.mark.parametrize(("text", "because"), [('{"format": 2}', "2"), ("{}", "None"), ("[]", "None")])
def test_another_format_is_refused(text: str, because: str, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text(text, encoding="utf-8")
    with pytest.raises(BaselineError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"the baseline in {tmp_path} cannot be used\n"
        f"  because: its format is {because}, this code knows 1\n"
        "  try: run the code that the model was trained with, or train the model again"
    )


def test_no_baseline_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "baseline.json").write_text("{", encoding="utf-8")
    with pytest.raises(BaselineError, match="train the model again"):
        load(tmp_path)


def test_a_column_that_cannot_be_counted_is_kept_and_never_judged(tmp_path: Path) -> None:
    """A category of fractions, say: its numbers have no one text."""
    feature = Feature(name="x", column="x", kind="categorical", levels=("1.5",))
    reference = baseline._reference(pl.DataFrame({"x": [1.5, 2.5]}), [feature], [])
    save(Baseline(**{**made().__dict__, "inputs": reference}), tmp_path)
    read = load(tmp_path).inputs
    assert compare(read, measure(pl.DataFrame({"x": ["1.5"]}), [feature])).moves[0].status == "baseline empty"


def test_predictions_are_frozen_by_kind() -> None:
    said = predicted(says(0.25, 0.25, 0.75), ("no", "yes"))
    assert [(one.name, one.kind) for one in predictions(said)] == [("label", "categorical"), ("probability", "numeric")]
