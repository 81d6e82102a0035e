"""What other monitors get wrong, measured beside ours on the same rows; the single edges stand in `test_drift.py`."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from ml.drift.buckets import Feature, frozen
from ml.drift.compare import Report, compare
from ml.drift.measure import measure
from ml.drift.profile import total
from ml.drift.reference import own
from ml.signature import Input, Signature
from tests.profiles import number, numbers, reference

FEATURES = [number(np.random.default_rng(0).normal(size=20_000), f"x{place}") for place in range(10)]
MONDAY = datetime(2025, 1, 6)  # noqa: DTZ001 - the data's times have no zone


def of_frames(baseline: pl.DataFrame, current: pl.DataFrame, **kinds: str) -> Report:
    """Compare two tables as the monitor does, by the features that their columns give."""
    inputs = tuple(Input(name=name, kind=kind) for name, kind in kinds.items())  # type: ignore[arg-type]
    features = frozen(baseline, Signature(inputs=inputs))
    return compare(reference(measure(baseline, features)), measure(current, features))


def drifting(report: Report) -> list[str]:
    return [move.name for move in report.moves if move.drifting]


@pytest.mark.parametrize(("rows", "least"), [(30, 0.9), (100, 0.3), (300, 0.02), (1000, 0.0)])
def test_few_current_rows_of_many_reference_rows_are_no_drift(rows: int, least: float) -> None:
    """A peer takes the distance for any current rows once there are 1,000 reference rows: 0.1 standard deviations."""
    random = np.random.default_rng(rows)
    before = random.normal(size=(5000, len(FEATURES)))
    known = reference(numbers(FEATURES, before))
    ours, peers = [], []
    for _ in range(30):
        now = random.normal(size=(rows, len(FEATURES)))
        ours += [move.drifting for move in compare(known, numbers(FEATURES, now)).moves]
        peers += [
            wasserstein_distance(one, other) / one.std() > 0.1 for one, other in zip(before.T, now.T, strict=True)
        ]
    assert np.mean(ours) <= 0.01
    assert np.mean(peers) >= least


def test_days_that_wobble_as_they_always_did_are_no_drift() -> None:
    """A test of single values takes each day's own level for drift: Kolmogorov-Smirnov at 0.05 for all features."""
    random = np.random.default_rng(11)
    days, rows, stays = 70, 200, 0.7
    level = np.zeros((days, len(FEATURES)))
    for day in range(1, days):  # a tenth of a standard deviation, and each day is like the one before
        level[day] = stays * level[day - 1] + random.normal(0, 0.1 * (1 - stays**2) ** 0.5, len(FEATURES))
    values = [random.normal(mean, 1, (rows, len(FEATURES))) for mean in level]
    blocks, before = [numbers(FEATURES, part) for part in values[:30]], np.concatenate(values[:30])
    whole = total(blocks)
    known = reference(whole, own(whole, blocks), rows)
    ours = [bool(drifting(compare(known, numbers(FEATURES, part)))) for part in values[30:]]
    peers = [
        min(ks_2samp(one, other).pvalue for one, other in zip(before.T, part.T, strict=True)) < 0.05 / len(FEATURES)
        for part in values[30:]
    ]
    assert np.mean(ours) <= 0.05
    assert np.mean(peers) >= 0.4
    shifted = numbers(FEATURES, values[-1] + np.eye(len(FEATURES))[0])
    assert drifting(compare(known, shifted)) == ["x0"]


def test_of_very_many_rows_a_move_not_worth_telling_is_not_told() -> None:
    """With a million rows, any test of significance finds a fiftieth of a standard deviation."""
    random = np.random.default_rng(12)
    before, now = (random.normal(mean, 1, (1_000_000, 1)) for mean in (0, 0.02))
    (move,) = compare(reference(numbers(FEATURES[:1], before)), numbers(FEATURES[:1], now)).moves
    assert move.chi2_p is not None
    assert move.chi2_p < 1e-6
    assert not move.drifting
    assert move.ratio < 0.2


def test_a_column_that_becomes_null_leaves_the_others_judged() -> None:
    """A peer ends with an error, and nothing of the report is left."""
    random = np.random.default_rng(13)
    before = pl.DataFrame(
        {"gone": random.normal(size=2000), "moved": random.normal(size=2000), "kind": ["a", "b"] * 1000}
    )
    for of_type in (pl.Float64, pl.Null):
        now = before.with_columns(pl.lit(None, dtype=of_type).alias("gone"), pl.col("moved") + 1)
        report = of_frames(before, now, gone="numeric", moved="numeric", kind="categorical")
        assert drifting(report) == ["gone", "moved"]
        assert report.breaks == (("gone", "all null"),)
        assert [move.status for move in report.moves] == ["all null", "judged", "judged"]


def test_times_are_judged_by_hour_and_weekday() -> None:
    """A peer leaves columns of times out without a word."""
    times = [MONDAY + timedelta(hours=hour) for hour in range(24 * 7 * 8)]
    before = pl.DataFrame({"at": times})
    later = pl.DataFrame({"at": [time + timedelta(weeks=100) for time in times]})
    nightly = pl.DataFrame({"at": [time.replace(hour=3) for time in times]})
    weekdays = pl.DataFrame({"at": [time - timedelta(days=3) if time.weekday() > 4 else time for time in times]})
    assert [drifting(of_frames(before, now, at="timestamp")) for now in (later, nightly, weekdays)] == [
        [],
        ["at_hour"],
        ["at_weekday"],
    ]


def test_truths_are_a_category_of_two() -> None:
    before = pl.DataFrame({"member": [True] * 500 + [False] * 1500})
    for share, expected in ((0.25, []), (0.6, ["member"])):
        now = pl.DataFrame({"member": [row < 1000 * share for row in range(1000)]})
        assert drifting(of_frames(before, now, member="boolean")) == expected


def test_a_thousandth_of_infinities_is_counted_and_no_drift() -> None:
    random = np.random.default_rng(14)
    before, now = random.normal(size=(5000, 1)), random.normal(size=(5000, 1))
    now[:3], now[3:5] = np.inf, -np.inf
    current = numbers(FEATURES[:1], now)
    (move,) = compare(reference(numbers(FEATURES[:1], before)), current).moves
    assert not move.drifting
    assert move.psi is not None
    assert move.psi < 0.02
    assert (current.counts["x0"].positive_infinite, current.counts["x0"].negative_infinite) == (3, 2)


@pytest.mark.parametrize("value", [1e9, -1e9, 1.7e308])
def test_no_outlier_outweighs_the_others(value: float) -> None:
    """The distance of the values themselves is 200,000 standard deviations for one of 1e9 in 5,000."""
    random = np.random.default_rng(15)
    before, now = random.normal(size=(5000, 1)), random.normal(size=(5000, 1))
    now[0] = value
    (move,) = compare(reference(numbers(FEATURES[:1], before)), numbers(FEATURES[:1], now)).moves
    assert not move.drifting
    assert move.wasserstein is not None
    assert move.wasserstein < 0.05
    if abs(value) < 1e300:
        assert wasserstein_distance(before[:, 0], now[:, 0]) > 100_000


def test_a_category_that_is_new_in_a_twentieth_of_the_rows() -> None:
    random = np.random.default_rng(16)
    before = pl.DataFrame({"kind": random.choice(["a", "b", "c"], 5000)})
    now = pl.DataFrame({"kind": random.choice(["a", "b", "c", "new"], 5000, p=[0.32, 0.32, 0.31, 0.05])})
    report = of_frames(before, now, kind="categorical")
    assert drifting(report) == ["kind"]
    assert report.moves[0].psi == pytest.approx(0.26, abs=0.08)
    assert report.moves[0].new_share == pytest.approx(0.05, abs=0.01)


def test_what_a_feature_is_stays_as_it_was_learned() -> None:
    """Few whole numbers that were numbers stay numbers; a number that comes as text is a break, and no category."""
    before = pl.DataFrame({"grade": list(range(1, 21)) * 100})
    same = of_frames(before, pl.DataFrame({"grade": [float(grade) for grade in range(1, 21)] * 50}), grade="numeric")
    assert (drifting(same), same.moves[0].ks) == ([], 0)
    text = of_frames(before, pl.DataFrame({"grade": ["1", "2"]}), grade="numeric")
    assert text.breaks == (("grade", "a column of type varchar"),)
    assert isinstance(frozen(before, Signature(inputs=(Input(name="grade", kind="numeric"),)))[0], Feature)
