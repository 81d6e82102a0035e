"""The loss matrix: models learn what had landed, nothing is trained twice, and what cannot be backtested says why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from ml import contract as contracts
from ml.backtest import kept, matrix, models
from ml.backtest.days import FACTS, Grid, GridError
from ml.backtest.history import DAY, HistoryError, arranged
from ml.backtest.models import Bench
from ml.backtest.page import page
from ml.challengers import answered
from ml.features import features
from ml.frames import columns, pl_type
from ml.schema import SCHEMA
from ml.train import trained
from tests.sample import sample

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = contracts.load().model_copy(update={"gates": contracts.load().gates.model_copy(update={"golden": None})})
TIME, TARGET, DELAY = str(CONTRACT.time_column), CONTRACT.target, timedelta(days=CONTRACT.quality.label_delay_days)
A_DAY = 1 if CONTRACT.time_column and pl_type(SCHEMA.columns[TIME]) == pl.Date else 12
"""Rows that the sample has of a day."""
WINDOW = 360 // A_DAY + 2 * DELAY.days
FULL = WINDOW + DELAY.days + 20
"""A day at which a window is full."""
DAYS = FULL + 100
GRID = Grid(begin=FULL, every=20, windows=(WINDOW,), days=FULL + 42)

pytestmark = pytest.mark.skipif(CONTRACT.time_column is None, reason="rows without a time have no past")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Return labelled rows of `DAYS` days."""
    return sample(A_DAY * DAYS, seed=3).drop_nulls([TARGET, TIME]).sort(TIME)


def bench(rows: pl.DataFrame, folder: Path) -> Bench:
    folder.mkdir()
    rows.write_parquet(folder / "history.parquet")
    arranged(folder / "history.parquet", folder, CONTRACT)
    return replace(Bench.open(folder), contract=CONTRACT)


def turned(rows: pl.DataFrame, chosen: pl.Expr) -> pl.DataFrame:
    """Give the rows that are chosen each other's labels, in reverse."""
    return rows.with_columns(pl.when(chosen).then(pl.col(TARGET).reverse()).otherwise(pl.col(TARGET)).alias(TARGET))


def test_a_model_knows_no_label_that_had_not_landed(rows: pl.DataFrame, tmp_path: Path) -> None:
    one = bench(rows, tmp_path / "sound")
    landed = one.days.end(FULL) - DELAY
    (sound,) = one.models(FULL, [WINDOW])
    late, early = (
        bench(turned(rows, chosen), tmp_path / name).models(FULL, [WINDOW])[0]
        for name, chosen in (("late", pl.col(TIME) >= landed), ("early", pl.col(TIME) < landed))
    )
    assert (late["rows"], late["quality"]) == (sound["rows"], sound["quality"])
    assert late["loss"] != sound["loss"]
    assert early["quality"] != sound["quality"]


def test_a_loss_is_that_of_the_projects_own_model_on_that_day(rows: pl.DataFrame, tmp_path: Path) -> None:
    one = bench(rows, tmp_path / "one")
    (found,) = one.models(FULL, [WINDOW])
    known = rows.filter(pl.col(TIME) < one.days.end(FULL) - DELAY)
    window = known.filter(pl.col(TIME) > known[TIME].max() - timedelta(days=WINDOW))  # type: ignore[operator]
    made = trained(window, CONTRACT, one.how)
    day = FULL + 3
    later = one.judges.filter(pl.col(DAY) == day)
    loss = answered(made, features(columns(later, made.inputs)), later[TARGET], CONTRACT)
    assert found["rows"] == window.height
    assert found["loss"][2] == pytest.approx(loss.mean(), rel=1e-5)
    assert len(found["loss"]) == len(one.days.counts) - FULL - 1
    assert None not in found["loss"]
    if len(loss) > 1:
        assert found["spread"][2] == pytest.approx(np.std(loss, ddof=1), rel=1e-4)


def test_windows_of_the_same_rows_are_one_model(
    rows: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, made = bench(rows, tmp_path / "one"), []
    monkeypatch.setattr(models, "trained", lambda *given: made.append(given) or trained(*given))
    first, second = one.models(FULL, [5 * DAYS, 10 * DAYS])
    assert len(made) == 1
    assert first | {"window": 0} == second | {"window": 0}
    assert [each["window"] for each in one.models(0, [WINDOW])] == [WINDOW], "before any label has landed"


def made(data: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    matrix.made(CONTRACT, data, [WINDOW], every=20, jobs=1)
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_no_model_is_trained_twice(
    rows: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    data = tmp_path / "history.parquet"
    rows.write_parquet(data)
    monkeypatch.setattr(matrix, "laid", lambda *_, **__: GRID)
    first = made(data, capsys)
    path = tmp_path / first["models"]
    whole = path.read_bytes()
    assert first["trained"] == 3
    path.write_bytes(whole[:-20])
    assert made(data, capsys)["trained"] == 1, "an interrupted run goes on"
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert made(data, capsys)["trained"] == 0
    turned(rows, pl.lit(value=True)).write_parquet(data)
    assert made(data, capsys)["trained"] == 3, "other data"


def test_what_cannot_be_backtested_says_why(
    rows: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    data = tmp_path / "history.parquet"
    rows.with_columns(pl.lit(rows[TARGET][0]).alias(TARGET)).write_parquet(data)
    with pytest.raises(HistoryError, match="nothing to learn"):
        matrix.made(CONTRACT, data, [WINDOW], every=7, jobs=1)
    assert not list((tmp_path / "kept").rglob(FACTS))
    data.write_text("a,b")
    with pytest.raises(HistoryError, match="cannot be read"):
        matrix.made(CONTRACT, data, [WINDOW], every=7, jobs=1)
    rows.drop(TARGET).write_parquet(data)
    with pytest.raises(HistoryError, match="other columns"):
        matrix.made(CONTRACT, data, [WINDOW], every=7, jobs=1)
    rows.head(200).write_parquet(data)
    with pytest.raises(GridError, match="too short"):
        matrix.made(CONTRACT, data, [WINDOW], every=7, jobs=1)
    timeless = CONTRACT.model_copy(update={"time_column": None})
    monkeypatch.setattr(contracts, "load", lambda: timeless)
    with pytest.raises(matrix.MatrixError, match="no time_column"):
        matrix.main([])


def test_the_page_is_whole_and_escapes() -> None:
    mean = {"value": 0.1, "error": None}
    figures = {"loss": 0.5, "retrainings": 1, "probes": 0, "above": 0.02, "cost": 0.5, "usd_a_month": None}
    both = {"first": figures, "second": figures}
    document = {
        "project": "<b>shop</b>",
        "loss": "log_loss",
        "sentences": ["history", "stale", "Proposal: <none>"],
        "cost": {"value_of_loss_usd": None},
        "staleness": {"ages": [7, 14], "halves": [{"excess": [mean, {"value": None, "error": None}]}] * 2},
        "windows": [{"days": 30, **{half: {"loss": 0.5, "behind": mean} for half in ("first", "second")}}],
        "interval": 7,
        "policies": [
            {"name": "never", "kind": "never", "interval": None, **both},
            *({"name": f"every {days} days", "kind": "schedule", "interval": days, **both} for days in (7, 14)),
        ],
        "proposed": "never",
        "proposal": [{"line": "retraining.min_gain: 1 # was <auto>"}],
    }
    text = page(document)
    assert text == page(document)
    assert "&lt;b&gt;shop" in text
    assert "<b>shop" not in text
    assert "was &lt;auto&gt;" in text
    assert text.count("<svg") == 2 + 3
    assert "http" not in text.replace("http://www.w3.org", "")
