from __future__ import annotations

import polars as pl
import pytest

from loopwright.contract.inference import Wishes, infer
from loopwright.contract.summary import FoundColumn, summarize


@pytest.fixture
def found(tmp_path):
    rows = 400
    frame = pl.DataFrame(
        {
            "at": pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 17, 15), "1h", eager=True),
            "who": [f"c-{i % 50:02}" for i in range(rows)],
            "size": [None if i % 4 == 0 else i * 37 % 101 / 2 for i in range(rows)],
            "plan": [("a very long\nname of a plan", "b", "c", "d", "e")[i % 5] for i in range(rows)],
            "same": ["x"] * rows,
            "bought": [i % 10 < 3 for i in range(rows)],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")
    wishes = Wishes(target="bought", time_column="at", entity="who")
    return summarize(infer(tmp_path / "table.parquet", wishes))


def test_says_what_is_predicted(found):
    assert (found.rows, found.task, found.target, found.metric) == (400, "classification", "bought", "f1")
    assert found.balance == {"false": 0.7, "true": 0.3}
    assert list(found.balance) == ["false", "true"], "the largest first"
    assert found.limit == 0.52  # always true: 2 * 0.3 / 1.3 = 0.46, and a tenth of the way from there to 1


def test_says_what_each_column_holds_and_is_used_for(found):
    assert {column.name: (column.kind, column.use) for column in found.columns} == {
        "at": ("timestamp", "time"),
        "who": ("categorical", "entity"),
        "size": ("numeric", "feature"),
        "plan": ("categorical", "feature"),
        "same": ("constant", "left out: constant: it holds one value only"),
        "bought": ("boolean", "target"),
    }
    by_name = {column.name: column for column in found.columns}
    assert by_name["size"] == FoundColumn(name="size", kind="numeric", null_share=0.25, values="0 .. 50", use="feature")
    assert by_name["at"].values == "2024-01-01 00:00 .. 2024-01-17 15:00"
    assert by_name["plan"].values == "a very long nam… 20%, b 20%, c 20%, d 20%, 1 more"
    assert by_name["bought"].values == "false 70%, true 30%"
