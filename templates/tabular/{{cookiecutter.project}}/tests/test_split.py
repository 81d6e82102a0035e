from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.split import LAST_KNOWN, Keys, SplitError, labelled, split, window, with_last_known, without
from tests.stages import START, a_contract, a_frame

if TYPE_CHECKING:
    from ml.split import Parts

DAY = timedelta(days=1)


def keys(time: str | None = "at", entity: str | None = "who", delay: timedelta = 2 * DAY) -> Keys:
    return Keys(target="y", time=time, entity=entity, delay=delay)


def table(days: list[float], who: list[str | None] | None = None, y: list[int | None] | None = None) -> pl.DataFrame:
    """Make rows at these days after the start."""
    times = pl.Series([START + day * DAY for day in days], dtype=pl.Datetime("us"))
    of = pl.Series(who if who is not None else ["p"] * len(days), dtype=pl.String)
    return pl.DataFrame({"row": range(len(days)), "at": times, "who": of, "y": y or [1] * len(days)})


def test_the_keys_come_from_the_contract() -> None:
    assert Keys.of(a_contract()) == Keys(target="bought", time="at", entity="who", delay=2 * DAY)
    made = Keys.of(a_contract(time_column=None, entity=None, quality__label_delay_days=0.5))
    assert made == Keys(target="bought", time=None, entity=None, delay=timedelta(hours=12))


# --- labelled, without, window ---


def test_labels_count_from_the_moment_they_landed() -> None:
    frame = table([0, 1, 2, 3], y=[1, None, 1, 1])
    assert labelled(frame, keys(), None)["row"].to_list() == [0, 2, 3]
    assert labelled(frame, keys(), START + 4 * DAY)["row"].to_list() == [0, 2]
    assert labelled(frame, keys(), START + 4 * DAY - timedelta(seconds=1))["row"].to_list() == [0]
    assert labelled(frame, keys(delay=timedelta()), START + 2 * DAY)["row"].to_list() == [0, 2]
    assert labelled(frame, keys(time=None), START)["row"].to_list() == [0, 2, 3]


def test_rows_are_taken_out_with_all_of_their_entity() -> None:
    frame = table([0, 1, 2, 3], who=["a", "b", None, "a"])
    assert without(frame, frame[[0]], keys())["row"].to_list() == [1, 2]
    assert without(frame, frame[[2]], keys())["row"].to_list() == [0, 1, 2, 3]
    assert without(frame, frame.clear(), keys()).equals(frame)


def test_rows_are_taken_out_by_equality_where_there_is_no_entity() -> None:
    frame = table([0, 1, 2, 3], who=["a", "b", None, "a"])
    assert without(frame, frame[[0, 2]], keys(entity=None))["row"].to_list() == [1, 3]
    assert without(frame, frame[[0]].with_columns(y=2), keys(entity=None)).height == 4


def test_a_window_keeps_the_newest_days() -> None:
    frame = table([0, 1.5, 2, 2.5, 4.5])
    assert window(frame, keys(), 3)["row"].to_list() == [2, 3, 4]
    assert window(frame, keys(), 2)["row"].to_list() == [4]
    assert window(frame, keys(), None).equals(frame)
    assert window(frame, keys(time=None), 1).equals(frame)
    assert window(frame.clear(), keys(), 1).is_empty()


# --- split ---


def cut_at(frame: pl.DataFrame, keys: Keys, *, share: float = 0.3, entity_share: float = 0.5, seed: int = 1) -> Parts:
    return split(frame, keys, share=share, entity_share=entity_share, seed=seed)


def test_the_newest_rows_judge_and_those_of_the_delay_before_them_are_left_out() -> None:
    parts = cut_at(table([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), keys(entity=None))
    assert parts.cut == START + 7 * DAY
    assert parts.later["row"].to_list() == [7, 8, 9]
    assert parts.earlier["row"].to_list() == [0, 1, 2, 3, 4]


def test_no_delay_leaves_nothing_out() -> None:
    parts = cut_at(table([0, 1, 2, 3]), keys(entity=None, delay=timedelta()), share=0.5)
    assert parts.earlier["row"].to_list() == [0, 1]
    assert parts.later["row"].to_list() == [2, 3]


def test_one_moment_is_on_one_side() -> None:
    parts = cut_at(table([0, 5, 5, 5, 5, 5]), keys(entity=None))
    assert parts.cut == START + 5 * DAY
    assert parts.earlier["row"].to_list() == [0]
    assert parts.later["row"].to_list() == [1, 2, 3, 4, 5]


def test_the_least_share_is_the_newest_moment() -> None:
    parts = cut_at(table([0, 1, 2, 9]), keys(entity=None), share=1e-20)
    assert parts.later["row"].to_list() == [3]


def test_rows_without_an_entity_are_learned_from() -> None:
    frame = table([0.0, 1.0, 2.0, 3.0] * 10, who=[None, "a", "b", "c"] * 10)
    parts = cut_at(frame, keys(time=None), share=0.5, seed=5)
    assert parts.earlier["who"].null_count() == 10
    assert parts.later["who"].null_count() == 0
    assert parts.cut is None


def test_entities_are_chosen_by_this_hash_for_good() -> None:
    """Another hash would move entities between the sides of every repository."""
    names = [f"p{index}" for index in range(12)]
    frame = table([0.0] * 12, who=names)
    assert cut_at(frame, keys(time=None), share=0.5, seed=7).later["who"].to_list() == [
        "p0",
        "p6",
        "p7",
        "p9",
        "p10",
        "p11",
    ]
    assert cut_at(frame, keys(time=None), share=0.5, seed=8).later["who"].to_list() == [
        "p1",
        "p3",
        "p5",
        "p6",
        "p7",
        "p10",
    ]


def test_rows_are_drawn_by_the_seed_where_there_are_no_keys() -> None:
    frame = table([0.0] * 10)
    parts = cut_at(frame, keys(time=None, entity=None), share=0.34, seed=7)
    drawn = np.random.default_rng(7).permutation(10) < 3
    assert parts.later["row"].to_list() == np.flatnonzero(drawn).tolist()
    assert parts.earlier["row"].to_list() == np.flatnonzero(~drawn).tolist()
    assert cut_at(frame, keys(time=None, entity=None), share=0.36).later.height == 4


@pytest.mark.parametrize(
    ("frame", "by", "sides", "late"),
    [
        (table([0, 1, 2, 3]), keys(entity=None, delay=9 * DAY), (0, 3), ", and labels land 9 days late"),
        (table([0, 1, 2, 3]), keys(delay=timedelta()), (0, 3), ""),
        (table([0, 1, 2, 3]), keys(time=None, delay=9 * DAY), (0, 4), ""),
        (table([0.0]), keys(time=None, entity=None), (0, 1), ""),
    ],
)
def test_an_empty_side_is_refused(frame: pl.DataFrame, by: Keys, sides: tuple[int, int], late: str) -> None:
    with pytest.raises(SplitError) as caught:
        cut_at(frame, by, share=0.5001, entity_share=0.999999, seed=1)
    assert str(caught.value) == (
        "the data cannot be split\n"
        f"  because: of {frame.height} labelled rows {sides[0]} are left to learn from and {sides[1]} to judge{late}\n"
        "  try: bring more data, or lower quality.label_delay_days in loop.yaml or the shares in params.yaml"
    )


ROWS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["a", "b", "c", "d", "e", "f", "g", None])), min_size=2, max_size=40
)
KEYS = st.builds(
    keys,
    time=st.sampled_from(["at", None]),
    entity=st.sampled_from(["who", None]),
    delay=st.sampled_from([timedelta(), timedelta(hours=30), 5 * DAY]),
)
SHARES = st.floats(0.05, 0.95)


def attempted(frame: pl.DataFrame, by: Keys, share: float, entity_share: float, seed: int) -> Parts | None:
    try:
        return split(frame, by, share=share, entity_share=entity_share, seed=seed)
    except SplitError:
        return None


@settings(deadline=None)
@given(ROWS, KEYS, SHARES, SHARES, st.integers(0, 9))
def test_the_sides_share_nothing(rows: list[Any], by: Keys, share: float, entity_share: float, seed: int) -> None:
    frame = table([day for day, _ in rows], who=[who for _, who in rows])
    parts = attempted(frame, by, share, entity_share, seed)
    if parts is None:
        return
    assert not set(parts.earlier["row"]) & set(parts.later["row"])
    assert (parts.cut is None) == (by.time is None)
    if by.entity:
        assert not set(parts.earlier["who"]) & set(parts.later["who"])
    if by.time:
        assert (parts.earlier["at"] + by.delay).max() < parts.cut <= parts.later["at"].min()  # type: ignore[operator]
        before = sum(START + day * DAY < parts.cut for day, _ in rows)
        assert before <= len(rows) * (1 - share)
    else:
        assert parts.earlier.height + parts.later.height == frame.height


@settings(deadline=None)
@given(ROWS, KEYS, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[Any], by: Keys, share: float, random: Any) -> None:
    assume(by.time or by.entity)
    frame = table([day for day, _ in rows], who=[who for _, who in rows])
    order = random.sample(range(frame.height), frame.height)
    parts, mixed = attempted(frame, by, share, 0.5, 1), attempted(frame[order], by, share, 0.5, 1)
    if parts is None or mixed is None:
        assert parts is mixed
        return
    assert parts.cut == mixed.cut
    assert set(parts.earlier["row"]) == set(mixed.earlier["row"])
    assert set(parts.later["row"]) == set(mixed.later["row"])


def test_a_new_entity_moves_no_other() -> None:
    names = [f"p{index}" for index in range(200)]
    few = cut_at(table([0.0] * 100, who=names[:100]), keys(time=None))  # type: ignore[arg-type]
    more = cut_at(table([0.0] * 200, who=names), keys(time=None))  # type: ignore[arg-type]
    assert set(few.later["who"]) == set(more.later["who"]) & set(names[:100])
    assert more.later.height == pytest.approx(60, abs=20)


# --- with_last_known ---


def brute_force(frame: pl.DataFrame, history: pl.DataFrame, by: Keys) -> list[set[int | None]]:
    """Return for each row the labels that may stand beside it: those of the newest moment that was known."""
    found: list[set[int | None]] = []
    for row in frame.iter_rows(named=True):
        known = [
            other
            for other in history.iter_rows(named=True)
            if other["y"] is not None
            and (other["at"] + by.delay <= row["at"] if by.delay else other["at"] < row["at"])
            and (by.entity is None or (other["who"] == row["who"] and row["who"] is not None))
        ]
        newest = max((other["at"] for other in known), default=None)
        found.append({other["y"] for other in known if other["at"] == newest} or {None})
    return found


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 99))),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["who", None]),
    st.sampled_from([timedelta(), timedelta(hours=36), 2 * DAY]),
)
def test_the_last_known_label_is_the_newest_that_had_landed(
    rows: list[tuple[int, str | None, int | None]], entity: str | None, delay: timedelta
) -> None:
    frame = table([day for day, *_ in rows], who=[who for _, who, _ in rows])
    frame = frame.with_columns(y=pl.Series([label for *_, label in rows], dtype=pl.Int64))
    by = keys(entity=entity, delay=delay)
    made = with_last_known(frame.head(6), frame, by)
    assert made.drop(LAST_KNOWN).equals(frame.head(6))
    for value, allowed in zip(made[LAST_KNOWN], brute_force(frame.head(6), frame, by), strict=True):
        assert value in allowed


def test_without_times_nothing_is_known() -> None:
    frame = table([0, 1])
    made = with_last_known(frame, frame, keys(time=None))
    assert made[LAST_KNOWN].to_list() == [None, None]
    assert made.schema[LAST_KNOWN] == frame.schema["y"]
    assert LAST_KNOWN == "__last_known__"


def test_a_day_column_can_be_split_too() -> None:
    frame = a_frame(40).with_columns(pl.col("at").dt.date())
    parts = split(frame, Keys.of(a_contract(entity=None)), share=0.5, entity_share=0.5, seed=1)
    assert parts.cut == datetime(2025, 1, 6).date()  # noqa: DTZ001
    assert (parts.earlier["at"].max(), parts.later["at"].min()) == (parts.cut - 3 * DAY, parts.cut)
