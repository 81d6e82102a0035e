"""The data of this repository keeps its contract: `ml/schema.py` and `loop.yaml` against `data/`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ml import contract as contracts
from ml import hashes, params, schema
from ml.frames import kind, pl_type
from ml.paths import HISTORY
from ml.prepare import checked, prepared
from ml.split import LAST_KNOWN, Keys, without
from tests.sample import sample

CONTRACT = contracts.load()
COLUMNS = schema.SCHEMA.columns


def stored(path: Path) -> pl.DataFrame:
    """Read a file that DVC keeps; skip the test while it is not here."""
    if not path.exists() and Path(f"{path}.dvc").exists():
        pytest.skip(f"{path} is not here yet: dvc pull")
    assert path.exists(), f"neither {path} nor {path}.dvc is here"
    return pl.read_parquet(path)


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    return stored(HISTORY)


@pytest.fixture(scope="module")
def golden() -> pl.DataFrame:
    if CONTRACT.gates.golden is None:
        pytest.skip("loop.yaml asks for no golden rows")
    return stored(Path(CONTRACT.gates.golden.path))


def test_the_history_keeps_the_contract(history: pl.DataFrame) -> None:
    assert checked(history).height == history.height


def test_the_golden_rows_keep_the_contract_and_are_labelled(golden: pl.DataFrame) -> None:
    assert checked(golden)[CONTRACT.target].null_count() == 0


def test_the_golden_rows_are_the_pinned_ones(golden: pl.DataFrame) -> None:
    assert CONTRACT.gates.golden is not None
    assert hashes.sha256(Path(CONTRACT.gates.golden.path)) == CONTRACT.gates.golden.sha256


def test_no_training_row_is_golden_or_of_a_golden_entity(history: pl.DataFrame, golden: pl.DataFrame) -> None:
    how, keys = params.load(), Keys.of(CONTRACT)
    for rows in prepared(checked(history), golden, CONTRACT, how.prepare, how.train.seed)[:2]:
        assert rows.height
        assert without(rows.drop(LAST_KNOWN, strict=False), golden, keys).height == rows.height


def test_the_contract_names_columns_that_there_are() -> None:
    bias = CONTRACT.gates.bias
    named = {CONTRACT.target, CONTRACT.time_column, CONTRACT.entity, *(bias.slices if bias else ())}
    assert named - {None} <= set(COLUMNS)
    if CONTRACT.time_column is not None:
        assert pl_type(COLUMNS[CONTRACT.time_column]).is_temporal()
        assert not COLUMNS[CONTRACT.time_column].nullable
    if CONTRACT.task == "regression":
        assert pl_type(COLUMNS[CONTRACT.target]).is_numeric()


def test_every_column_has_a_kind_and_one_can_be_a_feature() -> None:
    kinds = {name: kind(column) for name, column in COLUMNS.items()}
    assert set(kinds.values()) <= {"numeric", "categorical", "boolean", "timestamp", "ignored"}
    assert any(found != "ignored" for name, found in kinds.items() if name not in {CONTRACT.target, CONTRACT.entity})


def test_the_sample_that_other_tests_use_keeps_the_contract_too() -> None:
    assert checked(sample(200, seed=2)).height == 200


def test_an_age_is_asked_of_data_with_a_time() -> None:
    assert schema.MAX_AGE_DAYS is None or (CONTRACT.time_column is not None and schema.MAX_AGE_DAYS > 0)
