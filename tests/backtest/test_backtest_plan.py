"""Plans: the optimum is optimal, staleness is what it was made to be, the interval is the formula's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.backtest.play.plan import LONGEST, blocked, interval, optimum, staleness

DAYS = 60


@st.composite
def small(draw):
    days = draw(st.integers(3, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    losses, counts = rng.random((2, days, days)), rng.integers(0, 9, days).astype(float)
    counts[draw(st.integers(1, days - 1))] += 1
    losses[:, :, counts == 0] = np.nan
    return losses, counts, draw(st.sampled_from([0.0, 0.05, 0.5])), draw(st.integers(1, 3))


@given(small())
@settings(max_examples=60, deadline=None)
def test_the_optimum_is_that_of_all_schedules_tried(made):
    losses, counts, cost, step = made
    first, last = 0, losses.shape[1] - 1
    span, windows = range(first, last + 1), (30, 60)
    found = optimum(
        lambda day, window: losses[windows.index(window), day], counts, span, windows=windows, cost=cost, step=step
    )
    possible = range(first, last, step)[1:]
    tried = [
        spent(losses, counts, span, days, cost)
        for size in range(len(possible) + 1)
        for days in itertools.combinations(possible, size)
    ]
    assert found.cost == pytest.approx(min(tried))
    assert spent(losses, counts, span, found.days, cost) == pytest.approx(found.cost)
    assert set(found.days) <= set(possible)


def spent(losses, counts, span, days, cost):
    """Return what a schedule costs if each of its models has the better window, and the first one window 0."""
    ends, total = [span[0], *days, span[-1]], 0.0
    for place, (day, until) in enumerate(itertools.pairwise(ends)):
        part = slice(day + 1, until + 1)
        each = [np.nan_to_num(losses[w, day, part]) @ counts[part] for w in (0, 1)]
        total += each[0] if place == 0 else min(each)
    return total / counts[span[0] + 1 :].sum() + cost * len(days) / (len(span) - 1)


def test_the_optimum_uses_no_model_that_could_not_be_trained():
    losses = np.full((6, 6), 0.5)
    losses[2] = np.inf
    losses[[0, 1, 3, 4], :] = np.array([0.9, 0.8, 0.1, 0.1])[:, None]
    found = optimum(lambda day, _: losses[day], np.ones(6), range(6), windows=(30,), cost=0.0)
    assert 2 not in found.days
    assert np.isfinite(found.cost)


def test_days_without_rows_cost_nothing():
    losses = np.full((5, 5), np.nan)
    losses[:, [2, 4]] = 0.5
    found = optimum(lambda day, _: losses[day], np.array([3.0, 0, 2, 0, 2]), range(5), windows=(30,), cost=0.1)
    assert (found.cost, found.days) == (pytest.approx(0.5), ())


def test_interval_is_the_economic_order_quantity():
    assert interval(0.004, 0.2) == 10  # sqrt(2 * 0.2 / 0.004)
    assert (interval(10.0, 0.05), interval(1e-9, 1.0), interval(0.0, 0.2)) == (1, LONGEST, LONGEST)
    days = np.arange(1, 200)
    spends = 0.2 / days + 0.004 * days / 2
    assert days[spends.argmin()] == interval(0.004, 0.2)


@pytest.mark.parametrize("every", [1, 7])
def test_staleness_is_the_slope_with_age_and_looks_at_no_later_day(every):
    day, later = np.ogrid[:DAYS, :DAYS]
    losses = np.where(later > day, 0.3 + 0.01 * (later - day) + np.sin(later / 5), np.nan)
    losses[:, 50:] = 1e9
    found = staleness(lambda of, _: losses[of], range(50), 30, every=every)
    assert found.slope == pytest.approx(0.01)
    assert found.ages[:2] == [every, 2 * every]
    assert [each.value for each in found.excess] == pytest.approx([0.01 * age for age in found.ages])
    assert staleness(lambda of, _: -losses[of], range(50), 30, every=every).slope == 0


def test_the_standard_error_of_blocks_covers_the_mean_where_days_are_alike():
    rng = np.random.default_rng(4)
    days, hits, naive = np.arange(560), 0, 0
    for _ in range(200):
        values = np.repeat(rng.normal(size=40), 14) + rng.normal(0, 0.1, 560)
        found = blocked(values, np.ones(560), days)
        hits += abs(found.value) < 2 * found.error
        naive += abs(found.value) < 2 * values.std(ddof=1) / np.sqrt(560)
    assert hits > 0.9 * 200
    assert naive < 0.6 * 200, "days taken one by one would seem to say much more"


def test_the_standard_error_of_two_blocks():
    found = blocked(np.repeat([0.0, 1.0], 14), np.ones(28), np.arange(28))
    assert found == pytest.approx((0.5, 0.5))


def test_of_one_block_nobody_knows_the_error():
    assert np.isnan(blocked(np.ones(3), np.ones(3), np.arange(3)).error)
    assert np.isnan(blocked(np.empty(0), np.empty(0), np.empty(0, dtype=int)).value)
