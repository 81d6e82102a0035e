from __future__ import annotations

import math

import numpy as np
import pytest

from ml.losses import Quality, losses, name, quality
from ml.model import Prediction
from tests.stages import numbers, says

NAN = float("nan")


@pytest.mark.parametrize(
    ("metric", "loss"),
    [
        ("mae", "absolute_error"),
        ("rmse", "squared_error"),
        ("r2", "squared_error"),
        ("f1", "log_loss"),
        ("roc_auc", "log_loss"),
        ("log_loss", "log_loss"),
    ],
)
def test_each_metric_has_a_loss_of_one_row(metric: str, loss: str) -> None:
    assert name(metric) == loss


def test_a_number_costs_its_error() -> None:
    said = Prediction(numbers(3, 5, 7), None)
    np.testing.assert_array_equal(losses("mae", numbers(1, 6, NAN), said), [2, 1, NAN])
    np.testing.assert_array_equal(losses("rmse", numbers(1, 6, NAN), said), [4, 1, NAN])


def test_a_class_costs_the_logarithm_of_its_probability() -> None:
    found = losses("f1", numbers(1, 0, NAN, 1, 0), says(0.8, 0.8, 0.5, 0.0, 0.0))
    np.testing.assert_allclose(found, [-math.log(0.8), -math.log(0.2), NAN, -math.log(1e-7), 0])
    three = Prediction(numbers(2), numbers(0.2, 0.3, 0.5)[None])
    assert losses("accuracy", numbers(1), three) == pytest.approx(-math.log(0.3))


def test_quality_is_the_mean_and_the_deviation_of_known_losses() -> None:
    assert quality("mae", [], numbers(1, NAN, 3)) == Quality(
        loss="absolute_error", rows=2, mean=2.0, deviation=pytest.approx(math.sqrt(2)), between=0.0, blocks=0
    )
    assert quality("mae", [numbers(NAN)], numbers(NAN)) == Quality(
        loss="absolute_error", rows=0, mean=0.0, deviation=0.0, between=0.0, blocks=0
    )
    assert quality("mae", [], numbers(5)).deviation == 0


def test_what_blocks_differ_by_beyond_sampling() -> None:
    random = np.random.default_rng(2)
    means = random.normal(10, 0.5, 200)
    blocks = [random.normal(mean, 2, 400) for mean in means]
    found = quality("mae", [*blocks, numbers(NAN)], np.concatenate(blocks))
    assert found.between == pytest.approx(0.5, rel=0.1)
    assert found.deviation == pytest.approx(2.06, rel=0.02)
    assert found.blocks == 200
    same = [random.normal(10, 2, 400) for _ in range(200)]
    assert quality("mae", same, np.concatenate(same)).between < 0.05
