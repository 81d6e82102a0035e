from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import losses
from ml.losses import Quality
from ml.quality import CAP, SLACK, Cohort, cusum, estimate, since
from tests.stages import START, numbers, says

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml.model import Floats, Prediction

LIMIT = 4.0
"""`quality.cusum_limit` of the contract as it is generated."""
DAYS = 365
ROWS = 200


def base(**changes: float) -> Quality:
    facts = {"rows": 10_000, "mean": 0.5, "deviation": 0.4, "between": 0.02, "blocks": 60} | changes
    return Quality(loss="log_loss", **facts)  # type: ignore[arg-type]


def cohorts(means: Iterable[float | None], labelled: int = ROWS) -> list[Cohort]:
    return [
        Cohort(
            start=START + timedelta(days=day), rows=ROWS, labelled=labelled, loss=None if mean is None else float(mean)
        )
        for day, mean in enumerate(means)
    ]


def days(random: np.random.Generator, count: int, like: Quality, *, worse: float = 0.0) -> Floats:
    """Draw the mean losses of days of skewed losses; ``worse`` in standard deviations of such a mean."""
    error = math.hypot(like.between, like.deviation / math.sqrt(ROWS))
    rows = like.mean - like.deviation + random.exponential(like.deviation, (count, ROWS))
    return rows.mean(axis=1) + random.normal(0, like.between, count) + worse * error


def test_the_score_follows_its_formula() -> None:
    like = base(deviation=2.0, between=0.3, rows=400, blocks=9, mean=1.0)
    error, of_mean = math.sqrt(0.3**2 + 2.0**2 / 100), math.sqrt(0.3**2 / 9 + 2.0**2 / 400)
    (found,) = cusum(like, cohorts([2.0], labelled=100))
    assert found == pytest.approx((2.0 - 1.0 - of_mean) / error - SLACK)
    assert cusum(like, cohorts([2.0, 2.0, 1e9], labelled=100)) == pytest.approx(
        [found, 2 * found, 2 * found + CAP - SLACK]
    )


@given(
    found=st.builds(
        base,
        rows=st.integers(0, 10**6),
        mean=st.floats(0, 1e6),
        deviation=st.floats(0, 1e6),
        between=st.floats(0, 1e6),
        blocks=st.integers(0, 60),
    ),
    means=st.lists(st.none() | st.floats(0, 1e12), max_size=20),
    labelled=st.integers(0, 1000),
)
def test_the_score_is_never_negative_and_always_a_number(
    found: Quality, means: list[float | None], labelled: int
) -> None:
    scores = cusum(found, cohorts(means, labelled))
    assert len(scores) == len(means)
    steps = np.diff([0.0, *scores])
    assert all(score >= 0 for score in scores)
    assert all(step <= CAP - SLACK + 1e-9 for step in steps)


def test_quality_as_it_was_seldom_alarms() -> None:
    likes = [losses.quality("mae", blocks, np.concatenate(blocks)) for blocks in map(holdout, range(60))]
    scores = [
        cusum(like, cohorts(days(np.random.default_rng(1000 + seed), DAYS, base()))) for seed, like in enumerate(likes)
    ]
    alarmed = [max(found) > LIMIT for found in scores]
    assert np.mean(alarmed) < 0.25  # of the models, in a year


def holdout(seed: int) -> list[Floats]:
    """Draw the losses that a baseline is made of: 30 days."""
    random, like = np.random.default_rng(seed), base()
    moves = random.normal(like.mean - like.deviation, like.between, 30)
    return [move + random.exponential(like.deviation, ROWS) for move in moves]


@pytest.mark.parametrize("seed", range(10))
def test_a_shift_of_two_deviations_is_found_within_days(seed: int) -> None:
    like, random = base(), np.random.default_rng(seed)
    quiet, worse = days(random, 30, like), days(random, 12, like, worse=2.0)
    scores = cusum(like, cohorts([*quiet, *worse]))
    assert max(scores[:30]) < LIMIT < max(scores[30:])
    began = since(scores)
    assert began is not None
    assert 20 <= began <= 33


def test_days_without_labels_leave_the_score() -> None:
    bad = 0.6
    assert cusum(base(), cohorts([bad, None, None, bad])) == pytest.approx(
        [score for score, times in zip(cusum(base(), cohorts([bad, bad])), (3, 1), strict=True) for _ in range(times)]
    )
    assert cusum(base(), cohorts([bad], labelled=0)) == [0.0]


def test_a_better_model_brings_the_score_to_nothing() -> None:
    scores = cusum(base(), cohorts([0.6, 0.6, 0.4, 0.4, 0.4]))
    assert scores[1] > 0
    assert scores[-1] == 0


@pytest.mark.parametrize(("loss", "score"), [(0.5, 0), (0.5 + 1e-14, 0), (0.4, 0), (0.6, 3 * (CAP - SLACK))])
def test_losses_that_never_vary_score_when_they_grow_by_more_than_rounding(loss: float, score: float) -> None:
    assert cusum(base(deviation=0.0, between=0.0), cohorts([loss] * 3))[-1] == score


def test_a_model_that_was_never_wrong_alarms_when_it_is() -> None:
    perfect = base(mean=0.0, deviation=0.0, between=0.0)
    assert cusum(perfect, cohorts([0.0, 0.0])) == [0.0, 0.0]
    assert cusum(perfect, cohorts([0.1, 0.1])) == [CAP - SLACK, 2 * (CAP - SLACK)]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_baseline_without_a_spread_says_nothing(rows: int) -> None:
    assert cusum(base(rows=rows, mean=0.0, deviation=0.0, between=0.0), cohorts([9.0] * 9)) == [0.0] * 9


@pytest.mark.parametrize(
    ("scores", "began"),
    [([], None), ([0, 0], None), ([2, 0], None), ([1], 0), ([0, 1, 2], 1), ([3, 0, 0, 1, 1, 4], 3)],
)
def test_a_rise_begins_after_the_last_nothing(scores: list[float], began: int | None) -> None:
    assert since(scores) == began


def test_the_estimate_is_the_mean_entropy() -> None:
    assert estimate(numbers(0.5, 0.5)[None]) == pytest.approx(math.log(2))
    assert estimate(np.array([[1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])) == pytest.approx(1.5 * math.log(2) / 2)


def test_the_estimate_is_right_while_only_inputs_move_and_blind_to_another_concept() -> None:
    random = np.random.default_rng(5)
    before, after = (1 / (1 + np.exp(-random.normal(centre, 1, 50_000))) for centre in (0.0, 2.0))

    def realised(chance: Floats, said: Prediction) -> float:
        came = (random.random(len(chance)) < chance).astype(np.float64)
        return float(losses.losses("log_loss", came, said).mean())

    guesses = []
    for inputs in (before, after):
        said = says(*inputs)
        assert said.probabilities is not None
        guesses.append(estimate(said.probabilities))
        assert guesses[-1] == pytest.approx(realised(inputs, said), abs=0.01)
    assert guesses[1] < guesses[0] - 0.1
    # Now the answer to the same inputs is the opposite: the estimate stays, the loss does not.
    assert realised(1 - after, says(*after)) > guesses[1] + 1
