from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import MetricFrame

from ml import hashes, judges
from ml.champions import registered
from ml.contract import Bias, Golden, Metric
from ml.judges import Judged, Slice, Verdict
from ml.model import Facts, Prediction
from ml.registry import Version
from tests.stages import START, a_contract, a_frame, a_regression, numbers, says

if TYPE_CHECKING:
    from ml.model import Floats

ACCURACY = Metric(name="accuracy", minimum=0.75)
MAE = Metric(name="mae", maximum=0.75)
FACTS = Facts(task="classification", target="bought", classes=(False, True), weights=(1.0, 1.0))


@dataclass
class AModel:
    facts: Facts = FACTS


def classes(truth: list[int], said: list[float], **columns: Any) -> Judged:
    return Judged(frame=pl.DataFrame(columns), truth=numbers(*truth), prediction=says(*said))


def values(truth: list[float], said: list[float], **columns: Any) -> Judged:
    return Judged(frame=pl.DataFrame(columns), truth=numbers(*truth), prediction=Prediction(numbers(*said), None))


FOUR = classes([1, 1, 0, 0], [0.9, 0.8, 0.3, 0.7])


def test_some_rows_are_scored_alone() -> None:
    assert FOUR.score(ACCURACY) == 0.75
    assert FOUR.score(ACCURACY, np.array([3, 3, 0])) == pytest.approx(1 / 3)
    assert FOUR.score(Metric(name="log_loss", maximum=1), np.array([0])) == pytest.approx(-math.log(0.9))
    assert values([1, 2], [1, 4]).score(MAE, np.array([1])) == 2


def test_labelled_rows_are_judged_by_class_index(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, folder = a_frame(3), Path("somewhere")
    made = says(0.1, 0.2, 0.3)
    monkeypatch.setattr(judges, "predicted", lambda _, of, rows: made if (of, rows) == (folder, frame) else None)
    monkeypatch.setattr(pl.DataFrame, "__eq__", lambda one, other: one is other)
    found = judges.judge(AModel(), folder, frame, a_contract())  # type: ignore[arg-type]
    assert found.frame is frame
    assert found.truth.tolist() == frame["bought"].cast(float).to_list()
    assert found.prediction is made


# --- minimum and baseline ---


@pytest.mark.parametrize(("limit", "passed"), [(0.7, True), (0.75, True), (0.76, False)])
def test_the_metric_has_to_keep_its_limit(limit: float, *, passed: bool) -> None:
    found = judges.minimum(Metric(name="accuracy", minimum=limit), FOUR)
    assert found == Verdict(gate="metric", passed=passed, value=0.75, limit=limit, note="accuracy 0.75 on 4 test rows")


@pytest.mark.parametrize(
    ("reached", "passed", "named"),
    [
        ({"one": 0.5, "other": 0.6}, True, "0.6 of the other"),
        ({"one": 0.75}, False, "0.75 of the one"),
        ({"one": 0.8, "other": 0.1}, False, "0.8 of the one"),
    ],
)
def test_the_best_trivial_prediction_has_to_be_beaten(reached: dict[str, float], passed: bool, named: str) -> None:  # noqa: FBT001
    found = judges.baseline(ACCURACY, FOUR, reached)
    note = f"accuracy 0.75 against {named}"
    limit = max(reached.values())
    assert found == Verdict(gate="baseline", passed=passed, value=0.75, limit=limit, note=note)


def test_the_best_trivial_prediction_of_an_error_is_the_smallest() -> None:
    found = judges.baseline(MAE, values([1, 2], [1, 3]), {"mean": 0.9, "last known value": 0.4})
    assert (found.passed, found.value, found.limit) == (False, 0.5, 0.4)
    assert judges.baseline(MAE, values([1, 2], [1, 3]), {"mean": 0.9}).passed


# --- sanity ---

TRAIN = numbers(0, 10)


def halves(more: float) -> Floats:
    return np.array([[0.5, 0.5], [0.4, 0.6], [0.5, 0.5 + more]])


@pytest.mark.parametrize(
    ("prediction", "odd"),
    [
        (Prediction(numbers(1, 2, 3), None), None),
        (Prediction(numbers(20, -10, 3), None), None),
        (Prediction(numbers(20.1, 1, 3), None), "answers leave the training range [0, 10] by more than its width"),
        (Prediction(numbers(-10.1, 1, 3), None), "answers leave the training range [0, 10] by more than its width"),
        (Prediction(numbers(1, 2), None), "float64 of shape (2,) instead of 3 numbers"),
        (Prediction(np.array([1, 2, 3]), None), "int64 of shape (3,) instead of 3 numbers"),  # type: ignore[arg-type]
        (Prediction(numbers(1, math.nan, 3), None), "not all answers are finite"),
        (Prediction(numbers(1, math.inf, 3), None), "not all answers are finite"),
        (Prediction(numbers(4, 4, 4), None), "all rows get the same answer"),
        (Prediction(numbers(40, 40, 40), None), "answers leave the training range [0, 10] by more than its width; all"),
        (says(0.1, 0.2, 0.9), None),
        (says(0.1, 0.2, 0.1), None),
        (says(0.4, 0.4, 0.4), "all rows get the same answer"),
        (says(0.1, math.nan, 0.1), "not all answers are finite"),
        (says(-0.1, 0.2, 0.3), "probabilities are negative or do not add up to 1"),
        (
            Prediction(numbers(0, 1, 0), halves(1e-5)),
            "probabilities are negative or do not",
        ),
        (Prediction(numbers(0, 1, 0), halves(1e-8)), None),
        (Prediction(numbers(0, 1, 0), np.array([[0.0, 1.0]] * 2 + [[1.0, 0.0]])), None),
    ],
)
def test_odd_answers_are_named(prediction: Prediction, odd: str | None) -> None:
    found = judges.sanity(Judged(frame=pl.DataFrame(), truth=numbers(0, 1, 0), prediction=prediction), TRAIN)
    assert (found.gate, found.value, found.limit) == ("sanity", None, None)
    assert found.passed == (odd is None)
    assert found.note == "nothing odd" if odd is None else found.note.startswith(odd)


def test_one_row_may_have_the_same_answer_as_itself() -> None:
    assert judges.sanity(values([1], [2]), TRAIN).passed


# --- bias ---

# Of the 80 rows the 60 of "a" are all right, the 20 of "b" all wrong.
UNFAIR = classes(
    [1] * 80,
    [0.9] * 60 + [0.1] * 20,
    kind=["a"] * 60 + ["b"] * 20,
    even=[True, False] * 40,
    place=["x"] * 60 + [None] * 20,
)


@pytest.mark.parametrize(("gap", "passed"), [(0.76, True), (0.75, True), (0.74, False)])
def test_a_slice_that_is_treated_worse_fails(gap: float, *, passed: bool) -> None:
    found = judges.bias(Bias(slices=("kind",), max_gap=gap, min_rows=20), ACCURACY, UNFAIR)
    note = "worst: kind=b, gap 0.750, at least 0.750 with 95%"
    slices = (
        Slice(column="kind", value="a", rows=60, gap=-0.25, sure=0.0),
        Slice(column="kind", value="b", rows=20, gap=0.75, sure=0.75),
    )
    assert found == Verdict(gate="bias", passed=passed, value=0.75, limit=gap, note=note, slices=slices)


def test_small_slices_are_listed_and_not_judged() -> None:
    found = judges.bias(Bias(slices=("kind",), max_gap=0.1, min_rows=21), ACCURACY, UNFAIR)
    assert found.passed
    assert found.value == 0
    assert found.note == "worst: kind=a, gap -0.250, at least 0.000 with 95%; 1 slices of under 21 rows not judged"
    none = judges.bias(Bias(slices=("kind",), max_gap=0.1, min_rows=61), ACCURACY, UNFAIR)
    assert (none.passed, none.value) == (True, 0)
    assert none.note == "no slice; 2 slices of under 61 rows not judged"


def test_the_worst_of_all_columns_counts_and_null_is_a_slice_too() -> None:
    found = judges.bias(Bias(slices=("kind", "even"), max_gap=0.1, min_rows=1), ACCURACY, UNFAIR)
    assert (found.passed, found.value) == (False, 0.75)
    assert found.note.startswith("worst: kind=b, ")
    alone = judges.bias(Bias(slices=("place",), max_gap=0.1, min_rows=1), ACCURACY, UNFAIR)
    assert alone.note == "worst: place=(null), gap 0.750, at least 0.750 with 95%"


def test_what_chance_explains_is_no_bias() -> None:
    random = np.random.default_rng(3)
    right, kind = random.random(400) < 0.8, random.choice(["a", "b"], 400)
    found = judges.bias(
        Bias(slices=("kind",), max_gap=0.0, min_rows=1),
        ACCURACY,
        classes([1] * 400, list(np.where(right, 0.9, 0.1)), kind=kind),
    )
    assert found.passed
    assert "gap 0.0" in found.note
    assert found.value == 0


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_only_the_near_end_of_the_interval_is_sure(confidence: float) -> None:
    random = np.random.default_rng(3)
    kind = np.array(["a"] * 300 + ["b"] * 100)
    right = random.random(400) < np.where(kind == "a", 0.9, 0.6)
    metric = Metric(name="accuracy", minimum=0, confidence=confidence)
    found = judges.bias(
        Bias(slices=("kind",), max_gap=0.05, min_rows=1),
        metric,
        classes([1] * 400, list(np.where(right, 0.9, 0.1)), kind=kind),
    )
    frame = MetricFrame(
        metrics=lambda _, right: float(right.mean()),
        y_true=right,
        y_pred=right,
        sensitive_features=kind,
        n_boot=100,
        ci_quantiles=[1 - confidence, confidence],
        random_state=0,
    )
    sure = frame.overall - frame.by_group_ci[1].loc["b"]
    assert 0 < sure < frame.overall - frame.by_group.loc["b"]
    assert found.value == pytest.approx(sure)


def test_a_slice_of_a_regression_is_off_by_its_mean_error() -> None:
    kind = ["a"] * 30 + ["b"] * 10
    error = np.array([0.5] * 30 + [-4.0] * 10)
    truth = np.array([10.0, -10.0] * 20)
    rule = Bias(slices=("kind",), max_gap=0.34, min_rows=1)
    low = judges.bias(rule, MAE, values(list(truth), list(truth + error), kind=kind))
    assert low.value == pytest.approx(0.4 + error.mean() / 10) == pytest.approx(0.3375)
    assert low.passed
    assert low.note == "worst: kind=b, gap 0.338, at least 0.338 with 95%"
    high = judges.bias(rule, MAE, values(list(truth), list(truth - error), kind=kind))
    assert high.value == pytest.approx(0.3375)


def test_a_target_of_zeros_divides_nothing_by_zero() -> None:
    found = judges.bias(
        Bias(slices=("kind",), max_gap=1, min_rows=1), MAE, values([0] * 4, [0] * 4, kind=["a", "b"] * 2)
    )
    assert (found.passed, found.value) == (True, 0)


# --- golden ---


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Golden:
    """Return the rule of a golden file of ten rows, on which every model has an accuracy of 0.75."""
    path = tmp_path / "golden.parquet"
    rows = a_frame(10, seed=9).with_columns(who=pl.lit("apart"))
    rows.write_parquet(path)
    monkeypatch.setattr(
        judges, "judge", lambda _, folder, frame, __: FOUR if folder == tmp_path and frame.equals(rows) else None
    )
    return Golden(path=str(path), sha256=hashes.sha256(path), minimum=0.75)


def golden_verdict(rule: Golden, train: pl.DataFrame) -> Verdict:
    contract = a_contract(metric={"name": "accuracy", "minimum": 0.1})
    return judges.golden(rule, contract, AModel(), Path(rule.path).parent, train)  # type: ignore[arg-type]


def test_the_golden_rows_have_a_limit_of_their_own(golden: Golden) -> None:
    found = golden_verdict(golden, a_frame(20))
    assert found == Verdict(gate="golden", passed=True, value=0.75, limit=0.75, note="accuracy 0.75 on 10 golden rows")
    assert not golden_verdict(golden.model_copy(update={"minimum": 0.76}), a_frame(20)).passed


def test_other_golden_rows_than_the_pinned_ones_fail(golden: Golden) -> None:
    found = golden_verdict(golden.model_copy(update={"sha256": "0" * 64}), a_frame(20))
    note = f"{golden.path} is not the pinned file: its SHA-256 is {golden.sha256}"
    assert found == Verdict(gate="golden", passed=False, value=None, limit=0.75, note=note)


def test_golden_rows_that_were_learned_from_fail(golden: Golden) -> None:
    train = a_frame(20).with_columns(who=pl.when(pl.int_range(20) < 3).then(pl.lit("apart")).otherwise("who"))
    note = "3 training rows are golden rows or of a golden entity"
    assert golden_verdict(golden, train) == Verdict(gate="golden", passed=False, value=None, limit=0.75, note=note)


# --- champion ---


@dataclass
class ARegistry:
    """A registry whose champion, if any, is version 7."""

    champion: Version | None
    folder: Path = Path(".serving/champion")

    def holder(self, alias: str) -> Version | None:
        return self.champion if alias == "champion" else None

    def fetch(self, version: Version, folder: Path) -> Path:
        assert (version, folder) == (self.champion, self.folder)
        return folder


SEVEN = Version(number="7", run_id="r", source="s", tags={"model_sha256": "old", "train_until": "2025-01-01T12:00:00"})
MANY = a_frame(40)
TRUTH = MANY["bought"].cast(float).to_list()
RIGHT = Judged(frame=MANY, truth=numbers(*TRUTH), prediction=says(*TRUTH))


def wrong_in(*rows: int) -> Judged:
    said = np.array(TRUTH)
    said[list(rows)] = 1 - said[list(rows)]
    return replace(RIGHT, prediction=says(*said))


def champion_verdict(
    monkeypatch: pytest.MonkeyPatch, other: Judged | Exception, challenger: Judged = RIGHT, **changes: Any
) -> Verdict:
    def judge(model: str, folder: Path, frame: pl.DataFrame, _: Any) -> Judged:
        assert (model, folder) == ("champion's", ARegistry.folder)
        assert frame is challenger.frame
        if isinstance(other, Exception):
            raise other
        return other

    monkeypatch.setattr(judges, "load", lambda folder: "champion's" if folder == ARegistry.folder else None)
    monkeypatch.setattr(judges, "judge", judge)
    contract = a_contract(metric={"name": "accuracy", "minimum": 0.5, "improvement": 0.05} | changes)
    return judges.champion(contract, "new", challenger, registered(ARegistry(SEVEN)))  # type: ignore[arg-type]


def test_the_first_model_has_no_champion_to_beat() -> None:
    contract = a_contract(metric__improvement=0.05)
    found = judges.champion(contract, "new", RIGHT, registered(ARegistry(None)))  # type: ignore[arg-type]
    note = "the first model: no champion yet"
    assert found == Verdict(gate="champion", passed=True, value=None, limit=0.05, note=note)


def test_the_champion_need_not_beat_itself() -> None:
    found = judges.champion(a_contract(), "old", RIGHT, registered(ARegistry(SEVEN)))  # type: ignore[arg-type]
    note = "this is the champion itself, version 7"
    assert found == Verdict(gate="champion", passed=True, value=None, limit=0, note=note)


def test_a_challenger_that_is_surely_better_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    other = wrong_in(*range(10))
    gain, low = judges.gains(ACCURACY, RIGHT, other)
    assert gain == 0.25
    assert 0.05 < low < 0.25
    assert champion_verdict(monkeypatch, other) == Verdict(
        gate="champion",
        passed=True,
        value=low,
        limit=0.05,
        note=f"+0.25 against version 7, at least {low:+.4g} with 95%; the champion has learned from 3 of these rows",
    )


def test_a_challenger_that_may_be_better_by_chance_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    found = champion_verdict(monkeypatch, wrong_in(1, 2))
    assert not found.passed
    assert found.note.startswith("+0.05 against version 7, at least +0 with 95%")
    worse = champion_verdict(monkeypatch, RIGHT, wrong_in(1, 2, 3))
    assert not worse.passed
    assert worse.note.startswith("-0.075 against version 7, at least -0.15 with 95%")


def test_exactly_the_improvement_is_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not champion_verdict(monkeypatch, RIGHT, improvement=0).passed
    assert champion_verdict(monkeypatch, wrong_in(*range(40)), improvement=0.999).passed
    assert not champion_verdict(monkeypatch, wrong_in(*range(40)), improvement=1.0).passed


def test_a_champion_whose_columns_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = champion_verdict(monkeypatch, pl.exceptions.ColumnNotFoundError("amount"))
    note = "version 7 needs a column that is gone (amount); make promote if that is meant"
    assert found == Verdict(gate="champion", passed=False, value=None, limit=0.05, note=note)


@pytest.mark.parametrize(
    ("until", "contract", "said"),
    [
        ("2025-01-01T12:00:00", a_contract(), "; the champion has learned from 3 of these rows"),
        ("2025-01-01T11:59:59.999999", a_contract(), "; the champion has learned from 2 of these rows"),
        ((START + timedelta(days=99)).isoformat(), a_contract(), "; the champion has learned from 40 of these rows"),
        ("2024-12-31T23:59:59", a_contract(), ""),
        ("None", a_contract(), ""),
        ("2025-01-01T12:00:00", a_contract(time_column=None), ""),
    ],
)
def test_it_says_when_the_champion_knows_the_rows(until: str, contract: Any, said: str) -> None:
    assert judges._reach(until, RIGHT, contract) == said


def brute_force(truth: Floats, one: Floats, other: Floats, confidence: float) -> tuple[float, float]:
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(500):
        rows = random.integers(0, len(truth), len(truth))
        drawn.append(np.abs(other - truth)[rows].mean() - np.abs(one - truth)[rows].mean())
    return np.abs(other - truth).mean() - np.abs(one - truth).mean(), float(np.quantile(drawn, 1 - confidence))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_gain_is_bootstrapped_on_the_same_rows(confidence: float) -> None:
    random = np.random.default_rng(1)
    truth, one, other = random.normal(size=(3, 30))
    metric = Metric(name="mae", maximum=9, confidence=confidence)
    found = judges.gains(metric, values(list(truth), list(one)), values(list(truth), list(other)))
    assert found == pytest.approx(brute_force(truth, one, other, confidence))


def test_draws_without_a_score_do_not_count() -> None:
    """Of few rows, some draws hold one class only: their roc_auc is not defined."""
    metric = Metric(name="roc_auc", minimum=0)
    gain, low = judges.gains(metric, classes([1, 0, 0], [0.9, 0.1, 0.2]), classes([1, 0, 0], [0.1, 0.9, 0.8]))
    assert (gain, low) == (1, 1)


def test_a_regressions_champion_is_beaten_downwards() -> None:
    contract = a_regression()
    gain, low = judges.gains(contract.metric, values([1, 2, 3], [1, 2, 3]), values([1, 2, 3], [2, 3, 4]))
    assert (gain, low) == (1, 1)
