from __future__ import annotations

import numpy as np
import pytest

from ml.drift.buckets import OTHER, Feature
from ml.drift.cells import cells
from ml.drift.compare import SHOWN, compare
from ml.drift.profile import Counts
from ml.drift.shares import shares
from tests.profiles import counts, number, numbers, reference

WHOLE = Counts(buckets={0: 50, 1: 30, 2: 20})


def test_numbers_are_named_by_their_range_and_the_ends_stay_open() -> None:
    values = np.arange(1000.0)
    feature = number(values)
    found = shares(feature, counts(feature, values), counts(feature, values[:250]), 4)
    assert [label.split()[0] for label in found["labels"]] == [
        "up",
        found["labels"][1].split()[0],
        found["labels"][2].split()[0],
        "from",
    ]
    assert " to " in found["labels"][1]
    assert float(found["labels"][0].split()[-1]) == pytest.approx(250, abs=20)
    assert float(found["labels"][-1].split()[-1]) == pytest.approx(750, abs=20)
    assert found["baseline"] == pytest.approx([0.25] * 4, abs=0.02)
    assert found["current"] == pytest.approx([1, 0, 0, 0], abs=0.02)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 0.4, 1.0], ["up to 0", "0.4", "from 0.99"]),
        ([0.0, 0.9, 1.0], ["up to 0", "0.9", "from 1"]),
        ([-1.0, -0.001, 1.0], ["up to -0.99", "0", "from 0.99"]),
        ([-1e-9, 0.0, 1e-9], ["up to -9.9e-10", "0", "from 9.9e-10"]),
        ([3e6, 7e6, 9e6], ["up to 3000000", "7000000", "from 9000000"]),
        ([0.0, 9e307, 1.797e308], ["up to 1.22e+306", "9e+307", "from 1.79e+308"]),
        ([0.0, 1e-320, 2e-320], ["up to 1.19e-322", "1e-320", "from 1.99e-320"]),
    ],
)
def test_a_number_is_as_exact_as_its_bucket_and_never_beyond_the_values(values: list[float], labels: list[str]) -> None:
    feature = number(np.repeat(values, 200))
    found = counts(feature, np.repeat(values, 200))
    assert shares(feature, found, found, 4)["labels"] == labels


def test_what_is_apart_has_its_place() -> None:
    feature = Feature(name="x", column="x", kind="numeric")
    current = Counts(
        nulls=10, negative_infinite=10, positive_infinite=10, low=-1, high=9, buckets={-64: 10, 0: 10, 300: 10}
    )
    found = shares(feature, Counts(low=0, high=0, buckets={0: 60}), current, 4)
    assert found["labels"] == ["-inf", "below the baseline", "0", "above the baseline", "+inf", "null"]
    assert found["current"] == pytest.approx([1 / 6] * 6, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "levels", "labels"),
    [
        ("categorical", ("a", "b", "c"), ["a", "b", "c"]),
        ("boolean", (), ["false", "true", "not in the baseline"]),
        ("hour", (), ["0 h", "1 h", "2 h"]),
        ("weekday", (), ["Monday", "Tuesday", "Wednesday"]),
    ],
)
def test_other_kinds_are_named_as_people_call_them(kind: str, levels: tuple[str, ...], labels: list[str]) -> None:
    feature = Feature(name="x", column="x", kind=kind, levels=levels)  # type: ignore[arg-type]
    baseline = Counts(buckets={0: 50, 1: 50}) if kind == "boolean" else WHOLE
    assert shares(feature, baseline, WHOLE, 20)["labels"] == labels


@pytest.mark.parametrize(
    ("buckets", "labels"),
    [
        ({0: 98, 1: 4, 2: 9, OTHER: 9}, ["often", "2 levels", "other levels"]),
        ({0: 98, 1: 5, 2: 9, OTHER: 9}, ["often", "two, one", "other levels"]),
        ({0: 98, 1: 5, 2: 9, 3: 9, 4: 9}, ["often", "4 levels"]),
    ],
)
def test_rare_levels_are_not_quoted(buckets: dict[int, int], labels: list[str]) -> None:
    levels = ("often", "one", "two", "three", "four")
    feature = Feature(name="x", column="x", kind="categorical", levels=levels)
    assert shares(feature, Counts(buckets=buckets), Counts(buckets=buckets), 4)["labels"] == labels


def test_they_are_the_cells_that_are_compared() -> None:
    random = np.random.default_rng(4)
    before, after = random.normal(size=2000), random.normal(0.5, 2, 500)
    after[:40] = np.nan
    feature = number(before)
    both = counts(feature, before), counts(feature, after)
    found, (p, q) = shares(feature, *both, 11), cells(feature, *both, 11)
    assert sorted(found["baseline"]) == pytest.approx(sorted(p / 2000), abs=1e-6)
    assert sorted(found["current"]) == pytest.approx(sorted(q / 500), abs=1e-6)


def test_a_report_holds_them_for_the_features_that_moved_furthest() -> None:
    random = np.random.default_rng(6)
    features = [number(random.normal(size=500), f"x{place:02d}") for place in range(SHOWN + 5)]
    before, after = random.normal(size=(500, SHOWN + 5)), random.normal(size=(500, SHOWN + 5))
    after += np.linspace(0, 3, SHOWN + 5)
    document = compare(reference(numbers(features, before)), numbers(features, after)).document()
    shown = [each["name"] for each in document["features"] if each["cells"]]
    assert shown == [each["name"] for each in document["features"][:SHOWN]]
    assert all(len(each["cells"]["labels"]) <= 20 for each in document["features"][:SHOWN])
