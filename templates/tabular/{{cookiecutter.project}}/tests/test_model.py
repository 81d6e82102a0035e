"""YOURS, like `ml/model.py`: what the model must do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.model import MIN_LEVEL_ROWS, Facts, Model, Rows, Settings, decide, fit, load, predict, save, tune

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(seed=7, rounds=60, patience=4, learning_rate=0.3, num_leaves=6, min_rows_in_leaf=5, threads=1)
NUMBER = Facts(task="regression", target="y", classes=(), weights=())
TWO = Facts(task="classification", target="y", classes=(False, True), weights=(1.0, 1.0))
THREE = Facts(task="classification", target="y", classes=("a", "b", "c"), weights=(1.0, 1.0, 1.0))


def rows(count: int = 400, seed: int = 0) -> Rows:
    """Make rows whose value is a step in the number plus a step in the category, and some noise."""
    random = np.random.default_rng(seed)
    number = random.uniform(-1, 1, count)
    number[random.random(count) < 0.1] = np.nan
    kind = random.choice(np.array(["x", "y", "z", None], dtype=object), count)
    value = 3.0 * (number > 0) + np.array([{"x": 5.0, "y": 0.0, "z": 5.0, None: 20.0}[each] for each in kind])
    return Rows(features={"number": number, "kind": kind}, target=value + random.normal(0, 0.1, count))


def classed(made: Rows, *edges: float) -> Rows:
    return replace(made, target=np.digitize(made.target, edges).astype(np.float64))


def answer(model: Model, **features: Any) -> Any:
    given = {"number": np.array([0.5]), "kind": np.array(["x"], dtype=object)} | features
    return predict(model, given)


def test_a_regression_learns_numbers_categories_and_nulls() -> None:
    model = fit(rows(), NUMBER, SETTINGS, rounds=30)
    for number, kind, value in [(0.5, "x", 8), (-0.5, "y", 0), (0.5, "z", 8), (-0.5, None, 20), (np.nan, "y", 0)]:
        made = answer(model, number=np.array([number]), kind=np.array([kind], dtype=object))
        assert made.values == pytest.approx([value], abs=0.3)
        assert made.probabilities is None


@pytest.mark.parametrize(("facts", "edges"), [(TWO, (6.5,)), (THREE, (4, 12))])
def test_a_classification_gives_probabilities_and_the_likeliest_class(facts: Facts, edges: tuple[float, ...]) -> None:
    learned, asked = classed(rows(), *edges), classed(rows(seed=1), *edges)
    made = predict(fit(learned, facts, SETTINGS, rounds=20), asked.features)
    assert made.probabilities is not None
    assert made.probabilities.shape == (400, len(facts.classes))
    assert made.probabilities.sum(axis=1) == pytest.approx(np.ones(400))
    assert made.values.dtype == np.float64
    np.testing.assert_array_equal(made.values, made.probabilities.argmax(axis=1))
    assert (made.values == asked.target).mean() > 0.95


def test_the_weights_decide() -> None:
    learned = classed(rows(), 6.5)
    half = predict(fit(learned, TWO, SETTINGS, rounds=2), learned.features)
    strict = predict(fit(learned, replace(TWO, weights=(0.2, 0.8)), SETTINGS, rounds=2), learned.features)
    assert half.probabilities is not None
    np.testing.assert_array_equal(half.values, half.probabilities[:, 1] > 0.5)
    np.testing.assert_array_equal(strict.values, half.probabilities[:, 1] > 0.8)
    assert half.values.sum() > strict.values.sum()


SHARES = st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=5)


@given(SHARES, st.tuples(*[st.floats(0.1, 1)] * 3))
def test_the_largest_probability_for_its_weight_wins(shares: Any, weights: tuple[float, ...]) -> None:
    made = decide(np.array(shares), weights)
    assert made.dtype == np.float64
    for row, chosen in zip(shares, made, strict=True):
        ratios = [probability / weight for probability, weight in zip(row, weights, strict=True)]
        assert chosen == ratios.index(max(ratios))


def test_a_rare_category_is_missing_and_so_is_an_unknown_one() -> None:
    kind = ["often"] * 60 + ["ten"] * 10 + ["nine"] * 9 + [None] * 21
    value = np.array([0.0] * 60 + [10.0] * 10 + [40.0] * 9 + [20.0] * 21)
    learned = Rows(features={"kind": np.array(kind, dtype=object)}, target=value)
    model = fit(learned, NUMBER, replace(SETTINGS, min_rows_in_leaf=2), rounds=40)
    assert MIN_LEVEL_ROWS == 10
    assert model.facts.levels == {"kind": ("often", "ten")}
    assert model.facts.codes == {"kind": {"often": 0.0, "ten": 1.0}}
    asked = np.array(["often", "ten", "nine", "never", None], dtype=object)
    often, ten, nine, never, null = predict(model, {"kind": asked}).values
    assert nine == never == null
    assert len({often, ten, null}) == 3


def test_features_go_by_name_and_any_name_will_do(tmp_path: Path) -> None:
    made = rows(100)
    features = {'a[b]: "{,}': made.features["number"], "größe\n": made.features["kind"]}
    model = fit(replace(made, features=features), NUMBER, SETTINGS, rounds=5)
    assert model.facts.features == tuple(features)
    save(model, tmp_path)
    expected = predict(model, features).values
    turned = dict(reversed(features.items())) | {"more": made.features["number"]}
    np.testing.assert_array_equal(predict(load(tmp_path), turned).values, expected)
    np.testing.assert_array_equal(predict(fit(made, NUMBER, SETTINGS, rounds=5), made.features).values, expected)


def test_the_model_ends_at_the_best_round_of_the_validation() -> None:
    learned, judged = rows(150), rows(150, seed=1)
    model, losses = tune(learned, judged, NUMBER, SETTINGS)
    best = int(np.argmin(losses)) + 1
    assert 1 < best < SETTINGS.rounds
    assert model.booster.num_trees() == best
    assert len(losses) == best + SETTINGS.patience
    error = predict(model, judged.features).values - judged.target
    assert losses[best - 1] == pytest.approx(np.sqrt((error**2).mean()))
    np.testing.assert_array_equal(
        predict(model, judged.features).values,
        predict(fit(learned, NUMBER, SETTINGS, rounds=best), judged.features).values,
    )


@pytest.mark.parametrize(("facts", "edges"), [(TWO, (6.5,)), (THREE, (4, 12))])
def test_the_loss_of_a_classification_is_the_log_loss(facts: Facts, edges: tuple[float, ...]) -> None:
    learned, judged = classed(rows(200), *edges), classed(rows(200, seed=1), *edges)
    model, losses = tune(learned, judged, facts, SETTINGS)
    probabilities = predict(model, judged.features).probabilities
    assert probabilities is not None
    of_truth = probabilities[np.arange(200), judged.target.astype(int)]
    assert min(losses) == pytest.approx(-np.log(of_truth).mean(), rel=1e-6)


def test_tuning_stops_after_the_rounds() -> None:
    _, losses = tune(rows(150), rows(150, seed=1), NUMBER, replace(SETTINGS, rounds=3))
    assert len(losses) == 3


@pytest.mark.parametrize(
    ("facts", "edges", "objective"),
    [(NUMBER, None, "regression"), (TWO, (6.5,), "binary"), (THREE, (4, 12), "multiclass")],
)
def test_the_settings_reach_the_trees(tmp_path: Path, facts: Facts, edges: tuple[float, ...], objective: str) -> None:
    learned = classed(rows(), *edges) if edges else rows()
    save(fit(learned, facts, SETTINGS, rounds=4), tmp_path)
    text = (tmp_path / "booster.txt").read_text(encoding="utf-8")
    for setting, value in {
        "objective": objective,
        "learning_rate": 0.3,
        "num_leaves": 6,
        "min_data_in_leaf": 5,
        "num_threads": 1,
        "seed": 7,
        "deterministic": 1,
        "force_row_wise": 1,
        "verbosity": -1,
        "num_iterations": 4,
        "num_class": 3 if objective == "multiclass" else 1,
        "categorical_feature": 1,
    }.items():
        assert f"\n[{setting}: {value}]\n" in text
    assert text.count("\nTree=") == (12 if objective == "multiclass" else 4)


@pytest.mark.parametrize(("facts", "edges"), [(NUMBER, None), (TWO, (6.5,)), (THREE, (4, 12))])
def test_a_model_reads_back_as_it_was_saved(tmp_path: Path, facts: Facts, edges: tuple[float, ...] | None) -> None:
    facts = facts if edges else replace(facts, believable=(-1.0, 2.5))
    learned = classed(rows(), *edges) if edges else rows()
    model = fit(learned, facts, SETTINGS, rounds=4)
    save(model, tmp_path / "made" / "new")
    found = load(tmp_path / "made" / "new")
    assert found.facts == model.facts
    before, after = predict(model, learned.features), predict(found, learned.features)
    np.testing.assert_array_equal(after.values, before.values)
    if before.probabilities is not None:
        np.testing.assert_array_equal(after.probabilities, before.probabilities)


def test_the_artefact_is_text_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    facts = replace(TWO, classes=("nein", "jä"), weights=(0.4, 0.6))
    for name in ("one", "two"):
        save(fit(classed(rows(), 6.5), facts, SETTINGS, rounds=4), tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["booster.txt", "model.json"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    text = (tmp_path / "one" / "model.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "task": "classification",\n')
    assert text.endswith("}\n")
    assert '"jä"' in text
    assert json.loads(text) == {
        "task": "classification",
        "target": "y",
        "classes": ["nein", "jä"],
        "weights": [0.4, 0.6],
        "features": ["number", "kind"],
        "levels": {"kind": ["x", "y", "z"]},
        "believable": None,
    }
    assert (tmp_path / "one" / "booster.txt").read_text(encoding="utf-8").startswith("tree\nversion=v4\n")
