"""What is more likely a fault than drift ends the job loudly and blocks retraining: each kind of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from ml import contract as contracts
from ml.frames import kind, pl_type
from ml.schema import SCHEMA
from ml.watch.volume import FEWEST
from ml.window import Window, alike
from tests.sample import sample
from tests.watched import EVERY, FIRST, Watch, complete, enough

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = contracts.load().quality.max_broken
APART = {contracts.load().target, contracts.load().entity, contracts.load().time_column}


def column(of_kind: str | None = None, *, nullable: bool = False) -> str | None:
    """Return an input of a kind."""
    found = [
        name
        for name, one in SCHEMA.columns.items()
        if name not in APART and kind(one) in ({of_kind} if of_kind else {"numeric", "categorical", "boolean"})
    ]
    return next((name for name in found if SCHEMA.columns[name].nullable or not nullable), None)


def nulls(name: str, share: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    hidden = pl.int_range(pl.len()) < share * pl.len()
    return lambda frame: frame.with_columns(pl.when(~hidden).then(pl.col(name)).alias(name))


def new_levels(name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    new, code = pl.int_range(pl.len()) % 5 == 0, pl_type(SCHEMA.columns[name]).is_integer()
    unseen = pl.lit(101) if code else pl.lit("never seen")
    return lambda frame: frame.with_columns(pl.when(new).then(unseen).otherwise(pl.col(name)).alias(name))


EMPTY, LEVEL = column(nullable=True), column("categorical")
BREAKS: dict[str, Any] = {
    "all null": nulls(EMPTY, 1.0) if EMPTY else None,
    "nulls": nulls(EMPTY, 0.5) if EMPTY else None,
    "new levels": new_levels(LEVEL) if LEVEL else None,
}


@pytest.mark.parametrize("reason", BREAKS)
def test_an_input_that_breaks_breaks_the_window(watch: Watch, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    if BREAKS[reason] is None:
        pytest.skip("the data contract has no such column")
    watch.ask(BREAKS[reason](sample(900, seed=2).head(2 * enough())), FIRST)
    found = watch.run(complete(FIRST))
    assert reason in {why for _, why in found["drift"]["inputs"]["breaks"]}
    assert found["metrics"]["BrokenShare"] == 1 > LIMIT
    assert watch.code == 1
    assert reason in capsys.readouterr().err


def test_a_column_that_no_longer_comes_breaks_the_window(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    name = column()
    monkeypatch.setattr(SCHEMA, "columns", {key: one for key, one in SCHEMA.columns.items() if key != name})
    watch.ask(sample(900, seed=2).head(enough()), FIRST)
    found = watch.run(complete(FIRST))
    assert [name, "missing"] in found["drift"]["inputs"]["breaks"]
    assert found["metrics"]["BrokenShare"] == 1
    assert watch.code == 1


def test_rows_that_the_contract_refuses_count_by_their_share(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.ask(sample(900, seed=2).head(3), FIRST)
    watch.write(FIRST, ["no request at all"])
    found = watch.run(complete(FIRST))
    assert found["metrics"]["BrokenShare"] == 0.25
    assert watch.code == 1
    what, because, attempt = capsys.readouterr().err.splitlines()
    assert what == f"error: 25.0% of the window's data is broken, and loop.yaml allows {LIMIT:.1%}"
    assert because == "  because: 1 rows: the line is not JSON"
    assert "quarantine.jsonl" in attempt


def window(number: int) -> Window:
    return Window(start=FIRST + number * EVERY, end=FIRST + (number + 1) * EVERY)


@pytest.mark.parametrize(("rows", "broken"), [(2, True), (3, False)])
@pytest.mark.parametrize("weeks", [FEWEST - 1, FEWEST])
def test_far_fewer_rows_than_on_such_a_day_break_the_window(
    watch: Watch, weeks: int, rows: int, *, broken: bool
) -> None:
    for earlier in reversed(alike(window(0), weeks)):
        watch.ask(sample(900, seed=2).head(10), earlier.start)
        watch.run(complete(earlier.start))
    watch.ask(sample(900, seed=2).head(rows), FIRST)
    found = watch.run(complete(FIRST))
    known = weeks >= FEWEST
    assert found["volume"]["usual"] == (10 if known else None)
    assert found["metrics"]["BrokenShare"] == (1 if broken and known else 0)
    assert watch.code == (1 if broken and known else 0)


def test_silence_where_rows_are_usual_is_a_break(watch: Watch) -> None:
    for earlier in reversed(alike(window(0), FEWEST)):
        watch.ask(sample(900, seed=2).head(10), earlier.start)
        watch.run(complete(earlier.start))
    found = watch.run(complete(FIRST))
    assert found["metrics"]["BrokenShare"] == 1
    assert found["breaks"] == ["0 rows, where 10 are usual"]
