"""Labels land late, in parts and more than once; quality is told only where enough of them are there."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from ml import baseline, logged, losses, schema
from ml import contract as contracts
from ml.artefact import digest
from ml.features import features
from ml.frames import columns, signature
from ml.model import load, predict
from ml.places import place
from ml.quality import Cohort
from ml.train import target
from ml.watch.chart import chart, cohorts
from ml.watch.cohorts import Sums
from ml.watch.judged import KEPT, judged
from ml.watch.labels import labels as landed
from ml.watch.rows import OURS
from ml.watch.state import State
from ml.window import Window
from tests.sample import sample
from tests.stages import a_contract, a_regression
from tests.watched import DELAY, EVERY, FIRST, Watch, complete, enough, ripe

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = contracts.load()
TARGET, NEED = CONTRACT.target, CONTRACT.quality.min_coverage
FRAME = sample(900, seed=2).drop_nulls(TARGET).head(enough())


def labelled(root: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted((root / "labelled").iterdir())])


@pytest.fixture
def answered(watch: Watch) -> list[str]:
    """Ask `FRAME` in the first period, watch it, and return what labels name the rows by."""
    names = watch.ask(FRAME, FIRST)
    watch.run(complete(FIRST))
    return names


def test_quality_is_told_once_labels_are_due_and_there(watch: Watch, answered: list[str]) -> None:
    assert watch.run(ripe(FIRST))["metrics"].items() >= {"LabelCoverage": 0.0, "QualityCusum": 0.0}.items()
    watch.label(answered, FRAME[TARGET], "one")
    found = watch.run(ripe(FIRST))
    metrics, rows = found["metrics"], labelled(watch.root)
    assert metrics["LabelCoverage"] == 1
    assert metrics["LabelAgeDays"] == pytest.approx((ripe(FIRST) - FIRST) / timedelta(days=1))
    assert metrics["QualityLoss"] == pytest.approx(rows["__loss__"].mean())
    (cohort,) = found["quality"]["cohorts"]
    assert (cohort["rows"], cohort["labelled"], cohort["loss"]) == (len(FRAME), len(FRAME), metrics["QualityLoss"])
    assert metrics["QualityCusum"] == cohort["cusum"]
    assert found["quality"]["baseline_mean"] == baseline.load(watch.model).quality.mean
    assert found["labels"] == {"files": 1, "labels": len(FRAME), "unmatched": 0, "unreadable": {}}


@pytest.mark.skipif(not DELAY, reason="labels are due at once")
def test_labels_that_come_before_they_are_due_say_nothing_yet(watch: Watch, answered: list[str]) -> None:
    watch.label(answered, FRAME[TARGET], "one")
    early = watch.run(ripe(FIRST) - timedelta(hours=2))["metrics"]
    assert not {"LabelCoverage", "LabelAgeDays", "QualityLoss"} & set(early)
    assert watch.run(ripe(FIRST))["metrics"]["LabelCoverage"] == 1


def test_the_probe_reads_what_the_monitor_leaves(watch: Watch, answered: list[str]) -> None:
    watch.label(answered, FRAME[TARGET], "one")
    watch.run(ripe(FIRST))
    inputs, model = signature(schema.SCHEMA, CONTRACT), load(watch.model)
    wanted = [*(entry.name for entry in inputs.inputs), TARGET]
    found = logged.read(watch.root / "labelled", digest(watch.model), wanted)
    assert found is not None
    assert found.height == len(FRAME)
    said = predict(model, features(columns(found, inputs)))
    again = losses.losses(CONTRACT.metric.name, target(found[TARGET], model.facts.classes), said)
    assert found["__loss__"].to_list() == pytest.approx(again.tolist(), abs=1e-4)


def test_rows_with_labels_are_as_history_has_them(watch: Watch, answered: list[str]) -> None:
    watch.label(answered, FRAME[TARGET], "one")
    watch.run(ripe(FIRST))
    found = labelled(watch.root)
    assert [path.name for path in (watch.root / "labelled").iterdir()] == [f"{FIRST:%Y-%m-%dT%H-%MZ}.parquet"]
    assert set(found.columns) - set(KEPT) <= set(FRAME.columns)
    assert all(found.schema[name] == FRAME.schema[name] for name in found.columns if name not in KEPT)
    assert found.schema["__time__"] == pl.Datetime("us")
    assert set(found["__model__"]) == {digest(watch.model)}
    assert found[TARGET].to_list() == FRAME[TARGET].to_list()
    assert found["__loss__"].is_finite().all()


def test_labels_that_trickle_in_are_joined_and_the_later_one_counts(watch: Watch, answered: list[str]) -> None:
    half = len(FRAME) // 2
    wrong = FRAME[TARGET].reverse()
    watch.label(answered[:half], wrong[:half], "a")
    first = watch.run(ripe(FIRST))["metrics"]
    assert first["LabelCoverage"] == half / len(FRAME)
    assert "QualityLoss" not in first or half / len(FRAME) >= NEED
    watch.label([*answered[:half], "nobody"], pl.concat([FRAME[TARGET][:half], FRAME[TARGET][:1]]), "b")
    watch.label(answered[half:], FRAME[TARGET][half:], "c")
    found = watch.run(ripe(FIRST, 3))
    assert found["labels"] == {"files": 2, "labels": len(FRAME) + 1, "unmatched": 1, "unreadable": {}}
    assert found["metrics"]["LabelCoverage"] == 1
    assert labelled(watch.root)[TARGET].to_list() == FRAME[TARGET].to_list()


def test_a_file_without_labels_is_named_and_stops_nothing(watch: Watch, answered: list[str]) -> None:
    watch.label(answered, FRAME[TARGET], "good")
    (watch.root / "in/labels/bad.parquet").write_bytes(b"PAR1 not at all")
    pl.DataFrame({"order": ["x"]}).write_parquet(watch.root / "in/labels/other.parquet")
    found = watch.run(ripe(FIRST))
    assert set(found["labels"]["unreadable"]) == {"bad.parquet", "other.parquet"}
    assert found["metrics"]["LabelCoverage"] == 1


def test_a_value_that_is_no_label_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    pl.DataFrame({"id": ["1"], "y": ["anna@example.org"]}).write_parquet(tmp_path / "labels/wrong.parquet")
    state = State(place(str(tmp_path / "state")), tmp_path)
    found = landed(place(str(tmp_path / "labels")), state, FIRST, "y", pl.Float64())
    assert found.fetch(found.files) == []
    assert found.unreadable == {
        "wrong.parquet": "conversion from `str` to `f64` failed in column 'y' for 1 out of 1 values"
    }


def test_a_row_of_a_request_is_named_by_its_number(watch: Watch, answered: list[str]) -> None:
    watch.label(answered, FRAME[TARGET], "wrong row", row=[1] * len(answered))
    assert watch.run(ripe(FIRST))["metrics"]["LabelCoverage"] == 0
    watch.label(answered, FRAME[TARGET], "right row", row=[0] * len(answered))
    assert watch.run(ripe(FIRST, 2))["metrics"]["LabelCoverage"] == 1


def test_a_new_model_starts_at_nothing_and_its_predecessor_is_not_judged_as_it(watch: Watch) -> None:
    names = watch.ask(FRAME, FIRST, model="f" * 64)
    watch.run(complete(FIRST))
    watch.label(names, FRAME[TARGET], "one")
    found = watch.run(ripe(FIRST))
    assert found["metrics"]["LabelCoverage"] == 1
    assert found["metrics"]["QualityCusum"] == 0
    assert "QualityLoss" not in found["metrics"]
    assert set(labelled(watch.root)["__model__"]) == {"f" * 64}


def test_no_number_is_ever_undefined(watch: Watch, answered: list[str]) -> None:
    watch.label(answered[:1], FRAME[TARGET][:1], "one")
    for periods in (1, 2):
        text = json.dumps(watch.run(ripe(FIRST, periods)), allow_nan=False)
        assert "NaN" not in text


# --- cohorts


def sums(number: int, rows: int, labelled: int, loss: float = 1.0) -> Sums:
    window = Window(start=FIRST, end=FIRST + EVERY).ago(-number)
    newest = window.start if labelled else None
    return Sums(window=window, rows=rows, labelled=labelled, total=loss * labelled, newest=newest)


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([(200, 160)], []),  # not enough labels, and not so many rows that they should have been enough
        ([(100, 100), (100, 100)], [(200, 200, 1.0)]),
        ([(300, 240)], [(300, 240, 1.0)]),
        ([(300, 239)], [(300, 239, None)]),  # just below the coverage
        ([(250, 0)], [(250, 0, None)]),  # nothing landed: no later period is waited for
        ([(250, 0), (300, 300)], [(250, 0, None), (300, 300, 1.0)]),
        ([(200, 200), (10, 10)], [(200, 200, 1.0)]),
    ],
)
def test_periods_are_joined_until_they_can_be_judged(periods: list[Any], expected: list[Any]) -> None:
    found = cohorts([sums(number, *one) for number, one in enumerate(periods)], a_contract())
    assert [(cohort.rows, cohort.labelled, cohort.loss) for cohort in found] == expected


def test_a_cohort_with_too_few_labels_says_nothing_of_its_loss_but_of_its_coverage() -> None:
    base = losses.Quality(loss="log_loss", rows=1000, mean=0.5, deviation=0.5, between=0.05, blocks=9)
    known = [("m", sums(0, 300, 300)), ("m", sums(1, 300, 30))]
    found = chart(known, "m", base, a_contract(), FIRST + 9 * EVERY)
    assert found.metrics() == {"LabelCoverage": 0.1, "LabelAgeDays": 8 * EVERY / timedelta(days=1)}
    assert found.scores[0] == found.scores[1] > 0
    assert found.document()["loss"] is None


def test_a_baseline_of_another_loss_judges_nothing() -> None:
    base = losses.Quality(loss="squared_error", rows=1000, mean=0.5, deviation=0.5, between=0.05, blocks=9)
    found = chart([("m", sums(0, 300, 300))], "m", base, a_contract(), FIRST)
    assert found.cohorts == (Cohort(start=FIRST, rows=300, labelled=300, loss=None),)
    assert found.metrics()["QualityCusum"] == 0


# --- losses


def rows(**columns: Any) -> pl.DataFrame:
    """Return answered rows with one input."""
    count = len(next(iter(columns.values())))
    made = {"amount": [1.0] * count, "__id__": list("abcd")[:count], "__row__": [0] * count, "__model__": ["m"] * count}
    given = {f"__{name}__": values for name, values in columns.items()}
    none = {name: [None] * count for name in OURS if name not in {*made, *given}}
    return pl.DataFrame(made | given | none, schema={"amount": pl.Float64(), **OURS})


def of(target: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"part": 0, "id": list("abcd")[: len(target)], "row": 0, "target": target})


def test_the_loss_of_a_class_is_that_of_its_probability_and_an_unknown_class_costs_most() -> None:
    said = rows(label=["x", "x", "y"], classes=['["x", "y"]'] * 3, probabilities=[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    contract = a_contract(target="kind", positive=None, time_column=None, entity=None)
    found = judged(said, of(["x", "y", "new"]), contract)
    assert found["__loss__"].to_list() == pytest.approx([-np.log(0.8), -np.log(0.5), -np.log(losses.EPSILON)])
    assert found.columns == ["amount", "kind", *KEPT]


def test_the_loss_of_a_number_is_its_error_and_what_is_not_finite_is_left_out() -> None:
    absolute, squared = (
        a_regression(target="price", metric={"name": name, "maximum": 1.0}) for name in ("mae", "rmse")
    )
    found = judged(rows(value=[1.0, 5.0, 1e300]), of([3.0, 4.0, 1.0]), squared)
    assert found["__loss__"].to_list() == [4.0, 1.0]
    assert judged(rows(value=[1.0]), of([3.0]), absolute)["__loss__"].to_list() == [2.0]
    assert judged(rows(value=[1.0]), of([3.0]).head(0), absolute).columns == found.columns
