"""What was served against what the model learned from: windows, answers, and the model that an endpoint serves."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import polars as pl
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ml import __main__ as entry
from ml import answers, baseline, served
from ml.artefact import digest
from ml.drift.blocks import duration
from ml.drift.profile import Profile
from ml.model import Facts, Prediction
from ml.moved import PERIODS
from ml.serving import responses
from ml.window import LATENESS, alike, latest
from tests.sample import sample
from tests.stages import numbers, says
from tests.watched import EVERY, Watch, enough

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


# --- windows


@given(st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC)), st.sampled_from(["15m", "1h", "6h", "1d"]))  # noqa: DTZ001 - it wants none
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


@pytest.mark.parametrize(("every", "weeks"), [("1h", 1), ("1d", 1), ("2d", 2), ("7d", 1)])
def test_windows_that_are_alike_begin_on_the_same_weekday_at_the_same_time(every: str, weeks: int) -> None:
    window = latest(NOON, duration(every))
    starts = [one.start for one in alike(window, 3)]
    assert starts == [window.start - number * weeks * 7 * DAY for number in (1, 2, 3)]


# --- which rows are compared


def asked(watch: Watch, ago: int, rows: int, **how: Any) -> None:
    watch.ask(sample(900, seed=2).head(rows), latest(NOON, EVERY).ago(ago).start, **how)


@pytest.mark.parametrize(
    ("ago", "rows", "periods"), [(0, 0, 1), (1, -1, 2), (PERIODS - 1, -1, PERIODS), (0, -1, None), (PERIODS, -1, None)]
)
def test_as_many_periods_are_taken_as_hold_enough_rows(watch: Watch, ago: int, rows: int, periods: int | None) -> None:
    asked(watch, 0, enough() + rows)
    if ago:
        asked(watch, ago, 1)
    drift = watch.run(NOON)["drift"]
    assert (drift and drift["periods"]) == periods


def test_what_another_model_answered_is_not_compared_and_what_does_not_say_is(watch: Watch) -> None:
    asked(watch, 0, enough() - 1)
    asked(watch, 0, 50, model="f" * 64)
    assert watch.run(NOON)["drift"] is None
    watch.clear()
    asked(watch, 0, enough() - 1)
    asked(watch, 0, 1, output=None)
    drift = watch.run(NOON)["drift"]
    assert drift["inputs"]["rows"] == enough()
    assert drift["predictions"]["rows"] == enough() - 1


def test_what_a_model_answered_before_another_took_over_is_counted_by_its_own_baseline(watch: Watch) -> None:
    former = "f" * 64
    kept = watch.root / "state/baselines"
    kept.mkdir(parents=True)
    (kept / f"{former}.json").write_bytes((watch.model / baseline.FILE).read_bytes())
    asked(watch, 0, 30, model=former)
    asked(watch, 0, 20, model="0" * 64)  # nobody knows that one
    asked(watch, 0, 10)
    watch.run(NOON)
    folder = watch.root / "state/profiles" / latest(NOON, EVERY).name
    features = baseline.load(watch.model).inputs.profile.features
    counted = {
        path.name.partition(".")[0]: Profile.read(path.read_text(encoding="utf-8"), features).rows
        for path in folder.glob("*.inputs.json")
    }
    assert counted == {former: 30, digest(watch.model): 10}


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


def test_rows_like_those_it_learned_from_do_not_drift(watch: Watch) -> None:
    asked(watch, 0, enough())
    found = watch.run(NOON)
    assert {"RowsMonitored", "BrokenShare", "DriftScore", "DriftedShare", "PredictionDrift"} <= set(found["metrics"])
    assert found["metrics"]["DriftScore"] < 3
    assert found["metrics"]["BrokenShare"] == 0
    names = {move["name"] for move in found["drift"]["inputs"]["features"]}
    assert names == set(baseline.load(watch.model).inputs.profile.counts)


def test_rows_that_are_all_alike_drift_and_the_log_names_the_inputs(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = sample(900, seed=2).drop_nulls().head(1)
    watch.ask(pl.concat([whole] * enough()), latest(NOON, EVERY).start)
    found = watch.run(NOON)
    assert found["metrics"]["DriftScore"] > 1
    assert 0 < found["metrics"]["DriftedShare"] <= 1
    assert found["metrics"]["PredictionDrift"] > 1
    told = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    features = {each["feature"]: each["score"] for each in told if each["event"] == "feature_drift"}
    assert max(features.values()) == found["metrics"]["DriftScore"]


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

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert (Bucket, Key) == ("artifacts", "models/run/output/model.tar.gz")
        assert self.archive
        return {"Body": io.BytesIO(self.archive.read_bytes())}


def test_the_model_that_serves_is_fetched(tmp_path: Path, baselined: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for path in baselined.iterdir():
            packed.add(path, path.name)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Cloud(archive))
    found = served.model("shop-dev", tmp_path / "served")
    assert found
    assert digest(found) == digest(baselined)


def test_an_endpoint_without_a_model_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Cloud(None))
    assert served.model("shop-dev", tmp_path / "served") is None


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
    assert json.loads((tmp_path / "out/latest/monitor.json").read_text(encoding="utf-8"))["drift"] is None
    assert not (tmp_path / "state/periods").exists()  # the next run reads it again
