"""Play: nobody sees the future, a retraining serves from the next day on, and the matrix is what the file holds."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from loopwright.backtest.play.days import Model, Past, Step, joined, play
from loopwright.backtest.play.matrix import Kept
from loopwright.backtest.play.schedules import Every, Never
from lossmatrix import FRESH, ROWS, SLOPE, WINDOWS, header

DAYS = 60


class Matrix:
    """A stand-in whose models are right until the concept changes on day 30; nothing is trained."""

    counts, least = np.full(DAYS, 50), 200

    def __init__(self, poisoned_from=DAYS, delay=2):
        self.poisoned_from, self.delay = poisoned_from, delay

    def model(self, day, window):
        days = np.arange(DAYS)
        loss = np.where((days >= 30) & (day - self.delay < 30), 1.2, 0.4) + window / 1000
        return SimpleNamespace(loss=np.where(days >= self.poisoned_from, 99.0, loss), quality=np.zeros(5))

    def learned(self, day, window):
        return window

    def newest(self, day):
        return day


class Alarmed:
    """Retrains when a known loss is above 1."""

    def look(self, past, champion):
        worst = np.nanmax(past.scored(champion).loss[past.answered(champion)], initial=0)
        return Step(retrain=30) if worst > 1 else Step()


class Curious:
    """Looks whenever it may, and never retrains."""

    def look(self, past, champion):
        return Step(probed=True)


class Peeking:
    """Looks at a label that has not landed."""

    def look(self, past, champion):
        return Step(retrain=30) if past.matrix.model(*champion).loss[past.today] > 1 else Step()


@pytest.mark.parametrize("policy", [Alarmed, lambda: Every(days=9, window=30)])
def test_decisions_are_the_same_whatever_labels_will_say_that_have_not_landed(policy):
    span = range(5, DAYS)
    sound = play(Matrix(), policy(), span, 30)
    assert sound.retrained
    for day in range(6, DAYS):
        poisoned = play(Matrix(poisoned_from=day), policy(), span, 30)
        seen = [each for each in sound.retrained if each < day + 2]
        assert [each for each in poisoned.retrained if each < day + 2] == seen


def test_poison_would_be_noticed():
    sound, poisoned = (play(Matrix(poisoned_from=day), Peeking(), range(5, DAYS), 30) for day in (DAYS, 20))
    assert poisoned.retrained[0] == 20 < sound.retrained[0]


def test_what_is_known_ends_where_labels_have_landed():
    past = Past(matrix=Matrix(), today=20)
    assert np.flatnonzero(~np.isnan(past.scored(Model(5, 30)).loss))[-1] == 18
    assert past.answered(Model(15, 30)) == [16, 17, 18]


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


def test_a_matrix_is_what_the_file_holds(tmp_path):
    matrix = Kept.read(header(tmp_path))
    assert (matrix.begin, matrix.windows, matrix.days) == (32, WINDOWS, 300)
    assert matrix.model(39, 30).loss[[39, 40, 49]] == pytest.approx(
        [np.nan, FRESH + SLOPE, FRESH + 10 * SLOPE], nan_ok=True
    )
    assert [matrix.newest(day) for day in (31, 32, 38, 39, 299)] == [None, 32, 32, 39, 298]
    assert (matrix.learned(39, 30), matrix.learned(40, 30), matrix.learned(39, 45)) == (30 * ROWS, 0, 0)
    assert Kept.read(header(tmp_path, days=62, every=1)).newest(61) == 60, "the last day only judges"
    matrix = Kept.read(header(tmp_path))
    assert matrix.error(Model(39, 30), Model(39, 60), 50) == pytest.approx(np.sqrt(2 * 0.3**2 / ROWS))
    assert np.isinf(matrix.losses(40, 30)).all()


def test_policies_act_only_on_days_that_have_models(tmp_path):
    matrix = Kept.read(header(tmp_path))
    played = play(matrix, Every(days=10, window=30), range(32, 300), 30)
    assert played.retrained == list(range(46, 300, 14))
    assert play(matrix, Never(), range(32, 300), 30).retrained == []
    looked = play(matrix, Curious(), range(32, 300), 30)
    assert looked.probed == list(range(39, 300, 7))
    assert looked.cost(2.68) == pytest.approx(looked.loss + 2.68 * 0.1 * 38 / 267)


def test_a_window_that_can_hardly_ever_be_learned_from_takes_no_part(tmp_path):
    about = header(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "models.jsonl").read_text().splitlines()]
    for line in lines[:-4] if lines else []:
        if line["window"] == 30:
            del line["loss"]
    (tmp_path / "models.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    matrix = Kept.read(about)
    assert matrix.windows == (60,)
    assert matrix.whole(32)
    assert not matrix.learned(298, 30)
