"""The policy study: its peers see no label before it lands, and its made streams change where they say so.

What the study plays on is the product's own: tests/backtest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

# At the end: benchmarks/profile.py must not stand in for the standard library's.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from policy.adwin import Adwin
from policy.peers import AdwinAlarm, Alarmed
from policy.streams import CHANGE, KINDS, QUIET, made

from loopwright.backtest.play.days import play

DAYS, ROWS = 60, 50


class Matrix:
    """A stand-in whose models are right until the concept changes on day 30; nothing is trained."""

    counts, delay, least = np.full(DAYS, ROWS), 2, 200

    def __init__(self, poisoned_from=DAYS):
        self.poisoned_from = poisoned_from

    def model(self, day, window):
        days = np.arange(DAYS)
        stale = (days >= 30) & (day - self.delay < 30)
        loss, wrong = np.where(stale, 1.2, 0.4) + window / 1000, np.where(stale, 40, 8)
        later = days >= self.poisoned_from
        return SimpleNamespace(loss=np.where(later, 99.0, loss), wrong=np.where(later, ROWS, wrong))

    def learned(self, day, window):
        return window * ROWS

    def newest(self, day):
        return day


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


def test_errors_count_only_once_their_labels_have_landed():
    span = range(5, DAYS)
    sound = play(Matrix(), Alarmed(alarm=AdwinAlarm(), window=30), span, 30)
    assert sound.retrained
    for day in range(6, DAYS):
        poisoned = play(Matrix(poisoned_from=day), Alarmed(alarm=AdwinAlarm(), window=30), span, 30)
        seen = [each for each in sound.retrained if each < day + 2]
        assert [each for each in poisoned.retrained if each < day + 2] == seen


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
