from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from ml.drift.buckets import FINENESS, LAST, LEVELS, Feature, digest, frozen
from ml.signature import Input, Signature
from tests.profiles import category, counts, number


def test_each_input_gives_its_features() -> None:
    kinds = {"at": "timestamp", "kind": "categorical", "code": "categorical", "amount": "numeric", "member": "boolean"}
    inputs = tuple(Input(name=name, kind=kind) for name, kind in kinds.items())  # type: ignore[arg-type]
    frame = pl.DataFrame({"at": [None], "kind": ["a"], "code": [7], "amount": [2], "member": [True], "other": [1]})
    assert frozen(frame, Signature(inputs=inputs)) == (
        Feature(name="at_hour", column="at", kind="hour"),
        Feature(name="at_weekday", column="at", kind="weekday"),
        Feature(name="kind", column="kind", kind="categorical", levels=("a",)),
        Feature(name="code", column="code", kind="categorical", levels=("7",)),
        Feature(name="amount", column="amount", kind="numeric", centre=2.0, scale=2e-6),
        Feature(name="member", column="member", kind="boolean"),
    )


def test_no_two_features_have_one_name() -> None:
    inputs = (Input(name="at", kind="timestamp"), Input(name="at_hour", kind="numeric"))
    found = frozen(pl.DataFrame({"at": [None], "at_hour": [3.0]}), Signature(inputs=inputs))
    assert [(one.name, one.column) for one in found] == [("at_hour", "at_hour"), ("at_weekday", "at")]


def test_numbers_are_centred_at_their_median_and_scaled_to_their_deviation() -> None:
    found = number(np.random.default_rng(1).normal(50, 4, 20_001))
    assert found.centre == pytest.approx(50, abs=0.1)
    assert found.scale == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize(
    ("values", "centre", "scale"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], 3.0, 2 / 1.349),
        ([1.0, 2.0, 3.0, 4.0, 1e9], 3.0, 2 / 1.349),
        ([None, float("nan"), float("inf"), -float("inf"), 1.0, 2.0, 3.0], 2.0, 1 / 1.349),
        ([0.0] * 9 + [3.29], 0.0, 3.29 * 0.55 / 3.29),
        ([0.0] * 99 + [10.0], 0.0, 1.0),
        ([5.0, 5.0, 5.0], 5.0, 5e-6),
        ([-5.0], -5.0, 5e-6),
        ([0.0, 0.0], 0.0, 1e-9),
        ([None, float("inf")], 0.0, 1.0),
        ([], 0.0, 1.0),
        ([-1.7e308, -1.7e308, 1.7e308, 1.7e308], 1.7e308, 1.7e302),
    ],
)
def test_every_column_has_a_finite_centre_and_scale(values: list[float | None], centre: float, scale: float) -> None:
    found = number(values)
    assert (found.centre, found.scale) == (centre, pytest.approx(scale, rel=1e-3))


def test_the_most_frequent_levels_have_names() -> None:
    values = [f"rare {index:03d}" for index in range(200)] + ["b", "b", "a", "a", "c", "c", "c", None]
    found = category(values).levels
    assert found[:4] == ("c", "a", "b", "rare 000")
    assert len(found) == LEVELS == 200


def test_the_middle_of_a_bucket_is_in_it() -> None:
    feature = Feature(name="x", column="x", kind="numeric", centre=-3.0, scale=0.25)
    buckets = list(range(-LAST, LAST + 1))
    assert counts(feature, feature.middles(buckets)).buckets == dict.fromkeys(buckets, 1)


def test_a_bucket_is_narrow_near_the_centre_and_relatively_so_in_the_tails() -> None:
    feature = Feature(name="x", column="x", kind="numeric", centre=0.0, scale=2.0)
    middles = feature.middles(range(LAST + 1))
    assert np.diff(middles)[0] == pytest.approx(2.0 / FINENESS, rel=1e-3)
    assert np.diff(middles)[400:] / middles[400:-1] == pytest.approx(np.full(LAST - 400, 1 / FINENESS), rel=0.02)
    assert middles[-1] == pytest.approx(feature.scale * feature.reach)
    assert feature.reach > 3e6


@pytest.mark.parametrize(
    "change", [{"name": "y"}, {"column": "y"}, {"kind": "hour"}, {"centre": 1.0}, {"scale": 2.0}, {"levels": ("a",)}]
)
def test_other_buckets_have_another_digest(change: dict[str, object]) -> None:
    feature = Feature(name="x", column="x", kind="numeric")
    assert digest([feature]) == digest([replace(feature)])
    assert digest([feature]) != digest([replace(feature, **change)])  # type: ignore[arg-type]
    assert digest([feature]) != digest([])
