from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.drift.buckets import OTHER, Feature
from ml.drift.cells import cells, groups, unseen
from ml.drift.profile import Counts

NUMBER = Feature(name="x", column="x", kind="numeric")
CATEGORY = Feature(name="x", column="x", kind="categorical", levels=tuple("abcdefgh"))


def of(buckets: dict[int, int], **apart: int) -> Counts:
    return Counts(buckets=buckets, **apart)  # type: ignore[arg-type]


def in_cells(feature: Feature, baseline: Counts, current: Counts, most: int = 4) -> tuple[list[float], list[float]]:
    p, q = cells(feature, baseline, current, most)
    return p.tolist(), q.tolist()


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, 4), (149, 4), (199, 4), (200, 5), (949, 19), (950, 20), (1_000_000, 20)]
)
def test_more_rows_fill_more_groups(rows: int, expected: int) -> None:
    assert groups(rows) == expected


def test_groups_have_about_the_same_share_of_the_baseline() -> None:
    baseline = of(dict.fromkeys(range(-50, 50), 10))
    assert in_cells(NUMBER, baseline, of({-50: 1, 0: 2, 49: 3})) == ([250.0] * 4, [1.0, 0.0, 2.0, 3.0])


def test_equal_values_stay_together_and_a_full_bucket_is_alone() -> None:
    baseline = of({0: 97, 1: 1, 2: 1, 3: 1})
    assert in_cells(NUMBER, baseline, of({0: 5, 2: 4}), 20) == ([97.0, 3.0], [5.0, 4.0])
    assert in_cells(NUMBER, of({0: 30, 1: 30, 2: 40}), of({1: 1}), 20) == ([30.0, 30.0, 40.0], [0.0, 1.0, 0.0])


def test_what_the_baseline_never_had_is_apart() -> None:
    """Without it, half the rows at 1 that become 7 would stay in the topmost group."""
    baseline = of({0: 50, 10: 50})
    assert in_cells(NUMBER, baseline, of({0: 50, 70: 50})) == ([50.0, 50.0, 0.0], [50.0, 0.0, 50.0])
    around = of({-3: 7, 5: 9, 11: 8})
    assert in_cells(NUMBER, baseline, around) == ([50.0, 0.0, 50.0, 0.0, 0.0], [0.0, 9.0, 0.0, 7.0, 8.0])


def test_null_and_the_infinities_are_apart() -> None:
    baseline = of({0: 10}, nulls=5)
    current = of({0: 10}, nulls=6, negative_infinite=7, positive_infinite=8)
    assert in_cells(NUMBER, baseline, current) == ([10.0, 0.0, 0.0, 5.0], [10.0, 7.0, 8.0, 6.0])
    assert in_cells(NUMBER, current, of({0: 30})) == ([10.0, 7.0, 8.0, 6.0], [30.0, 0.0, 0.0, 0.0])


def test_rare_levels_share_a_group_and_new_ones_do_not_join_it() -> None:
    baseline = of({0: 2, 1: 96, 2: 1, 3: 1, OTHER: 6})
    current = of({1: 5, 2: 6, 4: 7, OTHER: 8})
    assert in_cells(CATEGORY, baseline, current) == ([96.0, 4.0, 0.0, 6.0], [5.0, 6.0, 7.0, 8.0])


def test_few_rows_are_no_cell_of_their_own() -> None:
    baseline = of({0: 50, 10: 50}, nulls=1)
    strays = of({-9: 1, 0: 50, 10: 50, 99: 4}, nulls=2, negative_infinite=3, positive_infinite=1)
    assert in_cells(NUMBER, baseline, strays) == ([50.0, 51.0], [54.0, 57.0])
    assert in_cells(CATEGORY, of({0: 90, 1: 60}), of({0: 9, 1: 5, 2: 1, OTHER: 4})) == ([90.0, 60.0], [9.0, 10.0])
    assert in_cells(NUMBER, baseline, of({0: 5, 10: 5, 99: 5})) == ([50.0, 51.0, 0.0], [5.0, 5.0, 5.0])


def test_rows_that_were_to_be_expected_are_a_cell_though_none_is_there() -> None:
    assert in_cells(NUMBER, of({0: 90}, nulls=10), of({0: 50})) == ([90.0, 10.0], [50.0, 0.0])
    assert in_cells(NUMBER, of({0: 90}, nulls=10), of({0: 40})) == ([100.0], [40.0])


def test_a_bucket_of_minus_one_is_a_number_like_others() -> None:
    assert in_cells(NUMBER, of({-1: 10, 1: 10}), of({-1: 3}), 4) == ([10.0, 10.0], [3.0, 0.0])


def test_a_baseline_without_values_has_only_what_is_apart() -> None:
    assert in_cells(NUMBER, of({}, nulls=9), of({0: 2, 5: 1})) == ([0.0, 9.0], [3.0, 0.0])
    assert unseen(NUMBER, of({}, nulls=9), of({0: 2, 5: 1})) == 3


def test_unseen_values() -> None:
    baseline = of({0: 5, 4: 5, OTHER: 2})
    assert unseen(CATEGORY, baseline, of({0: 1, 1: 2, 4: 4, OTHER: 8})) == 10
    assert unseen(NUMBER, of({0: 5, 4: 5}), of({-1: 1, 0: 2, 2: 4, 5: 8}, nulls=16, positive_infinite=32)) == 9


some = st.builds(
    Counts,
    nulls=st.integers(0, 9),
    negative_infinite=st.integers(0, 9),
    positive_infinite=st.integers(0, 9),
    buckets=st.dictionaries(st.integers(-1, 7), st.integers(1, 99)),
)


@given(st.sampled_from([NUMBER, CATEGORY]), some, some, st.integers(4, 20))
def test_every_row_is_in_one_cell(feature: Feature, baseline: Counts, current: Counts, most: int) -> None:
    p, q = cells(feature, baseline, current, most)
    assert (p.sum(), q.sum()) == (baseline.rows, current.rows)
    assert (p + q > 0).all()
    assert len(p) == len(q) <= most + 6
