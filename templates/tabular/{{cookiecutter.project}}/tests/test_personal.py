"""Personal data: a column that is tagged is in nothing that is made of the data. Every value of it is a canary here."""

from __future__ import annotations

import csv
import io
import json
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import yaml
from pandera.polars import Check, Column, DataFrameSchema

from ml import contract as contracts
from ml import judges, latency, personal, prepare, schema
from ml.__main__ import main
from ml.capture import judge
from ml.errors import LoopError
from ml.frames import records, signature
from ml.judges import Verdict
from ml.personal import PersonalError
from ml.serve import application
from ml.serving.requests import Door, Media, Refused
from ml.signature import Input, Signature
from tests.sample import sample
from tests.stages import SCHEMA, a_contract, a_frame
from tests.test_loop import STAGES
from tests.test_loop import contract as loose
from tests.test_serve import ask
from tests.watched import FIRST, Watch, complete, ripe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path.cwd()
CANARY, WHO = "canary-7f3a", "contact_of_who"
TAGGED = Column(pl.String, Check.str_endswith(".org"), nullable=True, metadata={"kind": "ignored", "pii": True})
PERSONAL = SCHEMA.add_columns({WHO: TAGGED})
JSON, CSV, BARE = Media(csv=False), Media(csv=True), Media(csv=True, header=False)
DOOR = Door(signature(PERSONAL, a_contract()))


def canaries(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with a column of personal data; the last value breaks the contract of its column."""
    values = [f"{CANARY}-{index}@example.org" for index in range(rows.height - 1)]
    return rows.with_columns(pl.Series(WHO, [*values, f"{CANARY}-broken"]))


# --- the data contract ---


def test_a_request_may_not_carry_it() -> None:
    found = signature(PERSONAL, a_contract())
    assert (found.personal, found.ignored) == ((WHO,), ("who", "bought"))
    assert WHO not in {entry.name for entry in found.inputs}


def test_the_signature_keeps_it_and_one_of_before_has_none(tmp_path: Path) -> None:
    made = signature(PERSONAL, a_contract())
    made.save(tmp_path)
    assert Signature.load(tmp_path) == made
    document = json.loads((tmp_path / "signature.json").read_text(encoding="utf-8"))
    del document["personal"]
    (tmp_path / "signature.json").write_text(json.dumps(document), encoding="utf-8")
    assert Signature.load(tmp_path) == signature(SCHEMA, a_contract())


def tagged(name: str) -> DataFrameSchema:
    kind = SCHEMA.columns[name].metadata["kind"]  # type: ignore[index]
    return SCHEMA.update_column(name, metadata={"kind": kind, "pii": True})


@pytest.mark.parametrize(
    ("name", "changes", "uses"),
    [
        ("bought", {}, "target and kind boolean"),
        ("at", {}, "time_column and unique and kind timestamp"),
        ("who", {}, "entity and unique"),
        ("who", {"entity": None}, "unique"),
        ("kind", {}, "gates.bias.slices and kind categorical"),
        ("amount", {}, "kind numeric"),
    ],
)
def test_it_can_have_no_use(name: str, changes: dict[str, Any], uses: str) -> None:
    for asked in (signature, personal.refuse_use):
        with pytest.raises(PersonalError) as caught:
            asked(tagged(name), a_contract(**changes))
        assert caught.value.what == f"the column {name!r} cannot be used"
        assert caught.value.because == f"ml/schema.py tags it as personal data, and it is also {uses}"


def test_data_without_the_column_keep_the_contract_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA", PERSONAL)
    assert prepare.checked(canaries(a_frame(20))).equals(a_frame(20))
    assert prepare.checked(a_frame(20)).equals(a_frame(20))


def test_no_stage_begins_with_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA", tagged("amount"))
    monkeypatch.setattr(contracts, "load", a_contract)
    with pytest.raises(PersonalError):
        prepare.main([])


# --- the request door ---

ROW = {"kind": "a", "amount": 1.0}
SECRET = f"{CANARY}@example.org"
SENT = {WHO: SECRET}


def as_csv(*rows: list[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


NAMED = [
    (json.dumps(ROW | SENT), JSON, 0),
    (json.dumps(ROW | {WHO: None}), JSON, 0),
    (json.dumps([ROW, ROW | SENT]), JSON, 1),
    (json.dumps({"instances": [ROW | SENT]}), JSON, 0),
    (json.dumps({"columns": [*ROW, WHO], "data": [[*ROW.values(), SECRET]]}), JSON, None),
    (as_csv([*ROW, WHO], [*ROW.values(), SECRET]), CSV, None),
]
MISPLACED = [
    (json.dumps(SECRET), JSON),
    (json.dumps([SECRET]), JSON),
    (json.dumps({SECRET: 1}), JSON),
    (json.dumps(ROW | {"contact": SECRET}), JSON),
    (json.dumps(ROW | {"amount": SECRET}), JSON),
    (json.dumps(ROW | {"kind": SECRET + "x" * 2000}), JSON),
    (json.dumps(ROW | {"kind": [SECRET]}), JSON),
    (json.dumps(ROW | {"at": SECRET}), JSON),
    (json.dumps({"columns": [*ROW, SECRET], "data": [[*ROW.values(), 1]]}), JSON),
    (json.dumps({"columns": [SECRET, SECRET], "data": [[1, 1]]}), JSON),
    (json.dumps({"columns": [*ROW], "data": [[*ROW.values(), SECRET]]}), JSON),
    (json.dumps({"columns": [*ROW], "data": [SECRET]}), JSON),
    (f'{{"kind": "{SECRET}', JSON),
    (as_csv(["a", SECRET], ["b", SECRET]), CSV),
    (as_csv(["2025-01-01", "a", SECRET]), BARE),
    (as_csv(["2025-01-01", "a", 1, SECRET]), BARE),
    (f'kind,amount\na,"{SECRET}', CSV),
]


def as_bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def refused(body: str | bytes, media: Media, door: Door = DOOR) -> Refused:
    with pytest.raises(Refused) as caught:
        door.read(as_bytes(body), media)
    assert caught.value.status == 422
    return caught.value


@pytest.mark.parametrize(("body", "media", "row"), NAMED)
def test_who_sends_it_is_refused_by_name(body: str | bytes, media: Media, row: int | None) -> None:
    error = refused(body, media)
    (problem,) = error.problems
    assert (problem.row, problem.column, problem.reason) == (row, WHO, "personal data must not be sent")
    assert CANARY not in f"{error}{error.problems}"


@pytest.mark.parametrize(("body", "media"), MISPLACED)
def test_an_answer_quotes_nothing_of_a_body(body: str | bytes, media: Media) -> None:
    error = refused(body, media)
    assert CANARY not in f"{error}{error.problems}"


@pytest.mark.parametrize(("body", "media"), [*((body, media) for body, media, _ in NAMED), *MISPLACED])
def test_the_monitor_tells_the_same_without_a_value(body: str | bytes, media: Media) -> None:
    _, _, told = judge(as_bytes(body), media, DOOR)
    assert told
    assert CANARY not in str(told)


def test_the_monitor_names_the_column() -> None:
    body = json.dumps([ROW, ROW | SENT]).encode()
    _, accepted, told = judge(body, JSON, DOOR)
    assert (accepted, told) == (1, [(1, f"{WHO}: personal data must not be sent")])


def test_a_misspelt_name_is_told_only_by_the_nearest() -> None:
    (problem,) = refused(json.dumps(ROW | {"amuont": 1}), JSON).problems
    assert (problem.column, problem.reason) == (None, "there is no such column; did you mean 'amount'?")
    (problem,) = refused(json.dumps(ROW | {WHO + "s": 1}), JSON).problems
    assert (problem.column, problem.reason) == (None, "there is no such column")


def test_without_personal_data_an_answer_quotes_what_is_wrong() -> None:
    door = Door(Signature(inputs=(Input(name="amount", kind="numeric"),)))
    (problem,) = refused(json.dumps({"amount": "much"}), JSON, door).problems
    assert problem.reason == "'much' is not a number"


# --- everything that is made ---


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Callable[..., Path]]:
    """Run stages of this repository on rows with a column of personal data; return the folder."""
    folder = tmp_path_factory.mktemp("canary")
    rows = canaries(sample(900, seed=4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "SCHEMA", schema.SCHEMA.add_columns({WHO: TAGGED}))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setattr(judges, "RESAMPLES", 20)
        quick = Verdict(gate="latency", passed=True, value=1.0, limit=2.0, note="not measured")
        patch.setattr(latency, "gate", lambda *_: quick)
        shutil.copytree("requirements", folder / "requirements")
        how = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        how["prepare"] |= {"as_of": None, "window_days": None}
        how["train"] |= {"rounds": 20, "threads": 1}
        (folder / "params.yaml").write_text(yaml.safe_dump(how), encoding="utf-8")
        rows.head(60).write_parquet(folder / "golden.parquet")
        (folder / "loop.yaml").write_text(yaml.safe_dump(loose(folder / "golden.parquet")), encoding="utf-8")
        patch.chdir(folder)
        (folder / "data").mkdir()
        rows.write_parquet("data/history.parquet")

        def run(*stages: str, codes: int = 0) -> Path:
            assert [main([stage]) for stage in stages] == [codes] * len(stages)
            return folder

        yield run


def written(folder: Path, *given: str) -> list[str]:
    """Return the files below a folder that hold a canary in their bytes or, if they are tables, in their cells.

    Parquet is compressed, so its rows are read; ``given`` files are what a test put there.
    """
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        held = path.read_bytes()
        if path.suffix == ".parquet":
            held += pl.read_parquet(path).write_json().encode()
        if CANARY.encode() in held:
            found.append(path.relative_to(folder).as_posix())
    return sorted(set(found) - set(given))


DATA = ("data/history.parquet", "golden.parquet")


def test_no_stage_makes_anything_of_it(
    made: Callable[..., Path], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = made(*STAGES)
    assert (folder / "reports/registered.json").is_file()
    assert written(folder) == sorted(DATA), "the canaries are found where they were put, and nowhere else"
    assert CANARY not in f"{capfd.readouterr()}{caplog.text}"


def test_neither_do_data_that_break_the_contract(
    made: Callable[..., Path], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = pl.read_parquet("data/history.parquet")
    column = next(name for name, of_type in rows.schema.items() if name != WHO and of_type.is_numeric())
    try:
        rows.with_columns(pl.lit("text").alias(column)).write_parquet("data/history.parquet")
        folder = made("prepare", codes=1)
        assert CANARY not in f"{capfd.readouterr()}{caplog.text}"
        with pytest.raises(LoopError) as caught:
            prepare.checked(pl.read_parquet("data/history.parquet"))
        assert CANARY not in f"{caught.getrepr(chain=True)}"
        assert written(folder) == sorted(DATA)
    finally:
        rows.write_parquet("data/history.parquet")


def test_no_answer_of_the_server_and_no_line_of_its_log_holds_it(
    made: Callable[..., Path], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = made("prepare", "probe", "train")
    row = records(sample(1, seed=1), signature(schema.SCHEMA, contracts.load()))[0]
    app = application(folder / "model")
    told = [ask(app, body=body) for body in (row, row | SENT, [row | SENT], [SECRET], {SECRET: 1})]
    told.append(ask(app, body=as_csv([*row, WHO], [*row.values(), SECRET]), content_type="text/csv"))
    told += [ask(app, "GET", path, None) for path in ("/metrics", "/openapi.json")]
    assert [answer.status_code for answer in told] == [200, 422, 422, 422, 422, 422, 200, 200]
    assert WHO in told[1].text
    assert WHO in told[-1].text
    out = capfd.readouterr().out
    assert out.count("422") >= 5
    assert CANARY not in "".join(answer.text for answer in told) + f"{out}{caplog.text}"


def test_the_monitor_keeps_none_of_what_was_captured_and_labelled(
    made: Callable[..., Path], tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(tmp_path / "watched", made("prepare", "probe", "train") / "model")
    rows = sample(900, seed=2).drop_nulls(contracts.load().target).head(300)
    names = watch.ask(rows, FIRST)
    (line,) = watch.root.rglob("000.jsonl")
    sent = [json.loads(text) for text in line.read_text(encoding="utf-8").splitlines()[:2]]
    for number, captured in enumerate(sent):
        kept = json.loads(captured["captureData"]["endpointInput"]["data"])[0]
        both = [kept | SENT, kept] if number else [kept | {"amount of": SECRET}]
        captured["captureData"]["endpointInput"]["data"] = json.dumps(both)
        captured["eventMetadata"]["eventId"] += "-again"
    watch.write(FIRST, [json.dumps(captured) for captured in sent])
    given = sorted(path.relative_to(watch.root).as_posix() for path in (watch.root / "in").rglob("001.jsonl"))
    labels = {WHO: [SECRET] * len(names)}
    watch.label(names, rows[contracts.load().target], "one", **labels)
    found = [watch.run(now) for now in (complete(FIRST), ripe(FIRST))]

    assert sum(document["labels"]["labels"] for document in found) == len(names)
    assert list((watch.root / "labelled").rglob("*.parquet"))
    places = [
        json.loads(text) for file in watch.root.rglob("quarantine.jsonl") for text in file.read_text().splitlines()
    ]
    assert {place["reason"] for place in places} == {
        f"{WHO}: personal data must not be sent",
        "a column that is not known",
    }
    assert {*places[0]} == {"file", "line", "event", "row", "reason"}
    assert written(watch.root) == [*given, "in/labels/one.parquet"]
    assert CANARY not in f"{capfd.readouterr()}{caplog.text}"
