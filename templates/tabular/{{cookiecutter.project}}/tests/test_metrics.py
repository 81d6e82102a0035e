from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from ml.contract import METRICS
from ml.losses import EPSILON
from ml.metrics import baselines, better, certain, score, scores
from ml.model import Prediction
from tests.stages import numbers, says

# Three hits, one miss, two false alarms, four rightly left alone.
TRUTH = numbers(1, 1, 1, 1, 0, 0, 0, 0, 0, 0)
SAID = says(0.9, 0.8, 0.7, 0.4, 0.6, 0.55, 0.3, 0.2, 0.1, 0.05)
BY_HAND = {
    "accuracy": 7 / 10,
    "balanced_accuracy": (3 / 4 + 4 / 6) / 2,
    "f1": 2 * 3 / (2 * 3 + 1 + 2),
    "precision": 3 / 5,
    "recall": 3 / 4,
    # Of the 24 pairs of a positive and a negative row, two are in the wrong order.
    "roc_auc": 22 / 24,
    "log_loss": -sum(map(math.log, (0.9, 0.8, 0.7, 0.4, 0.4, 0.45, 0.7, 0.8, 0.9, 0.95))) / 10,
}


def test_scores_of_two_classes() -> None:
    assert scores("classification", TRUTH, SAID) == pytest.approx(BY_HAND)
    assert tuple(scores("classification", TRUTH, SAID)) == METRICS["classification"]


def test_scores_of_three_classes_are_unweighted_means() -> None:
    truth, labels = numbers(0, 0, 0, 1, 1, 2), numbers(0, 0, 1, 1, 0, 2)
    shares = np.array([[6, 3, 1], [5, 4, 1], [3, 6, 1], [2, 7, 1], [6, 3, 1], [1, 2, 7]]) / 10
    found = scores("classification", truth, Prediction(labels, shares))
    assert found == pytest.approx(
        {
            "accuracy": 4 / 6,
            "balanced_accuracy": (2 / 3 + 1 / 2 + 1) / 3,
            "precision": (2 / 3 + 1 / 2 + 1) / 3,
            "recall": (2 / 3 + 1 / 2 + 1) / 3,
            "f1": (2 / 3 + 1 / 2 + 1) / 3,
            "log_loss": -sum(map(math.log, (0.6, 0.5, 0.3, 0.7, 0.3, 0.7))) / 6,
            "roc_auc": sk.roc_auc_score(truth, shares, multi_class="ovr"),
        }
    )


def test_a_class_that_no_row_has_or_gets() -> None:
    truth, labels = numbers(0, 0, 1, 1), numbers(0, 0, 0, 1)
    shares = np.array([[6, 3, 1], [5, 4, 1], [5, 4, 1], [2, 7, 1]]) / 10
    found = scores("classification", truth, Prediction(labels, shares))
    assert math.isnan(found.pop("roc_auc"))
    assert found == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": 3 / 4,
            "precision": (2 / 3 + 1 + 0) / 3,
            "recall": (1 + 1 / 2 + 0) / 3,
            "f1": (4 / 5 + 2 / 3 + 0) / 3,
            "log_loss": -sum(map(math.log, (0.6, 0.5, 0.4, 0.7))) / 4,
        }
    )


def test_rows_of_one_class_have_no_roc_auc_and_a_log_loss() -> None:
    assert math.isnan(score("roc_auc", numbers(1, 1), says(0.9, 0.4)))
    assert score("log_loss", numbers(1, 1), says(0.9, 0.4)) == pytest.approx(-math.log(0.36) / 2)
    assert score("precision", numbers(1, 1), says(0.1, 0.4)) == 0


def test_scores_of_a_regression() -> None:
    found = scores("regression", numbers(1, 2, 6), Prediction(numbers(2, 2, 4), None))
    assert found == pytest.approx({"mae": 1.0, "r2": 1 - 5 / 14, "rmse": math.sqrt(5 / 3)})
    assert tuple(found) == METRICS["regression"]
    alone = scores("regression", numbers(1), Prediction(numbers(3), None))
    assert math.isnan(alone.pop("r2"))
    assert alone == {"mae": 2.0, "rmse": 2.0}
    assert score("r2", numbers(1, 3), Prediction(numbers(1, 3), None)) == 1


@given(
    st.integers(2, 4).flatmap(
        lambda classes: st.lists(
            st.tuples(st.integers(0, classes - 1), st.lists(st.floats(0.01, 1), min_size=classes, max_size=classes)),
            min_size=1,
            max_size=12,
        )
    )
)
def test_scores_are_scikit_learns(rows: list[tuple[int, list[float]]]) -> None:
    truth = numbers(*(index for index, _ in rows))
    shares = np.array([weights for _, weights in rows])
    shares /= shares.sum(axis=1, keepdims=True)
    labels, classes = shares.argmax(axis=1).astype(float), range(shares.shape[1])
    found = scores("classification", truth, Prediction(labels, shares))
    kind = {"average": "binary"} if len(classes) == 2 else {"average": "macro", "labels": classes}
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, labels))
    assert found["balanced_accuracy"] == pytest.approx(
        sk.recall_score(truth, labels, average="macro", labels=np.unique(truth))
    )
    assert found["f1"] == pytest.approx(sk.f1_score(truth, labels, zero_division=0, **kind))
    assert found["log_loss"] == pytest.approx(-np.log(shares[np.arange(len(rows)), truth.astype(int)]).mean())


def test_better_means_better_whatever_the_direction() -> None:
    assert better("f1", 0.75, 0.5) == 0.25
    assert better("mae", 0.75, 0.5) == -0.25
    assert better("log_loss", 0.5, 0.75) == 0.25
    assert better("r2", 0.5, 0.75) == -0.25


def test_certain_is_almost_certain() -> None:
    assert EPSILON == 1e-7
    made = certain(numbers(2, 0), 3)
    assert made.values.dtype == np.float64
    assert made.values.tolist() == [2, 0]
    assert made.probabilities is not None
    least = 1e-7 / (1 + 2e-7)
    np.testing.assert_allclose(
        made.probabilities, [[least, least, 1 - 2 * least], [1 - 2 * least, least, least]], 1e-12
    )
    assert math.isfinite(score("log_loss", numbers(0, 1), made))


NOTHING = numbers(math.nan, math.nan, math.nan)


def labels(made: dict[str, Prediction]) -> dict[str, list[float]]:
    return {name: prediction.values.tolist() for name, prediction in made.items()}


def test_trivial_predictions_of_a_number() -> None:
    made = baselines(numbers(1, 2, 6), 3, 0, numbers(5, math.nan, 7))
    assert labels(made) == {"mean": [3, 3, 3], "last known value": [5, 3, 7]}
    assert all(prediction.probabilities is None for prediction in made.values())
    assert labels(baselines(numbers(1, 2, 6), 3, 0, NOTHING)) == {"mean": [3, 3, 3]}


def test_trivial_predictions_of_two_classes() -> None:
    made = baselines(numbers(0, 0, 1), 3, 2, numbers(1, math.nan, 0))
    assert labels(made) == {"majority class": [0, 0, 0], "always positive": [1, 1, 1], "last known value": [1, 0, 0]}
    assert labels(baselines(numbers(1, 0, 1), 3, 2, NOTHING)) == {
        "majority class": [1, 1, 1],
        "always positive": [1, 1, 1],
    }


def test_trivial_predictions_of_three_classes() -> None:
    made = baselines(numbers(1, 1, 0), 2, 3, numbers(2, math.nan))
    assert labels(made) == {"majority class": [1, 1], "last known value": [2, 1]}
    for prediction in made.values():
        assert prediction.probabilities is not None
        assert prediction.probabilities.shape == (2, 3)
        np.testing.assert_array_equal(prediction.probabilities.argmax(axis=1), prediction.values)
