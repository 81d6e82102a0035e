from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from ml import hashes, params, prepare, schema
from ml.prepare import DataContractError, checked, fresh, prepared
from ml.split import LAST_KNOWN, Keys, split, with_last_known
from tests.stages import SCHEMA, START, a_contract, a_frame, document
from tests.test_params import PARAMS, the_params

if TYPE_CHECKING:
    from datetime import datetime

    from ml.contract import Contract

DAY = timedelta(days=1)
HOW = the_params(prepare__test_share=0.25).prepare


@pytest.fixture(autouse=True)
def _own_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA", SCHEMA)
    monkeypatch.setattr(schema, "MAX_AGE_DAYS", 1.5)


# --- the data contract ---


def broken(frame: pl.DataFrame) -> list[str]:
    with pytest.raises(DataContractError) as caught:
        checked(frame)
    assert caught.value.what == "the data breaks its contract"
    assert caught.value.attempt == "mend the data, or change ml/schema.py if it is right"
    return caught.value.because.split("\n           ")


def test_valid_data_passes_as_it_is() -> None:
    assert_frame_equal(checked(a_frame(20)), a_frame(20))


def test_every_broken_rule_is_named_once_with_its_count() -> None:
    frame = a_frame(20).with_columns(
        amount=pl.when(pl.int_range(20) < 3).then(-1.0).when(pl.int_range(20) == 5).then(101.0).otherwise("amount"),
        kind=pl.lit("new"),
    )
    assert sorted(broken(frame)) == [
        "amount: in_range(0, 100) (4 times)",
        "kind: more than 5% of the values are none of 'a', 'b' (1 times)",
    ]


def test_columns_that_are_too_many_or_too_few_are_named() -> None:
    assert broken(a_frame(5).with_columns(more=1)) == ["more: column_in_schema (1 times)"]
    assert broken(a_frame(5).drop("kind")) == ["kind: column_in_dataframe (1 times)"]
    missing = {"at", "who", "kind"}
    assert set(broken(a_frame(5).drop(missing))) == {f"{name}: column_in_dataframe (1 times)" for name in missing}


def test_types_nulls_and_rows_that_are_there_twice() -> None:
    assert "amount: dtype('Float64') (1 times)" in broken(a_frame(5).with_columns(amount=3))
    assert "kind: not_nullable (5 times)" in broken(a_frame(5).with_columns(kind=pl.lit(None, dtype=pl.String)))
    assert broken(pl.concat([a_frame(5), a_frame(5).head(2)])) == ["the table: multiple_fields_uniqueness (4 times)"]


def test_at_most_ten_rules_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{index:02d}" for index in range(12)]
    many = prepare.schema.SCHEMA.add_columns(dict.fromkeys(names, SCHEMA.columns["amount"]))
    monkeypatch.setattr(schema, "SCHEMA", many)
    frame = a_frame(5).with_columns(**dict.fromkeys(names, -1.0))
    said = broken(frame)
    assert len(said) == 11
    assert said[-1] == "and 2 more rules"
    assert broken(frame.with_columns(c10=1.0, c11=1.0))[-1] == "c09: in_range(0, 100) (5 times)"


# --- freshness ---


@pytest.mark.parametrize(
    ("as_of", "allowed"),
    [
        (None, True),
        (START + 4 * DAY, True),
        (START + 5.5 * DAY, True),
        (START + 5.5 * DAY + timedelta(seconds=1), False),
        (START - DAY, False),
        (START, True),
    ],
)
def test_old_data_is_refused(as_of: datetime | None, *, allowed: bool) -> None:
    frame = a_frame(5, every=DAY)
    if allowed:
        fresh(frame, a_contract(), as_of)
        return
    with pytest.raises(DataContractError, match="the data is stale"):
        fresh(frame, a_contract(), as_of)


def test_the_refusal_of_old_data_says_how_old() -> None:
    with pytest.raises(DataContractError) as caught:
        fresh(a_frame(5, every=DAY), a_contract(), START + 9 * DAY)
    assert str(caught.value) == (
        "the data is stale\n"
        "  because: the newest row before 2025-01-10 00:00:00 is of 2025-01-05 00:00:00; "
        "MAX_AGE_DAYS in ml/schema.py allows 1.5 days\n"
        "  try: bring newer data, or run for an earlier as_of (params.yaml)"
    )


def test_data_without_a_time_or_an_age_is_never_old(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh(a_frame(5), a_contract(time_column=None), START + 99 * DAY)
    monkeypatch.setattr(schema, "MAX_AGE_DAYS", None)
    fresh(a_frame(5), a_contract(), START + 99 * DAY)


# --- the rows ---


def test_training_and_test_rows_and_what_they_are() -> None:
    history, contract = a_frame(160, people=20), a_contract()
    history = history.with_columns(bought=pl.when(pl.int_range(160) < 150).then("bought"))
    golden = history.filter(pl.col("who") == "p3")
    train, test, facts = prepared(history, golden, contract, HOW, seed=7)

    known = history.head(150)
    rows = known.filter(pl.col("who") != "p3")
    parts = split(rows, Keys.of(contract), share=0.25, entity_share=0.3, seed=7)
    assert_frame_equal(train, parts.earlier)
    assert_frame_equal(test, with_last_known(parts.later, known, Keys.of(contract)))
    assert test[LAST_KNOWN].null_count() < test.height
    assert parts.cut is not None
    assert facts == {
        "rows": 160,
        "labelled": 150,
        "golden_left_out": 150 - rows.height,
        "train": train.height,
        "test": test.height,
        "test_from": parts.cut.isoformat(),
        "train_until": str(train["at"].dt.to_string("iso:strict").max())[:19],
    }
    assert facts["golden_left_out"] != 0


def test_a_window_and_a_moment_shorten_the_past() -> None:
    history, contract = a_frame(160), a_contract(entity=None)
    how = HOW.model_copy(update={"as_of": START + 30 * DAY, "window_days": 5.0})
    train, test, facts = prepared(history, history.clear(), contract, how, seed=7)
    assert facts["labelled"] == 28 * 4 + 1
    assert test["at"].max() == START + 28 * DAY
    cut = START + 21 * DAY
    assert (test["at"].min(), facts["test_from"]) == (cut, cut.isoformat())
    assert train["at"].max() == cut - 2 * DAY - timedelta(hours=6)
    assert train.height == 20


@pytest.mark.parametrize(
    ("recent", "least", "rows"),
    [(None, 10, 160), (20.0, 10, 20), (20.0, 30, 30), (20.0, 500, 160), (4000.0, 10, 160)],
)
def test_of_a_long_past_only_the_newest_days_are_the_test(recent: float | None, least: int, rows: int) -> None:
    """A quarter of 20 days of 4 rows; or the least; but never more than a quarter of all 640 rows."""
    history, contract = a_frame(640), a_contract(entity=None, drift__min_rows=least)
    how = HOW.model_copy(update={"recent_days": recent})
    train, test, _ = prepared(history, history.clear(), contract, how, seed=7)
    assert test.height == rows
    assert train.height == 640 - rows - 2 * 4


def test_where_entities_are_kept_apart_the_test_reaches_back_for_as_many_rows() -> None:
    history, contract = a_frame(640, people=60), a_contract(drift__min_rows=30)
    how = HOW.model_copy(update={"recent_days": 20.0})
    test = prepared(history, history.clear(), contract, how, seed=7)[1]
    assert test.height == pytest.approx(30, abs=10)


def test_rows_without_a_time_have_no_times_to_tell() -> None:
    history, contract = a_frame(100), a_contract(time_column=None, entity=None)
    train, test, facts = prepared(history, history.head(10), contract, HOW, seed=7)
    assert (facts["test_from"], facts["train_until"], facts["golden_left_out"]) == (None, None, 10)
    assert (train.height, test.height) == (68, 22)


# --- the stage ---


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contract:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    a_frame(160, people=20).write_parquet("data/history.parquet")
    a_frame(160, people=20).head(2).write_parquet("golden.parquet")
    Path("loop.yaml").write_text(yaml.safe_dump(document()), encoding="utf-8")
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    return a_contract()


def test_the_stage_leaves_both_sides_and_a_report(repository: Contract) -> None:
    prepare.main()
    history = a_frame(160, people=20)
    train, test, facts = prepared(history, history.head(2), repository, the_params().prepare, seed=7)
    assert_frame_equal(pl.read_parquet("data/prepared/train.parquet"), train)
    assert_frame_equal(pl.read_parquet("data/prepared/test.parquet"), test)
    text = Path("reports/prepare.json").read_text(encoding="utf-8")
    sides = [Path(f"data/prepared/{name}.parquet") for name in ("train", "test")]
    lineage = {
        "data_version": "",
        "data_sha256": hashes.sha256(Path("data/history.parquet")),
        "window_sha256": hashes.together(sides),
    }
    assert json.loads(text) == lineage | facts
    assert text.startswith('{\n "data_version": "",\n "data_sha256": "')
    assert text.endswith("}\n")
    prepare.main()


def test_the_stage_without_golden_rows(repository: Contract) -> None:
    Path("loop.yaml").write_text(yaml.safe_dump(document(gates__golden=None)), encoding="utf-8")
    Path("golden.parquet").unlink()
    prepare.main()
    assert json.loads(Path("reports/prepare.json").read_text(encoding="utf-8"))["golden_left_out"] == 0


def test_the_stage_refuses_broken_and_old_data(repository: Contract) -> None:
    Path("params.yaml").write_text(PARAMS.replace("as_of: null", "as_of: 2026-01-01"), encoding="utf-8")
    with pytest.raises(DataContractError, match="the data is stale"):
        prepare.main()
    a_frame(160).drop("kind").write_parquet("data/history.parquet")
    with pytest.raises(DataContractError, match="breaks its contract"):
        prepare.main()
    assert not Path("data/prepared").exists()


def test_only_labelled_rows_of_the_data_are_learned(repository: Contract) -> None:
    """Not those without a label, and none that the monitor left of what was asked, whatever it left."""
    history = a_frame(160, people=20)
    unlabelled = pl.int_range(160) % 4 == 0
    history.with_columns(bought=pl.when(~unlabelled).then("bought")).write_parquet("data/history.parquet")
    Path("data/labelled").mkdir()
    history.with_columns(amount=pl.lit(77.5)).write_parquet("data/labelled/part.parquet")
    prepare.main()
    sound = history.filter(~unlabelled)
    for name in ("train", "test"):
        rows = pl.read_parquet(f"data/prepared/{name}.parquet").drop(LAST_KNOWN, strict=False)
        assert rows.height
        assert rows["bought"].null_count() == 0
        assert rows.join(sound, on=rows.columns, how="anti", nulls_equal=True).is_empty()


def test_one_row_that_breaks_the_contract_stops_all(repository: Contract) -> None:
    history = a_frame(160, people=20)
    one = pl.when(pl.int_range(160) == 80)
    history.with_columns(amount=one.then(100.5).otherwise("amount")).write_parquet("data/history.parquet")
    with pytest.raises(DataContractError, match=r"amount: in_range\(0, 100\) \(1 times\)"):
        prepare.main()
    assert not Path("data/prepared").exists()


@pytest.mark.parametrize(
    ("told", "as_of", "window"),
    [
        ({}, None, (None, None)),
        ({"as_of": "", "windows_days": ""}, None, (None, None)),
        ({"as_of": "2026-03-01T00:00:00+01:00"}, START.replace(year=2026, month=2, day=28, hour=23), (None, None)),
        ({"windows_days": "30,120,60"}, None, (120, 30)),
    ],
)
def test_a_run_is_told_until_when_and_how_far_back(told, as_of, window):
    how = HOW
    within = params.Run(**told).over(how)
    assert within == how.model_copy(update={"as_of": as_of, "window_days": window[0], "recent_days": window[1]})


@pytest.mark.parametrize("told", [{"as_of": "yesterday"}, {"windows_days": "30;60"}, {"windows_days": "-1"}])
def test_a_run_that_cannot_be_meant_is_refused(told):
    with pytest.raises(params.ParamsError, match="try: an ISO time"):
        params.Run(**told).over(HOW)


def test_rows_that_come_later_change_nothing_of_a_run_over_the_same_window(repository: Contract) -> None:
    told = ["--as-of", (START + 30 * DAY).isoformat(), "--windows-days", "10,20"]
    prepare.main(told)
    first = json.loads(Path("reports/prepare.json").read_text(encoding="utf-8"))
    history = pl.read_parquet("data/history.parquet")
    later = history.with_columns(pl.col("at") + 40 * DAY)
    pl.concat([history, later]).write_parquet("data/history.parquet")
    prepare.main([*told, "--data-version", "later"])
    second = json.loads(Path("reports/prepare.json").read_text(encoding="utf-8"))
    assert second["window_sha256"] == first["window_sha256"]
    assert second["data_sha256"] != first["data_sha256"]
    assert (first["data_version"], second["data_version"]) == ("", "later")


def test_a_run_may_be_told_from_when_on() -> None:
    frame = a_frame(160, people=20)
    how = HOW.model_copy(update={"since": START + 10 * DAY})
    train, test, facts = prepared(frame, frame.clear(), a_contract(), how, seed=7)
    assert train["at"].min() >= START + 10 * DAY
    assert facts["labelled"] == frame.filter(pl.col("at") >= START + 10 * DAY).height
    assert test.height
    timeless = a_contract(time_column=None)
    assert prepared(frame, frame.clear(), timeless, how, seed=7)[2]["labelled"] == frame.height
