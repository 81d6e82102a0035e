"""What was served against what the model learned from: windows, answers, and the model that an endpoint serves."""

from __future__ import annotations

import base64
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import polars as pl
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ml import __main__ as entry
from ml import answers, baseline, params, schema, served, train
from ml import contract as contracts
from ml.artefact import digest
from ml.capture import Request
from ml.drift.blocks import duration
from ml.frames import records, signature
from ml.model import Facts, Prediction, save
from ml.moved import PERIODS, Sample
from ml.serving import responses
from ml.window import LATENESS, latest
from tests.sample import sample
from tests.stages import numbers, says

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


# --- windows


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["15m", "1h", "6h", "1d"]))
def test_the_window_is_the_latest_whole_period_that_is_complete(now: datetime, every: str) -> None:
    length = duration(every)
    found = latest(now, length)
    assert found.end - found.start == length
    assert found.end <= now - LATENESS < found.end + length
    assert (found.end - datetime(1970, 1, 1, tzinfo=UTC)) % length == timedelta()


def test_windows_are_half_open_and_meet() -> None:
    first, second = latest(NOON, DAY), latest(NOON + DAY, DAY)
    assert first.end == second.start
    assert (first.holds(first.start), first.holds(first.end), second.holds(first.end)) == (True, False, True)
    assert latest(datetime(2026, 3, 1, 0, 59, tzinfo=UTC), DAY).end == datetime(2026, 2, 28, tzinfo=UTC)
    assert latest(datetime(2026, 3, 1, 1, tzinfo=UTC), DAY).end == datetime(2026, 3, 1, tzinfo=UTC)


# --- which rows are compared


def request(time: datetime | None, rows: int = 1, model: str | None = "a") -> Request:
    answer = answers.Answer(model=model, columns={"value": [1.0] * rows})
    columns = ({"x": np.zeros(rows)},)
    return Request(file="f", line=1, event=None, time=time, accepted=rows, columns=columns, answer=answer, refused=())


def kept(least: int, *requests: Request) -> list[Request]:
    made = Sample(least=least, window=latest(NOON, DAY))
    for each in requests:
        made.add(each)
    return made.latest("a")


def test_as_many_periods_are_taken_as_hold_enough_rows() -> None:
    end = latest(NOON, DAY).end
    yesterday, before = request(end - DAY, 5), request(end - timedelta(seconds=1) - DAY, 5)
    assert kept(5, yesterday, before) == [yesterday]
    assert kept(6, yesterday, before) == [yesterday, before]
    assert kept(11, yesterday, before) == []
    last = request(end - PERIODS * DAY, 5)
    assert kept(5, last) == [last]
    assert kept(5, request(end - PERIODS * DAY - timedelta(microseconds=1), 5)) == []


def test_what_is_in_no_window_or_of_another_model_is_not_compared() -> None:
    end = latest(NOON, DAY).end
    unknown = request(end - DAY, model=None)
    unread = replace(request(end - DAY), answer=None)
    assert kept(1, request(None), request(end), request(end - DAY, model="b"), request(end - DAY, 0)) == []
    assert kept(2, unknown, unread, request(end - DAY, 9, model="b")) == [unknown, unread]


# --- answers


FACTS = {
    "two": Facts(task="classification", target="t", classes=(False, True), weights=(1.0, 1.0)),
    "words": Facts(task="classification", target="t", classes=("no", "yes"), weights=(1.0, 1.0)),
    "three": Facts(task="classification", target="t", classes=("a", "b", "c"), weights=(1.0, 1.0, 1.0)),
    "number": Facts(task="regression", target="t", classes=(), weights=()),
}
SAID = {
    "two": says(0.9, 0.2),
    "words": says(0.9, 0.2),
    "three": Prediction(numbers(1, 2), np.array([[0.4, 0.35, 0.25], [0.1, 0.2, 0.7]])),
    "number": Prediction(numbers(1.5, -2), None),
}


def captured(body: bytes, encoding: str, observed: str | None) -> dict[str, Any]:
    data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
    return {"data": data, "encoding": encoding, "observedContentType": observed, "mode": "OUTPUT"}


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize(
    ("encoding", "media"), [("JSON", responses.JSON), ("CSV", responses.CSV), ("BASE64", responses.CSV)]
)
def test_an_answer_is_read_as_the_baseline_counts_predictions(name: str, encoding: str, media: str) -> None:
    body = responses.body(SAID[name], FACTS[name], "abc", media)
    found = answers.read(captured(body, encoding, media), 2)
    assert found
    assert found.model == ("abc" if media == responses.JSON else None)
    assert found.columns == baseline.predicted(SAID[name], FACTS[name].classes).to_dict(as_series=False)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        {},
        {"data": "{}", "encoding": "JSON"},
        {"data": "[]", "encoding": "JSON"},
        {"data": '{"predictions": 3, "model": {"sha256": "a"}}', "encoding": "JSON"},
        {"data": '{"predictions": [{"prediction": "x"}], "model": {"sha256": "a"}}', "encoding": "JSON"},
        {"data": "prediction\nx\n", "encoding": "CSV"},
        {"data": "", "encoding": "CSV"},
        {"data": "=", "encoding": "BASE64"},
        {"data": "prediction\n1\n2\n", "encoding": "CSV"},
        {"data": "prediction\n1\n", "encoding": "XML"},
    ],
)
def test_what_is_no_prediction_of_these_rows_is_no_answer(odd: Any) -> None:
    assert answers.read(odd, 1) is None


# --- the whole, with this repository's own model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of this repository, with its baseline."""
    folder = tmp_path_factory.mktemp("model")
    contract = contracts.load()
    rows = sample(900, seed=2).drop_nulls(contract.target)
    made = train.trained(rows, contract, params.load())
    save(made.model, folder)
    made.inputs.save(folder)
    baseline.save(baseline.baseline(rows, made.inputs, made.unseen, made.model.facts, contract), folder)
    return folder


def lines(rows: pl.DataFrame, model: Path, at: datetime) -> str:
    """Return captured requests of some rows, a row each, answered by the model."""
    from ml.serving.service import Service  # noqa: PLC0415 - its libraries are read with it

    service = Service.load(model)
    made = []
    for row in records(rows, signature(schema.SCHEMA, contracts.load())):
        body = json.dumps([row])
        reply = service.answer(body.encode(), "application/json")
        sent = {"observedContentType": "application/json", "mode": "INPUT", "data": body, "encoding": "JSON"}
        made.append(
            {
                "captureData": {
                    "endpointInput": sent,
                    "endpointOutput": captured(reply.body, "JSON", "application/json"),
                },
                "eventMetadata": {"eventId": "1", "inferenceTime": at.isoformat()},
            }
        )
    return "".join(json.dumps(each) + "\n" for each in made)


@pytest.fixture
def watch(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Watch what was asked; return the report."""

    def run(rows: pl.DataFrame, *words: str) -> dict[str, Any]:
        every = duration(contracts.load().drift.every)
        window = latest(NOON, every)
        (tmp_path / "in/capture").mkdir(parents=True)
        text = lines(rows, model, window.start + every / 2)
        (tmp_path / "in/capture/a.jsonl").write_text(text, encoding="utf-8")
        told = ["monitor", "--root", str(tmp_path), "--now", NOON.isoformat(), *words]
        assert entry.main(told) == 0, capsys.readouterr().err
        found: dict[str, Any] = json.loads((tmp_path / "out/monitor.json").read_text(encoding="utf-8"))
        return found

    return run


def enough() -> int:
    return contracts.load().drift.min_rows + 10


def test_rows_like_those_it_learned_from_do_not_drift(watch: Callable[..., dict[str, Any]], model: Path) -> None:
    found = watch(sample(900, seed=2).head(enough()), "--model", str(model))
    assert set(found["metrics"]) == {"RowsMonitored", "BrokenShare", "DriftScore", "DriftedShare", "PredictionDrift"}
    assert found["metrics"]["DriftScore"] < 3
    assert found["metrics"]["BrokenShare"] == 0
    names = {move["name"] for move in found["drift"]["inputs"]["features"]}
    assert names == set(baseline.load(model).inputs.profile.counts)


def test_rows_that_are_all_alike_drift_and_the_log_names_the_inputs(
    watch: Callable[..., dict[str, Any]], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = sample(900, seed=2).head(1)
    found = watch(pl.concat([one] * enough()), "--model", str(model))
    assert found["metrics"]["DriftScore"] > 1
    assert 0 < found["metrics"]["DriftedShare"] <= 1
    assert found["metrics"]["PredictionDrift"] > 1
    told = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    features = {each["feature"]: each["score"] for each in told if each["event"] == "feature_drift"}
    assert max(features.values()) == found["metrics"]["DriftScore"]


def test_too_few_rows_are_counted_and_not_compared(watch: Callable[..., dict[str, Any]], model: Path) -> None:
    found = watch(sample(900, seed=2).head(5), "--model", str(model))
    assert set(found["metrics"]) == {"RowsMonitored", "BrokenShare"}
    assert found["drift"] is None


# --- what serves


class Cloud:
    """SageMaker and S3, as far as it takes to find out what serves."""

    def __init__(self, archive: Path | None) -> None:
        self.archive = archive

    def describe_endpoint(self, EndpointName: str) -> dict[str, str]:  # noqa: N803 - as boto3 calls it
        return {"EndpointConfigName": f"{EndpointName}-v2"}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        return {"ProductionVariants": [{"ModelName": f"{EndpointConfigName}-model"}]}

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        assert ModelName == "shop-dev-v2-model"
        place = {"ModelDataUrl": "s3://artifacts/models/run/output/model.tar.gz"} if self.archive else {}
        return {"PrimaryContainer": {"Image": "i", **place}}

    def download_file(self, bucket: str, key: str, target: str) -> None:
        assert (bucket, key) == ("artifacts", "models/run/output/model.tar.gz")
        assert self.archive
        Path(target).write_bytes(self.archive.read_bytes())


def test_the_model_that_serves_is_fetched(tmp_path: Path, model: Path) -> None:
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for path in model.iterdir():
            packed.add(path, path.name)
    cloud = Cloud(archive)
    found = served.model("shop-dev", tmp_path / "served", cloud, cloud)
    assert found
    assert digest(found) == digest(model)


def test_an_endpoint_without_a_model_has_none(tmp_path: Path) -> None:
    cloud = Cloud(None)
    assert served.model("shop-dev", tmp_path / "served", cloud, cloud) is None


def test_when_nobody_says_what_serves_the_counts_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(Cloud):
        def describe_endpoint(self, EndpointName: str) -> dict[str, str]:  # noqa: N803
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeEndpoint")

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Refusing(None))
    (tmp_path / "in/capture").mkdir(parents=True)
    told = ["monitor", "--root", str(tmp_path), "--namespace", "Loop/shop", "--endpoint", "shop-dev"]
    assert entry.main(told) == 1
    assert "the endpoint shop-dev does not say what serves" in capsys.readouterr().err
    assert json.loads((tmp_path / "out/monitor.json").read_text(encoding="utf-8"))["drift"] is None
