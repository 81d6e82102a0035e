from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.drift.measure import measure
from ml.drift.profile import Counts, Profile, ProfileError, total
from tests.profiles import number, one_column
from tests.test_measure import AMOUNT, EACH, KIND, a_frame

# --- addition ---


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_days_add_up_to_what_both_together_give(first: int, second: int, seed: int) -> None:
    frame = a_frame(first + second, seed)
    assert measure(frame[:first], EACH) + measure(frame[first:], EACH) == measure(frame, EACH)


limits = st.none() | st.floats(-1e6, 1e6)
some_counts = st.builds(
    Counts,
    nulls=st.integers(0, 5),
    negative_infinite=st.integers(0, 5),
    positive_infinite=st.integers(0, 5),
    low=limits,
    high=limits,
    buckets=st.dictionaries(st.integers(-3, 3), st.integers(1, 9)).map(lambda found: dict(sorted(found.items()))),
)
some_profiles = st.builds(
    Profile,
    features=st.just(EACH),
    rows=st.integers(0, 100),
    counts=st.dictionaries(st.sampled_from([one.name for one in EACH]), some_counts),
    broken=st.frozensets(st.tuples(st.sampled_from(["kind", "member"]), st.sampled_from(["missing", "a column"]))),
)


@given(some_profiles, some_profiles, some_profiles)
def test_addition_goes_in_any_order(one: Profile, two: Profile, three: Profile) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three) == total([three, one, two])
    assert (one + two).rows == one.rows + two.rows
    assert (one + two).text() == (two + one).text()


@given(some_counts, some_counts)
def test_what_was_added_can_be_taken_out_again(one: Counts, two: Counts) -> None:
    rest = (one + two).without(two)
    assert (rest.buckets, rest.rows, rest.nulls) == (one.buckets, one.rows, one.nulls)
    assert (rest.negative_infinite, rest.positive_infinite) == (one.negative_infinite, one.positive_infinite)


def test_counts_of_other_buckets_are_not_added() -> None:
    one, other = (one_column(number(values), [1.0]) for values in ([1.0, 2.0], [1.0, 3.0]))
    with pytest.raises(ProfileError) as caught:
        one + other
    assert str(caught.value) == (
        "two profiles cannot be added\n"
        "  because: they were counted by different buckets\n"
        "  try: count both by the features of one baseline"
    )


# --- text ---


@given(some_profiles)
def test_a_profile_reads_back_as_it_was(profile: Profile) -> None:
    text = profile.text()
    assert Profile.read(text, EACH) == profile
    assert text.count("\n") == 1
    assert "levels" not in text


def test_a_profile_is_compact_json() -> None:
    document = json.loads(one_column(AMOUNT, [4.0, None, float("inf")]).text())
    assert document.pop("buckets_sha256")
    assert document == {
        "format": 1,
        "rows": 3,
        "broken": [],
        "counts": {
            "amount": {
                "nulls": 1,
                "negative_infinite": 0,
                "positive_infinite": 1,
                "low": 4.0,
                "high": 4.0,
                "buckets": {"0": 1},
            }
        },
    }


def test_a_profile_of_another_format_or_of_other_buckets_is_refused() -> None:
    text = one_column(AMOUNT, [4.0]).text()
    with pytest.raises(ProfileError, match="its format is 2, this code knows 1"):
        Profile.read(text.replace('"format":1', '"format":2'), [AMOUNT])
    with pytest.raises(ProfileError, match="counted by the buckets of another model version"):
        Profile.read(text, [KIND])
