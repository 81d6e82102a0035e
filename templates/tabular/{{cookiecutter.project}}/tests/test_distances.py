"""The formulas beside scipy's, on the same counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from ml.drift import distances
from tests.stages import numbers

pairs = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12).map(
    lambda pairs: tuple(np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
)
both = pairs.filter(lambda pair: pair[0].any() and pair[1].any())
Pair = tuple[np.ndarray, np.ndarray]


@given(both)
def test_the_divergence_is_scipys(pair: Pair) -> None:
    assert math.sqrt(distances.divergence(*pair)) == pytest.approx(jensenshannon(*pair, base=2), abs=1e-7)
    assert 0 <= distances.divergence(*pair) <= 1


def test_the_divergence_of_disjoint_counts_is_one() -> None:
    assert distances.divergence(numbers(5, 0), numbers(0, 3)) == 1
    assert distances.divergence(numbers(1, 2, 3), numbers(10, 20, 30)) == 0


@given(both)
def test_chi_square_is_scipys(pair: Pair) -> None:
    p, q = (counts[pair[0] + pair[1] > 0] for counts in pair)
    value, probability, freedom, _ = chi2_contingency([p, q], correction=False)
    assert distances.chi2(p, q) == pytest.approx(value, abs=1e-9)
    assert distances.chi2_p(value, freedom) == pytest.approx(probability)


@pytest.mark.parametrize("freedom", [1, 4, 20])
def test_the_critical_value_is_exceeded_with_its_probability(freedom: int) -> None:
    assert distances.chi2_critical(freedom, 0.01) == pytest.approx(chi2_distribution.isf(0.01, freedom))
    assert distances.chi2_p(distances.chi2_critical(freedom, 0.01), freedom) == pytest.approx(0.01)


def test_one_cell_cannot_differ() -> None:
    assert distances.chi2_critical(0, 0.01) == 0
    assert distances.chi2_p(0.0, 0) == 1


@given(both)
def test_kolmogorov_smirnov_is_scipys(pair: Pair) -> None:
    rows = [np.repeat(np.arange(len(counts)), counts.astype(int)) for counts in pair]
    expected = ks_2samp(*rows, method="asymp").statistic
    assert distances.kolmogorov_smirnov(*pair) == pytest.approx(expected, abs=1e-12)


@given(both)
def test_wasserstein_is_scipys_in_standard_deviations(pair: Pair) -> None:
    p, q = pair
    values = np.arange(len(p)) ** 1.5
    lower, upper = (values[np.searchsorted(np.cumsum(p) / p.sum(), share)] for share in (0.001, 0.999))
    within = values.clip(lower, upper)
    found = distances.wasserstein(p, q, values)
    if lower == upper:
        assert found is None
        return
    deviation = np.repeat(within, p.astype(int)).std()
    assert found == pytest.approx(wasserstein_distance(within, within, p, q) / deviation)


def test_one_outlier_is_no_distance() -> None:
    """Of the plain distance, one value of 1e9 in 5,000 rows outweighs all others."""
    values = np.append(np.linspace(-3, 3, 61), 1e9)
    p = np.append(np.full(61, 80.0), 0)
    q = np.append(np.full(61, 80.0), 1)
    assert distances.wasserstein(p, q, values) == pytest.approx(0, abs=1e-3)
    assert wasserstein_distance(values, values, p, q) > 100_000


def test_the_rarest_values_of_the_baseline_are_no_distance_either() -> None:
    values, p = np.append(np.linspace(-3, 3, 61), 1e9), np.append(np.full(61, 80.0), 2)
    assert distances.wasserstein(p, np.append(np.full(61, 80.0), 40), values) == pytest.approx(0, abs=0.02)
    assert distances.wasserstein(p, np.append(np.zeros(60), [80.0, 0]), values) == pytest.approx(math.sqrt(3), rel=0.05)


def test_a_baseline_that_does_not_vary_has_no_standard_deviation() -> None:
    assert distances.wasserstein(numbers(0, 9, 0), numbers(1, 2, 3), numbers(1, 2, 3)) is None


# --- PSI and its distribution without drift ---


def test_psi_is_the_sum_that_its_sources_give() -> None:
    p, q = numbers(30, 60, 10), numbers(10, 10, 0)
    first, second = [30.5 / 101.5, 60.5 / 101.5, 10.5 / 101.5], [10.5 / 21.5, 10.5 / 21.5, 0.5 / 21.5]
    expected = sum((a - b) * math.log(a / b) for a, b in zip(first, second, strict=True))
    assert distances.psi(p, q) == pytest.approx(expected)
    assert distances.psi(p, p) == 0


@given(both)
def test_psi_is_finite_and_goes_both_ways(pair: Pair) -> None:
    p, q = pair
    assert 0 <= distances.psi(p, q) < math.inf
    assert distances.psi(p, q) == pytest.approx(distances.psi(q, p))


def test_a_small_move_of_many_rows_is_the_same_in_psi_and_in_divergence() -> None:
    p, q = numbers(50_000, 50_000), numbers(49_000, 51_000)
    assert distances.psi(p, q) == pytest.approx(0.0004, rel=0.01)
    assert distances.divergence(p, q) * distances.PSI_BY_DIVERGENCE == pytest.approx(0.0004, rel=0.01)
    assert distances.divergence_unit(p, q) * distances.PSI_BY_DIVERGENCE == pytest.approx(2e-5)


@pytest.mark.parametrize(("n", "m", "cells"), [(5000, 200, 5), (5000, 2000, 20), (1000, 1000, 10)])
def test_without_drift_psi_is_noise_times_a_chi_square(n: int, m: int, cells: int) -> None:
    random = np.random.default_rng(n + m)
    share = np.full(cells, 1 / cells)
    drawn = [
        (random.multinomial(n, share).astype(float), random.multinomial(m, share).astype(float)) for _ in range(4000)
    ]
    found = np.array([distances.psi(p, q) for p, q in drawn])
    noise = distances.noise(n, m)
    assert found.mean() == pytest.approx(noise * (cells - 1), rel=0.05)
    assert (found > noise * distances.chi2_critical(cells - 1, 0.05)).mean() == pytest.approx(0.05, abs=0.012)
    unit = distances.divergence_unit(*drawn[0])
    assert np.mean([distances.divergence(p, q) for p, q in drawn]) == pytest.approx(unit * (cells - 1), rel=0.05)


def test_a_fixed_limit_is_wrong_for_few_rows() -> None:
    """PSI of 0.2, the rule of thumb, without drift: exceeded by about half of all windows of 50 rows."""
    random, share = np.random.default_rng(0), np.full(10, 0.1)
    drawn = [
        (random.multinomial(1000, share).astype(float), random.multinomial(50, share).astype(float))
        for _ in range(2000)
    ]
    found = np.array([distances.psi(p, q) for p, q in drawn])
    assert (found > 0.2).mean() > 0.25
    assert (found > distances.noise(1000, 50) * distances.chi2_critical(9, 0.01)).mean() < 0.02
