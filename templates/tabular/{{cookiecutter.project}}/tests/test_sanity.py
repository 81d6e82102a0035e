"""Which answers cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ml.model import Floats, Prediction
from ml.sanity import Range, believable, odd


def numbers(*of: float) -> Floats:
    return np.array(of, dtype=np.float64)


@pytest.mark.parametrize(
    ("target", "within"), [((0, 10), (-10, 20)), ((3, 5, 4), (1, 7)), ((-2, -1), (-3, 0)), ((7, 7), (7, 7))]
)
def test_the_training_range_and_its_width_on_each_side_are_believable(target: tuple[float, ...], within: Range) -> None:
    assert believable(numbers(*target)) == within


def test_values_outside_of_what_is_believable_are_odd() -> None:
    said = Prediction(numbers(-10.1, -10, 20, 20.1, math.nan, math.inf, -math.inf), None)
    assert odd(said, (-10, 20)).tolist() == [True, False, False, True, True, True, True]


def test_where_nobody_said_what_is_believable_every_number_is() -> None:
    said = Prediction(numbers(-1e308, 1e308, math.nan, math.inf), None)
    assert odd(said, None).tolist() == [False, False, True, True]


def test_what_are_no_probabilities_is_odd() -> None:
    shares = np.array([[0.2, 0.8], [0, 1], [-0.1, 1.1], [0.5, 0.5 + 1e-5], [math.nan, 1], [math.inf, 0]])
    said = Prediction(np.zeros(len(shares)), shares)
    assert odd(said, None).tolist() == [False, False, True, True, True, True]
    assert odd(said, (0, 0)).tolist() == [False, False, True, True, True, True]
