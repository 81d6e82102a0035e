"""What drifts and what does not: every edge that monitors get wrong, and the rates of both errors."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp, ncx2, wasserstein_distance

from ml.drift import compare as drift
from ml.drift import distances
from ml.drift.buckets import Feature
from ml.drift.compare import FLOOR, Move, Report, compare
from ml.drift.measure import measure
from ml.drift.profile import Counts, Profile, total
from ml.drift.reference import own
from tests.profiles import category, number, numbers, one_column, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

INF, NAN = float("inf"), float("nan")


def normal(rows: int = 5000, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, rows)


def some_null(share: float, seed: int = 0) -> np.ndarray:
    values = normal(seed=seed)
    values[np.random.default_rng(seed + 100).random(len(values)) < share] = np.nan
    return values


def moved(baseline: Sequence[Any], current: Sequence[Any]) -> Move:
    """Compare one column, text or numbers, through the queries."""
    text = any(isinstance(value, str) for value in baseline)
    feature = category(baseline) if text else number(baseline)
    of_type = pl.String if text else pl.Float64
    (move,) = compare(reference(one_column(feature, baseline, of_type)), one_column(feature, current, of_type)).moves
    return move


def letters(shares: dict[str, float], rows: int = 5000, seed: int = 0) -> list[str]:
    return np.random.default_rng(seed).choice(list(shares), rows, p=list(shares.values())).tolist()


def buckets(kind: Any, rows: dict[int, int]) -> Profile:
    """Return the profile of one feature of some kind."""
    counts = Counts(buckets=rows)
    return Profile(features=(Feature(name="x", column="x", kind=kind),), rows=counts.rows, counts={"x": counts})


# --- the statistics beside those of the values themselves ---


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_values_in_buckets_are_as_far_apart_as_the_values(kind: str, shift: float) -> None:
    """Within 0.01 for KS and 1 % of a standard deviation for Wasserstein: a bucket is 1/64 of one."""
    random = np.random.default_rng(7)
    baseline, current = (getattr(random, kind)(size=20_000) for _ in range(2))
    current = current + shift
    found = moved(baseline, current)
    assert found.ks == pytest.approx(ks_2samp(baseline, current).statistic, abs=0.01)
    lower, upper = np.quantile(baseline, [0.001, 0.999])
    within = [values.clip(lower, upper) for values in (baseline, current)]
    assert found.wasserstein == pytest.approx(wasserstein_distance(*within) / within[0].std(), abs=0.01)


def test_whole_numbers_lose_nothing_in_buckets() -> None:
    random = np.random.default_rng(8)
    baseline, current = (random.poisson(mean, 3000).astype(float) for mean in (4, 5))
    found = moved(baseline, current)
    assert found.ks == pytest.approx(ks_2samp(baseline, current).statistic, abs=1e-12)


def test_the_infinities_are_the_outermost_values() -> None:
    baseline = [1.0, 2.0, 3.0, 4.0]
    for current in ([-INF, 4.0, 4.0, 4.0], [1.0, 1.0, 1.0, INF], [-INF, -INF, INF, 2.0]):
        assert moved(baseline, current).ks == pytest.approx(ks_2samp(baseline, current).statistic)


# --- edges ---


def test_a_null_rate_that_jumps_is_drift_and_a_break() -> None:
    """A peer that leaves nulls out of its bins finds 0.02 here, and no drift."""
    found = moved(some_null(0.02), some_null(0.3, seed=1))
    assert found.drifting
    assert found.psi == pytest.approx(0.847, abs=0.1)
    assert found.breaks == ("nulls",)
    assert found.null_change == pytest.approx(0.28, abs=0.01)
    assert found.null_rate == pytest.approx(0.3, abs=0.02)


def test_a_null_rate_that_stays_is_neither() -> None:
    found = moved(some_null(0.3), some_null(0.31, seed=1))
    assert (found.drifting, found.breaks) == (False, ())
    assert moved(some_null(0.02), some_null(0.05, seed=1)).breaks == ()


def test_few_rows_do_not_break_by_chance() -> None:
    assert moved(some_null(0.3), [NAN, NAN, NAN, NAN, 0.1, 0.2]).breaks == ()


def test_a_column_that_becomes_all_null() -> None:
    found = moved(normal(), [NAN] * 500)
    assert (found.status, found.drifting, found.breaks) == ("all null", True, ("all null",))
    assert (found.ks, found.wasserstein, found.new_share, found.null_change) == (None, None, None, 1.0)


def test_a_baseline_that_was_all_null_judges_nothing() -> None:
    found = moved([NAN] * 500, normal())
    assert found == Move(name="x", status="baseline empty", rows=5000)


def test_other_features_are_judged_beside_one_that_cannot_be() -> None:
    features = (number([NAN], "a"), number(normal(), "b"))
    matrix = np.column_stack([np.full(5000, NAN), normal()])
    shifted = np.column_stack([normal(), normal(seed=1, mean=1)])
    report = compare(reference(numbers(features, matrix)), numbers(features, shifted))
    assert [move.status for move in report.moves] == ["baseline empty", "judged"]
    assert report.share == 1.0


def test_a_constant_that_stays_and_one_that_changes() -> None:
    same = moved([5.0] * 500, [5.0] * 500)
    assert (same.drifting, same.psi, same.js, same.ratio, same.wasserstein) == (False, 0, 0, 0, None)
    assert not moved([5.0] * 500, [5.0 + 1e-12] * 500).drifting
    for value in (6.0, 5.0005, 1e9):
        changed = moved([5.0] * 500, [value] * 500)
        assert (changed.drifting, changed.ks, changed.new_share) == (True, 1, 1)
        assert changed.psi is not None
        assert changed.psi > 10


def test_a_few_infinities_are_no_drift_and_many_are() -> None:
    few, many = normal(seed=1), normal(seed=1)
    few[:5] = INF
    many[:500] = -INF
    assert not moved(normal(), few).drifting
    assert moved(normal(), many).drifting


def test_numbers_out_of_range_are_drift_and_no_break() -> None:
    found = moved(normal(), normal(mean=10))
    assert (found.drifting, found.breaks, found.new_share) == (True, (), 1)


def test_overflow_of_the_largest_values_is_seen() -> None:
    """The topmost group would hold as many rows as before."""
    current = normal(seed=1)
    current[current > 1] = INF
    assert moved(normal(), current).drifting


def test_one_outlier_is_no_drift() -> None:
    current = normal(seed=1)
    current[0] = 1e9
    found = moved(normal(), current)
    assert not found.drifting
    assert found.psi is not None
    assert found.psi < 0.03
    assert found.wasserstein is not None
    assert found.wasserstein < 0.05


def test_one_outlier_hides_no_drift() -> None:
    """Equal bins from the smallest to the largest value: PSI 0.994 for a shift of 1, but 0.022 beside one of 1e6."""
    current = normal(20_000, seed=1, mean=1)
    current[0] = 1e6
    found = moved(normal(20_000), current)
    assert found.drifting
    assert found.psi == pytest.approx(0.95, abs=0.08)


def test_a_scale_that_doubles_in_a_heavy_tail_is_seen() -> None:
    """With the same bins, 0.0057 for it and 0.0054 for no drift at all."""
    values = [np.random.default_rng(seed).lognormal(0, 2, 20_000) for seed in range(3)]
    doubled, same = moved(values[0], 2 * values[1]), moved(values[0], values[2])
    assert (doubled.drifting, same.drifting) == (True, False)
    assert doubled.psi == pytest.approx(0.124, abs=0.03)
    assert same.psi is not None
    assert same.psi < 0.01


def test_a_new_category() -> None:
    shares = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    found = moved(letters(shares), letters({"a": 0.31, "b": 0.32, "c": 0.32, "new": 0.05}, seed=1))
    assert found.drifting
    assert found.new_share == pytest.approx(0.05, abs=0.01)
    assert moved(letters(shares), letters({"a": 0.3, "b": 0.3, "c": 0.3, "new": 0.1})).breaks == ("new levels",)
    few = moved(letters(shares), [*letters(shares, seed=1), *["new"] * 20])
    assert (few.drifting, few.breaks) == (False, ())


def test_levels_that_are_rare_already_are_no_break() -> None:
    rare = [*letters({"a": 1.0}, 600), *[f"r{index}" for index in range(400)]]
    assert moved(rare, rare).breaks == ()
    assert moved(rare, ["a"] * 400 + [f"q{index}" for index in range(600)]).breaks == ("new levels",)


def test_an_identifier_is_not_judged() -> None:
    found = moved([f"u{index}" for index in range(5000)], [f"v{index}" for index in range(5000)])
    assert (found.status, found.drifting, found.ratio) == ("identifier", False, 0)


def test_whole_numbers_as_categories() -> None:
    feature = category(list("1234"))
    baseline, current = [1] * 700 + [2, 3, 4] * 100, [2] * 700 + [1, 3, 4] * 100
    (move,) = compare(reference(one_column(feature, baseline)), one_column(feature, current)).moves
    assert (move.drifting, move.ks, move.new_share) == (True, None, 0)


@pytest.mark.parametrize(
    ("kind", "baseline", "current"),
    [
        ("boolean", {0: 500, 1: 500}, {0: 900, 1: 100}),
        ("hour", dict.fromkeys(range(24), 40), {3: 900}),
        ("weekday", dict.fromkeys(range(7), 100), dict.fromkeys(range(5), 180)),
    ],
)
def test_other_kinds_are_judged_by_their_shares(kind: Any, baseline: dict[int, int], current: dict[int, int]) -> None:
    found = compare(reference(buckets(kind, baseline)), buckets(kind, current)).moves[0]
    assert (found.drifting, found.ks, found.wasserstein) == (True, None, None)
    assert not compare(reference(buckets(kind, baseline)), buckets(kind, baseline)).moves[0].drifting


def test_a_time_is_not_drift_because_it_is_later() -> None:
    features = [Feature(name=f"at_{kind}", column="at", kind=kind) for kind in ("hour", "weekday")]  # type: ignore[arg-type]
    start = pl.datetime(2025, 1, 6)
    frame = pl.select(at=start + pl.duration(hours=pl.int_range(0, 24 * 28)))
    later = frame.with_columns(pl.col("at") + pl.duration(days=28 * 13))
    report = compare(reference(measure(frame, features)), measure(later, features))
    assert report.ratio == 0
    assert len(report.judged) == 2


def test_a_change_of_type_and_a_missing_column_are_breaks_not_drift() -> None:
    features = (number([1.0, 2.0], "a"), number([1.0, 2.0], "b"))
    found = measure(pl.DataFrame({"a": ["text"]}), features)
    report = compare(reference(measure(pl.DataFrame({"a": [1.0], "b": [2.0]}), features)), found)
    assert report.moves[0] == Move(name="a", status="broken", rows=1, breaks=("a column of type varchar",))
    assert report.breaks == (("a", "a column of type varchar"), ("b", "missing"))
    assert (report.share, report.ratio, report.judged) == (0, 0, ())


def test_a_type_that_changed_on_one_day_of_several_is_a_break() -> None:
    feature = number([1.0, 2.0])
    days = one_column(feature, [1.0]) + one_column(feature, ["text"])
    (move,) = compare(reference(one_column(feature, [1.0, 2.0])), days).moves
    assert (move.status, move.drifting) == ("broken", False)


def test_no_rows_judge_nothing() -> None:
    feature = number(normal())
    report = compare(reference(one_column(feature, normal())), one_column(feature, [], pl.Float64))
    assert (report.rows, report.moves[0].status, report.share, report.ratio) == (0, "no rows", 0, 0)


@pytest.mark.parametrize("rows", [1, 5, 20])
def test_a_handful_of_rows_is_below_the_noise(rows: int) -> None:
    found = moved(normal(), normal(rows, seed=3))
    assert found.psi_expected is not None
    assert found.psi_critical is not None
    assert found.psi_critical > found.psi_expected > 0.1
    assert not found.drifting


def test_counts_of_other_buckets_are_not_compared() -> None:
    one, other = (one_column(number(values), [1.0]) for values in ([1.0, 2.0], [1.0, 3.0]))
    with pytest.raises(ValueError, match="not counted by the buckets of the baseline"):
        compare(reference(one), other)


# --- its own movement ---


def days(means: Sequence[float], rows: int, seed: int, features: Sequence[Feature]) -> list[Profile]:
    random = np.random.default_rng(seed)
    return [numbers(features, random.normal(mean, 1, (rows, len(features)))) for mean in means]


def test_what_always_moved_is_not_drift_and_what_never_did_is() -> None:
    """A mean that goes up and down by half a deviation each week, and the same day of a feature that does not."""
    feature = (number(normal()),)
    weekly = [0.5 * math.sin(2 * math.pi * day / 7) for day in range(28)]
    restless, still = days(weekly, 500, 1, feature), days([0.0] * 28, 500, 2, feature)
    (friday,) = days([0.5], 500, 3, feature)
    ratios = {}
    for name, blocks in (("restless", restless), ("still", still)):
        whole = total(blocks)
        ratios[name] = compare(reference(whole, own(whole, blocks), 500), friday).ratio
    assert ratios["restless"] < 1 < ratios["still"]
    assert ratios["still"] > 1.5


@pytest.mark.parametrize(("moves_itself", "reach"), [(0.0, 0.1), (0.08, 0.1), (0.2, 0.25)])
def test_the_limit_is_a_standard_error_beyond_what_such_a_move_shows(moves_itself: float, reach: float) -> None:
    p, q = np.full(5, 1000.0), np.full(5, 40.0)
    unit = distances.divergence_unit(p, q)
    shown = ncx2(df=4, nc=reach**2 / unit)
    assert drift._limit(p, q, moves_itself) == pytest.approx(unit * (shown.mean() + shown.std()))


def test_one_day_of_a_week_is_no_drift_of_the_weekday_however_many_rows_it_has() -> None:
    blocks = [buckets("weekday", {day % 7: 200}) for day in range(28)]
    whole = total(blocks)
    for rows in (200, 1_000_000):
        today = buckets("weekday", {3: rows})
        assert not compare(reference(whole, own(whole, blocks), 200), today).moves[0].drifting
        assert compare(reference(whole), today).moves[0].drifting


def test_the_ratio_counts_distances() -> None:
    """Of many rows, a move by a deviation is a PSI of 1, and twice its distance as far beyond the same limit."""
    feature = number(normal(200_000))
    baseline = reference(numbers([feature], normal(200_000)[:, None]))
    one, two = (compare(baseline, numbers([feature], normal(200_000, 9, mean)[:, None])).ratio for mean in (0.25, 0.5))
    assert one == pytest.approx(0.25 / math.sqrt(8 * math.log(2)) / FLOOR, rel=0.08)
    assert two == pytest.approx(2 * one, rel=0.05)


# --- the rates of both errors ---

FOUR = [number(normal(20_000), f"x{place}") for place in range(4)]


def rates(baseline_rows: int, rows: int, draws: int, *, shift: float = 0.0) -> tuple[float, float]:
    """Return how often any of three features without drift, and the first one, which has it, are said to drift."""
    random = np.random.default_rng(baseline_rows + rows)
    blocks = [numbers(FOUR, part) for part in np.array_split(random.normal(size=(baseline_rows, 4)), 30)]
    whole = total(blocks)
    known = reference(whole, own(whole, blocks), baseline_rows // 30)
    drawn = (random.normal([shift, 0, 0, 0], size=(rows, 4)) for _ in range(draws))
    found = np.array([[move.drifting for move in compare(known, numbers(FOUR, matrix)).moves] for matrix in drawn])
    return found[:, 1:].any(axis=1).mean(), found[:, 0].mean()


@pytest.mark.parametrize(("rows", "draws"), [(5, 300), (20, 300), (50, 300), (200, 1000), (2000, 100)])
def test_without_drift_hardly_any_window_is_told(rows: int, draws: int) -> None:
    """A peer that goes by distance above 1,000 reference rows tells 68 % of its features at 100 rows, 12 % at 300."""
    false_alarms, _ = rates(6000, rows, draws)
    assert false_alarms <= 0.02


@pytest.mark.parametrize(("rows", "shift", "share"), [(200, 0.6, 0.95), (200, 1.0, 1.0), (2000, 0.5, 0.95)])
def test_drift_is_told(rows: int, shift: float, share: float) -> None:
    _, detected = rates(6000, rows, 60, shift=shift)
    assert detected >= share


# --- the report ---


def test_a_report_has_one_share_and_one_ratio() -> None:
    moves = (
        Move(name="a", status="judged", drifting=True, ratio=1.5, breaks=("nulls",)),
        Move(name="b", status="all null", drifting=True, ratio=2.5, breaks=("all null",)),
        Move(name="c", status="judged", ratio=0.5),
        Move(name="d", status="broken", breaks=("missing",)),
        Move(name="e", status="identifier"),
    )
    report = Report(rows=7, moves=moves)
    assert report.share == pytest.approx(2 / 3)
    assert report.ratio == 2.5
    assert report.breaks == (("a", "nulls"), ("b", "all null"), ("d", "missing"))
    document = json.loads(json.dumps(report.document(), allow_nan=False))
    assert [found["name"] for found in document["features"]] == ["b", "a", "c", "d", "e"]
    assert document["features"][0] == asdict(moves[1]) | {"breaks": ["all null"]}
    assert {key: document[key] for key in ("rows", "ratio", "breaks")} == {
        "rows": 7,
        "ratio": 2.5,
        "breaks": [["a", "nulls"], ["b", "all null"], ["d", "missing"]],
    }


def test_the_features_share_one_chance_of_a_false_alarm() -> None:
    """The more are judged, the further one must be; those that cannot be judged take no part."""
    values = normal(200, seed=3)
    critical = {}
    for judged, empty in ((1, 0), (1, 9), (10, 0)):
        features = [number(normal(), f"x{place}") for place in range(judged)]
        none = [number([NAN], f"n{place}") for place in range(empty)]
        baseline = numbers([*features, *none], np.column_stack([normal()] * judged + [np.full(5000, NAN)] * empty))
        current = numbers([*features, *none], np.column_stack([values] * (judged + empty)))
        critical[judged, empty] = compare(reference(baseline), current).moves[0].psi_critical
    assert critical[1, 0] == critical[1, 9]
    assert critical[10, 0] > 1.2 * critical[1, 0]


def test_the_groups_are_those_that_the_blocks_could_fill() -> None:
    """More of them would find more than the blocks could show."""
    whole = numbers([FOUR[0]], normal()[:, None])
    current = numbers([FOUR[0]], normal(2000, seed=1)[:, None])
    expected = [compare(reference(whole, block_rows=rows), current).moves[0].psi_expected for rows in (0, 200)]
    assert expected[0] == pytest.approx(expected[1] * 19 / 4, rel=0.06)


def test_nothing_is_judged_by_what_it_is_called() -> None:
    feature = number(normal())
    renamed = replace(feature, name="other")
    first, second = (
        compare(reference(numbers([one], normal()[:, None])), numbers([one], normal(500, 2, 0.4)[:, None])).moves[0]
        for one in (feature, renamed)
    )
    assert replace(first, name="other") == second
