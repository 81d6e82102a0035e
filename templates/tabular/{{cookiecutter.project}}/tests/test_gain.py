from __future__ import annotations

import numpy as np
import pytest

from ml.gain import gain, needed
from tests.stages import numbers


def test_a_gain_is_what_the_champion_loses_more() -> None:
    found = gain(numbers(0.5, 0.7, 0.6), numbers(0.4, 0.4, 0.5), np.array([1, 1, 1]))
    assert found.mean == pytest.approx(0.5 / 3)
    # All rows of one day: the standard error of a mean of independent rows.
    assert found.standard_error == pytest.approx(np.std([0.1, 0.3, 0.1], ddof=1) / np.sqrt(3))


def test_days_of_equal_size_count_as_one_observation_each() -> None:
    random = np.random.default_rng(0)
    days = np.repeat(np.arange(4), 50)
    champion = random.normal(1, 0.1, 200) + random.normal(0, 0.5, 4)[days]
    found = gain(champion, np.ones(200), days)
    of_days = [(champion - 1)[days == day].mean() for day in range(4)]
    assert found.mean == pytest.approx(np.mean(of_days))
    assert found.standard_error == pytest.approx(np.std(of_days, ddof=1) / 2)


def test_it_covers_the_truth_where_days_differ_in_size_and_in_kind() -> None:
    """The standard error of 2,000 draws agrees with how much their gains vary."""
    random, means, errors = np.random.default_rng(1), [], []
    for _ in range(2000):
        days = np.repeat(np.arange(12), random.integers(20, 60, 12))
        loss = random.normal(0, 0.3, len(days)) + random.normal(0, 0.2, 12)[days]
        found = gain(loss, np.zeros(len(days)), days)
        means.append(found.mean)
        errors.append(found.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.1)


def test_a_champion_with_bad_luck_on_some_days_is_not_beaten() -> None:
    """By its 400 rows the gain is far from 0; by its four days it is not."""
    days = np.repeat(np.arange(4), 100)
    challenger = np.tile([0.4, 0.6], 200)
    champion = challenger + np.array([0.3, -0.2, 0.2, -0.1])[days]
    found = gain(champion, challenger, days)
    by_rows = gain(champion, challenger, np.arange(400))
    assert found.mean > 2 * by_rows.standard_error
    assert found.mean < needed(0.0, float(champion.mean()), found.standard_error)


@pytest.mark.parametrize(
    ("min_gain", "error", "asked"), [("auto", 0.001, 0.005), ("auto", 0.02, 0.02), (0.1, 0.02, 0.1), (0.0, 0.02, 0.02)]
)
def test_enough_is_more_than_the_contract_asks_and_more_than_chance(min_gain, error, asked) -> None:
    assert needed(min_gain, 0.5, error) == pytest.approx(asked)
