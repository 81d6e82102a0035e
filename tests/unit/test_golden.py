from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import polars as pl
import pytest

from loopwright.contract.golden import write_golden
from loopwright.contract.inference import Wishes, infer

ROWS = 4_000


@pytest.fixture
def golden(tmp_path):
    """Write the golden rows of a frame; return the report and the rows."""

    def call(frame, **wishes):
        history, destination = tmp_path / "history.parquet", tmp_path / "golden.parquet"
        frame.write_parquet(history)
        report = write_golden(history, destination, infer(history, Wishes(target="y", **wishes)))
        assert report.sha256 == hashlib.sha256(destination.read_bytes()).hexdigest()
        rows = pl.read_parquet(destination)
        assert report.rows == len(rows)
        return report, rows

    return call


def frame(rows=ROWS, entities=400):
    return pl.DataFrame(
        {
            "t": [datetime.fromisoformat("2024-01-01") + timedelta(hours=i) for i in range(rows)],
            "who": [f"c{i * 7 % entities}" for i in range(rows)],
            "x": [i * 31 % 997 / 7 for i in range(rows)],
            "y": [i % 3 == 0 if i % 10 else None for i in range(rows)],
        }
    )


@pytest.mark.parametrize("entity", [None, "who"])
def test_few_rows_with_a_known_target_sorted_by_time(golden, entity):
    report, rows = golden(frame(), time_column="t", entity=entity)
    assert 150 <= report.rows <= 180  # 5 % of the 3600 that are known
    assert rows["y"].null_count() == 0
    assert rows["t"].is_sorted()
    assert rows.join(frame(), on=rows.columns).height == report.rows


def test_at_most_a_thousand_rows(golden):
    assert golden(frame(60_000, 6_000), entity="who")[0].rows in range(950, 1_001)
    assert golden(frame(60_000))[0].rows == 1_000


def test_many_entities_give_few_rows_each(golden):
    panel = frame(60_000, 600)
    report, rows = golden(panel, entity="who")
    assert report.rows in range(950, 1_001)
    assert rows["who"].n_unique() >= 25  # 5 % of them; whole entities would be ten
    apart = panel.filter(pl.col("who").is_in(rows["who"].unique().to_list()))
    assert apart.height <= 0.06 * panel.height


@pytest.mark.parametrize("wishes", [{}, {"time_column": "t"}, {"time_column": "t", "entity": "who"}])
def test_the_same_rows_in_any_order_give_the_same_bytes(golden, wishes):
    first, _ = golden(frame(), **wishes)
    again, _ = golden(frame().sample(fraction=1, shuffle=True, seed=1), **wishes)
    assert first == again


def test_new_rows_move_few_entities(golden):
    _, before = golden(frame(), entity="who")
    _, after = golden(frame(ROWS + 200), entity="who")
    kept = set(before["who"]) & set(after["who"])
    assert len(kept) >= 0.8 * before["who"].n_unique()


def test_the_choice_has_nothing_to_do_with_the_data(golden):
    _, rows = golden(frame(60_000))
    assert rows["x"].mean() == pytest.approx(frame(60_000)["x"].mean(), rel=0.1)
    assert rows["y"].mean() == pytest.approx(frame(60_000)["y"].mean(), abs=0.06)


def test_a_few_giants_are_passed_over(golden):
    giants = frame().with_columns(
        pl.when(pl.int_range(pl.len()) < 3000).then(pl.lit("giant")).otherwise("who").alias("who")
    )
    _, rows = golden(giants, entity="who")
    assert rows.height > 100
    assert "giant" not in rows["who"]


def test_rows_that_repeat_are_all_golden_or_none(golden):
    repeated = pl.concat([frame(), frame()])
    report, rows = golden(repeated)
    assert report.rows == 2 * rows.unique().height


def test_a_handful_of_rows_gives_one(golden):
    small = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]})
    assert golden(small)[0].rows == 1
    alike = pl.DataFrame({"x": [1, 2, 3, 4] * 25, "y": ["a", "b", "b", "a"] * 25})
    assert golden(alike, keep=("x",))[0].rows == 1
