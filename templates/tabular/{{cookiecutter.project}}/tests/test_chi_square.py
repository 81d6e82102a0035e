"""The chi-square distribution beside scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import chi2

from ml.drift.chi_square import critical, exceeded

FREEDOMS = [1, 2, 3, 4, 9, 19, 50, 201, 400]


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_what_is_exceeded_is_scipys(freedom: int) -> None:
    for value in (1e-9, 0.1, 1.0, freedom / 2, freedom, 2.0 * freedom, 10.0 * freedom, 900.0):
        assert exceeded(value, freedom) == pytest.approx(chi2.sf(value, freedom), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_the_critical_value_is_scipys(freedom: int) -> None:
    for probability in (0.999, 0.5, 0.05, 0.01, 0.01 / 1000, 1e-12):
        assert critical(freedom, probability) == pytest.approx(chi2.isf(probability, freedom), rel=1e-9)


def test_without_a_degree_of_freedom_nothing_is_by_chance() -> None:
    assert (exceeded(3.0, 0), critical(0, 0.01)) == (1.0, 0.0)
    assert exceeded(0.0, 5) == 1.0
