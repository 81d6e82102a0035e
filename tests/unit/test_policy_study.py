"""The policy study: its optimum is optimal, its interval is the formula's, and nobody in it sees the future."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

# At the end: benchmarks/profile.py must not stand in for the standard library's.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from policy.adwin import Adwin
from policy.peers import AdwinAlarm, Alarmed, Every
from policy.plan import LONGEST, interval, optimum, staleness
from policy.play import Model, Past, play
from policy.streams import CHANGE, KINDS, QUIET, joined, made

DAYS, ROWS = 60, 50


class Scored(SimpleNamespace):
    def _replace(self, **fields):
        return Scored(**{**vars(self), **fields})


class Matrix:
    """A stand-in whose models are right until the concept changes on day 30; nothing is trained."""

    def __init__(self, poisoned_from=DAYS, delay=2):
        self.stream = SimpleNamespace(delay=delay, counts=np.full(DAYS, ROWS), days=DAYS)
        self.poisoned_from = poisoned_from

    def model(self, day, window):
        days = np.arange(DAYS)
        stale = (days >= 30) & (day - self.stream.delay < 30)
        loss, wrong = np.where(stale, 1.2, 0.4) + window / 1000, np.where(stale, 40, 8)
        later = days >= self.poisoned_from
        return Scored(loss=np.where(later, 99.0, loss), wrong=np.where(later, ROWS, wrong))


@pytest.mark.parametrize(("first", "last", "cost"), [*itertools.product((0, 2), (6, 8), (0.0, 0.05, 0.5))])
def test_the_optimum_is_that_of_all_schedules_tried(first, last, cost):
    rng = np.random.default_rng(3)
    losses = rng.random((2, last + 1, last + 1))
    counts = rng.integers(1, 9, last + 1).astype(float)
    span, windows = range(first, last + 1), (30, 60)
    found = optimum(
        lambda day, window: losses[windows.index(window), day], counts, span, windows=windows, cost=cost, step=1
    )
    tried = [
        spent(losses, counts, span, days, cost)
        for size in range(last - first)
        for days in itertools.combinations(range(first + 1, last), size)
    ]
    assert found.cost == pytest.approx(min(tried))
    assert spent(losses, counts, span, found.days, cost) == pytest.approx(found.cost)


def spent(losses, counts, span, days, cost):
    """Return what a schedule costs if each of its models has the better window, and the first one window 0."""
    ends, total = [span[0], *days, span[-1]], 0.0
    for place, (day, until) in enumerate(itertools.pairwise(ends)):
        each = [losses[w, day, day + 1 : until + 1] @ counts[day + 1 : until + 1] for w in (0, 1)]
        total += each[0] if place == 0 else min(each)
    return total / counts[span[0] + 1 :].sum() + cost * len(days) / (len(span) - 1)


def test_days_without_rows_cost_nothing():
    losses = np.full((1, 5, 5), np.nan)
    losses[0, :, [2, 4]] = 0.5
    found = optimum(
        lambda day, window: losses[0, day], np.array([3.0, 0, 2, 0, 2]), range(5), windows=(30,), cost=0.1, step=1
    )
    assert (found.cost, found.days) == (pytest.approx(0.5), ())


def test_interval_is_the_economic_order_quantity():
    assert interval(0.004, 0.2) == 10  # sqrt(2 * 0.2 / 0.004)
    assert (interval(10.0, 0.05), interval(1e-9, 1.0), interval(0.0, 0.2)) == (1, LONGEST, LONGEST)
    days = np.arange(1, 200)
    spends = 0.2 / days + 0.004 * days / 2
    assert days[spends.argmin()] == interval(0.004, 0.2)


def test_staleness_is_the_slope_with_age_and_looks_at_no_later_day():
    day, later = np.ogrid[:DAYS, :DAYS]
    seasons = np.sin(later / 5)
    losses = np.where(later > day, 0.3 + 0.01 * (later - day) + seasons, np.nan)
    losses[:, 50:] = 1e9
    assert staleness(lambda of, window: losses[of], range(50), 30) == pytest.approx(0.01)
    assert staleness(lambda of, window: -losses[of], range(50), 30) == 0


def test_adwin_finds_a_step_soon_and_forgets_what_was_before():
    rng = np.random.default_rng(5)
    window = Adwin()
    assert not any(window.add(value) for value in rng.random(4000) < 0.2)
    assert window.size == 4000
    assert window.mean == pytest.approx(0.2, abs=0.02)
    found = [place for place, value in enumerate(rng.random(2000) < 0.5) if window.add(value)]
    assert found[0] < 150
    assert window.size < 2100
    assert window.mean == pytest.approx(0.5, abs=0.05)


def test_adwin_tells_only_of_errors_that_become_more_frequent():
    rng = np.random.default_rng(6)
    window = Adwin()
    values = np.r_[rng.random(2000) < 0.5, rng.random(2000) < 0.1]
    assert not any(window.add(value) for value in values)
    assert window.size < 2200


@pytest.mark.parametrize(
    "policy",
    [
        lambda: Every(days=9, window=30),
        lambda: Alarmed(alarm=AdwinAlarm(), window=30),
        lambda: Alarmed(
            alarm=lambda past, one: np.nanmax(past.scored(one).loss[past.answered(one)], initial=0) > 1, window=30
        ),
    ],
)
def test_decisions_are_the_same_whatever_labels_will_say_that_have_not_landed(policy):
    span = range(5, DAYS)
    sound = play(Matrix(), policy(), span, 30)
    assert sound.retrained
    for day in range(6, DAYS):
        poisoned = play(Matrix(poisoned_from=day), policy(), span, 30)
        seen = [each for each in sound.retrained if each < day + 2]
        assert [each for each in poisoned.retrained if each < day + 2] == seen


def test_poison_would_be_noticed():
    peeking = Alarmed(alarm=lambda past, one: past.matrix.model(*one).loss[past.today] > 1, window=30)
    sound, poisoned = (play(Matrix(poisoned_from=day), peeking, range(5, DAYS), 30) for day in (DAYS, 20))
    assert poisoned.retrained[0] == 20 < sound.retrained[0]


def test_nobody_asks_a_model_that_is_not_trained_yet():
    with pytest.raises(ValueError, match="nobody has the model of day 21"):
        Past(matrix=Matrix(), today=20).scored(Model(21, 30))


def test_a_retraining_serves_from_the_next_day_on_and_costs():
    played = play(Matrix(), Every(days=40, window=60), range(5, DAYS), 30)
    assert played.retrained == [45]
    assert np.flatnonzero(played.losses == 0.46).tolist() == list(range(40, 54))  # days 46 to 59
    assert played.cost(0.54) == pytest.approx(played.loss + 0.01)


def test_days_are_joined_until_they_hold_enough_rows():
    counts = np.array([120, 90, 0, 30, 200, 50])
    assert joined([0, 1, 2, 3, 4, 5], counts, 200) == [[0, 1], [2, 3, 4, 5]]
    assert joined([5], counts, 200) == [[5]]


@pytest.mark.parametrize("kind", KINDS)
def test_made_streams_change_what_is_to_be_learned_only_where_they_say_so(kind):
    stream = made(kind, 1)
    first = np.column_stack([stream.features["x0"], stream.features["x4"]])
    changed = (80, 139) if kind == "recurring" else (CHANGE + 55, stream.days - 1)
    before, after = (stream.rows(*days) for days in ((40, 79), changed))
    signs = [
        [np.corrcoef(first[rows, column], stream.truth[rows])[0, 1] > 0.15 for column in (0, 1)]
        for rows in (before, after)
    ]
    assert signs[0] == [True, False]
    assert signs[1] == ([True, False] if kind in QUIET else [False, True])
    assert (stream.change is None) == (kind in QUIET)
