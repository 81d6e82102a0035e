"""The server: every answer it can give, what it logs and counts of it, and the process itself."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import ml.__main__
from ml import artefact, contract, params, serve
from ml.frames import records
from ml.model import Facts, Model, Rows, fit, load, predict, save
from ml.serve import application
from ml.serving import responses, telemetry
from ml.serving import service as services
from ml.serving.requests import MAX_BYTES
from ml.serving.service import Service
from ml.signature import Input, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

SIGNATURE = Signature(
    inputs=(Input(name="age", kind="numeric", minimum=0), Input(name="colour", kind="categorical", nullable=True)),
    ignored=("id",),
)
ROW = {"age": 30, "colour": "red"}
ID = re.compile(r"[0-9a-f]{32}")
NESTED = st.recursive(st.integers() | st.text(), st.lists)
ODD = st.text("a/*;=q.1,")
CLASSES = {
    "boolean": (False, True),
    "integers": (3, 1, 2),
    "texts": ("no", "yes, certainly"),
    "regression": (),
}


def train(folder: Path, classes: tuple[bool | int | str, ...]) -> Model:
    """Save a model of two features, whose rows are of class 0, 1, ... by their age."""
    random = np.random.default_rng(0)
    features = {
        "age": random.uniform(0, 90, 300),
        "colour": np.array([("red", "blue")[index] for index in random.integers(0, 2, 300)], dtype=object),
    }
    task = "classification" if classes else "regression"
    target = np.floor(features["age"] / 90 * len(classes)) if classes else features["age"] / 10
    facts = Facts(task=task, target="y", classes=classes, weights=(1.0,) * len(classes))
    how = replace(params.load().train.settings(), min_rows_in_leaf=5)
    save(fit(Rows(features=features, target=target), facts, how, rounds=10), folder)
    SIGNATURE.save(folder)
    return load(folder)


@pytest.fixture(autouse=True)
def _no_features_of_yours(request, monkeypatch):
    """Take the features of the small model here as they are: `ml/features.py` is about your columns."""
    if "model_folder" not in request.fixturenames:
        monkeypatch.setattr(services, "features", dict)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("boolean")
    train(path, CLASSES["boolean"])
    return path


@pytest.fixture
def app(folder):
    return application(folder)


def ask(app, method="POST", path="/invocations", body=ROW, **headers) -> httpx.Response:
    content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"accept": ""}) as client:
            return await client.request(method, path, content=content, headers=names)

    return asyncio.run(send())


def refusal(response: httpx.Response) -> tuple[int, str, list[dict[str, object]]]:
    """Return status, what and problems of an error, whose shape is checked."""
    assert response.headers["content-type"] == "application/json"
    found = response.json()
    assert set(found["error"]) == {"what", "because", "try"}
    return response.status_code, found["error"]["what"], found.get("problems", [])


class TestPredictions:
    @pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
    def test_json_and_csv(self, classes, tmp_path):
        model = train(tmp_path, classes)
        app = application(tmp_path)
        ages, colours = np.array([1.0, 80.0, 50.0]), np.array(["red", None, "green"], dtype=object)
        expected = predict(model, {"age": ages, "colour": colours})
        rows = [{"age": 1, "colour": "red"}, {"age": 80.0}, {"age": 50, "colour": "green"}]
        answer = ask(app, body=rows)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.json()["model"] == {"sha256": artefact.digest(tmp_path)}
        names = [json.dumps(label).strip('"') for label in classes]
        if classes:
            labels = [classes[int(index)] for index in expected.values]
            shares = expected.probabilities.tolist()
            probabilities = [dict(zip(names, row, strict=True)) for row in shares]
            pairs = zip(labels, probabilities, strict=True)
            found = [{"prediction": label, "probabilities": row} for label, row in pairs]
            header = ["prediction", *(f"probability_{name}" for name in names)]
            lines = [[names[int(index)], *map(str, row)] for index, row in zip(expected.values, shares, strict=True)]
        else:
            found = [{"prediction": value} for value in expected.values.tolist()]
            header, lines = ["prediction"], [[str(value)] for value in expected.values.tolist()]
        assert answer.json()["predictions"] == found
        assert [type(row["prediction"]) for row in answer.json()["predictions"]] == [
            type(row["prediction"]) for row in found
        ]
        answer = ask(app, body=rows, accept="text/csv")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv")
        assert list(csv.reader(io.StringIO(answer.text))) == [header, *lines]
        assert answer.text.count("\n") == 4
        assert "\r" not in answer.text

    def test_the_learned_order_of_classes(self, folder):
        found = ask(application(folder), body=[{"age": 1}, {"age": 89}]).json()["predictions"]
        assert [row["prediction"] for row in found] == [False, True]

    def test_csv_in(self, app):
        body, expected = b"age,colour\n30,red\n", ask(app).content
        assert ask(app, body=body, content_type="text/csv").content == expected
        assert ask(app, body=b"30,red", content_type="text/csv; header=absent").content == expected

    def test_your_data(self, model_folder, frame: pl.DataFrame):
        inputs = Signature.load(model_folder)
        answer = ask(application(model_folder), body=records(frame, inputs))
        assert answer.status_code == 200
        rows = answer.json()["predictions"]
        assert len(rows) == len(frame)
        if contract.load().task == "classification":
            truth = frame[contract.load().target].to_list()
            pairs = [(row["prediction"], label) for row, label in zip(rows, truth, strict=True) if label is not None]
            assert np.mean([guess == label for guess, label in pairs]) > 1.2 / len(set(truth) - {None})
            assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in rows)
        else:
            assert len({row["prediction"] for row in rows}) > 10


class TestRefusals:
    def test_what_is_wrong_is_named(self, app):
        answer = ask(app, body=[ROW, {"age": -1, "color": "red"}])
        assert answer.status_code == 422
        assert answer.json() == {
            "error": {
                "what": "the rows are refused",
                "because": "they break the data contract in 1 place",
                "try": "mend what is listed under problems; /openapi.json says what each column may hold",
            },
            "problems": [
                {"row": 1, "column": "color", "reason": "there is no such column; did you mean 'colour'?"},
            ],
            "more_problems": 0,
        }

    def test_content_type(self, app):
        assert refusal(ask(app, content_type="image/png"))[:2] == (415, "the body is of a type that is not read here")

    def test_accept(self, app):
        assert refusal(ask(app, accept="image/png"))[:2] == (406, "no acceptable answer can be made")

    @pytest.mark.parametrize("path", ["/invocations", "/ping", "/metrics"])
    def test_method(self, app, path):
        answer = ask(app, "DELETE", path)
        assert refusal(answer)[:2] == (405, "DELETE is not answered here")
        assert answer.headers["allow"] in {"POST", "GET, HEAD", "HEAD, GET"}

    @pytest.mark.parametrize("path", ["/", "/invocations/", "/no"])
    def test_path(self, app, path):
        answer = ask(app, path=path)
        assert refusal(answer)[:2] == (404, "POST is not answered here")
        assert answer.json()["error"]["because"] == "Not Found"
        assert answer.json()["error"]["try"] == "send POST /invocations; /openapi.json lists what there is"

    @pytest.mark.parametrize(("size", "status"), [(MAX_BYTES, 422), (MAX_BYTES + 1, 413)])
    def test_size(self, app, size, status):
        assert refusal(ask(app, body=b" " * size))[0] == status

    def test_an_endless_body_is_not_read_on(self, app):
        chunk, received, sent = b" " * 1024 * 1024, [], []

        async def receive():
            received.append(chunk)
            return {"type": "http.request", "body": chunk, "more_body": True}

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope("/invocations"), receive, send))
        assert len(received) == 7
        assert sent[0]["status"] == 413
        told = json.loads(sent[1]["body"])["error"]
        assert told == {
            "what": "the body is too large",
            "because": "it has more than 6,291,456 bytes",
            "try": "send fewer rows at once",
        }

    @settings(
        max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        body=st.binary(max_size=100) | NESTED.map(json.dumps).map(str.encode),
        content_type=st.sampled_from(["", "application/json", "text/csv", "text/csv; header=absent"]) | ODD,
        accept=st.sampled_from(["", "*/*", "text/csv"]) | ODD,
    )
    def test_whatever_comes_is_answered(self, app, body, content_type, accept):
        answer = ask(app, body=body, content_type=content_type, accept=accept)
        if answer.status_code != 200:
            assert refusal(answer)[0] in {406, 415, 422}


def scope(path: str) -> dict[str, object]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("Application/JSON", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, text/csv;q=0.5, */*;q=0.1", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv, application/json", "text/csv"),
        ("text/csv;q=x, application/json;q=0.1", "application/json"),
        ("text/csv;header=present;q=0.2,application/json;v=1;q=0.1", "text/csv"),
        ("text/html", None),
        ("text/csv;q=0", None),
    ],
)
def test_negotiation(accept, expected):
    if expected:
        assert responses.negotiate(accept) == expected
        return
    with pytest.raises(responses.Refused) as caught:
        responses.negotiate(accept)
    assert (caught.value.status, caught.value.because) == (406, f"Accept is '{accept}'")
    assert caught.value.attempt == "accept application/json or text/csv"


class TestModel:
    @pytest.mark.parametrize("where", ["none", "missing", "empty"])
    def test_there_may_be_none_yet(self, where, tmp_path):
        app = application({"none": None, "missing": tmp_path / "no", "empty": tmp_path}[where])
        answer = ask(app, "GET", "/ping")
        assert (answer.status_code, answer.json()) == (200, {"model": None})
        answer = ask(app)
        assert refusal(answer)[0] == 503
        assert answer.json()["error"] == {
            "what": "there is no model yet",
            "because": "the model folder is empty",
            "try": "train a model and promote it; /ping answers already",
        }
        assert metrics(app) == {"model_info none": 1, "invocations_total 503": 1, "invocation_seconds_count": 1}

    def test_the_right_one_serves(self, folder):
        digest = artefact.digest(folder)
        answer = ask(application(folder, sha256=digest), "GET", "/ping")
        assert answer.json() == {"model": {"sha256": digest}}
        assert answer.headers["content-type"] == "application/json"

    def test_the_wrong_one_does_not(self, folder, tmp_path):
        for place in (folder, tmp_path, tmp_path / "missing"):
            with pytest.raises(artefact.ArtefactError, match="is refused"):
                application(place, sha256="0" * 64)

    def test_a_broken_one_does_not(self, tmp_path):
        (tmp_path / "model.json").write_text("{}")
        with pytest.raises(artefact.ArtefactError, match=r"cannot be loaded\n  because: FileNotFoundError"):
            application(tmp_path)

    def test_the_service_names_what_it_loaded(self, folder):
        service = Service.load(folder)
        assert (service.sha256, service.signature) == (artefact.digest(folder), SIGNATURE)


def metrics(app) -> dict[str, float]:
    """Return the metrics that are not zero, by name and label; times and buckets are left out."""
    answer = ask(app, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for sample in samples
        if sample.value and not sample.name.endswith(("_created", "_bucket", "_sum"))
    }


def test_requests_are_counted(app, folder):
    ask(app, body=[ROW, {"age": 1, "colour": "green"}, {"age": 2, "colour": None}, {"age": 3, "colour": "mauve"}])
    ask(app)
    ask(app, body=b"")
    ask(app, "GET", "/ping")
    ask(app, path="/no")
    assert metrics(app) == {
        f"model_info {artefact.digest(folder)}": 1,
        "invocations_total 200": 2,
        "invocations_total 422": 1,
        "invocation_seconds_count": 3,
        "invocation_rows_total": 5,
        "unknown_categories_total colour": 2,
    }


@pytest.mark.parametrize(("within", "odd"), [((-10.0, 20.0), 0), ((0.0, 5.0), 2), ((20.0, 30.0), 3)])
def test_answers_that_cannot_be_are_counted_and_logged(tmp_path, capsys, within, odd):
    train(tmp_path, ())
    document = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(document | {"believable": within}))
    app = application(tmp_path)
    capsys.readouterr()
    assert ask(app, body=[ROW | {"age": age} for age in (5, 80, 85)]).status_code == 200
    assert json.loads(capsys.readouterr().out)["odd"] == odd
    assert metrics(app).get("odd_answers_total", 0) == odd


class TestLog:
    def lines(self, capsys) -> list[dict[str, object]]:
        out, err = capsys.readouterr()
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]

    def test_a_line_for_each_request(self, app, folder, capsys):
        ask(app, body=[ROW, ROW], x_request_id="abc-1")
        ask(app, body={"age": 4711, "colour": "mauve", "secret": 1}, x_request_id="abc-2")
        ask(app, "GET", "/ping")
        ask(app, "GET", "/metrics")
        ask(app, "GET", "/no?secret=4711", x_request_id="abc-3")
        lines = self.lines(capsys)
        for line in lines:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
            assert 0 < line.pop("latency_ms") < 10_000
            assert line.pop("event") == "request"
            assert line.pop("model") == artefact.digest(folder)
        ours, lost = {"method": "POST", "path": "/invocations", "odd": 0}, {"method": "GET", "path": "/no", "odd": 0}
        assert lines == [
            {"level": "info", "request_id": "abc-1", "status": 200, "rows": 2} | ours,
            {"level": "warning", "request_id": "abc-2", "status": 422, "rows": 0} | ours,
            {"level": "warning", "request_id": "abc-3", "status": 404, "rows": 0} | lost,
        ]
        assert "4711" not in str(lines)

    def test_the_latency_is_in_milliseconds(self, app, monkeypatch, capsys):
        clock = iter([10.0, 10.25])
        monkeypatch.setattr(serve, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
        ask(app)
        assert self.lines(capsys)[0]["latency_ms"] == 250
        monkeypatch.undo()
        assert "invocation_seconds_sum 0.25" in ask(app, "GET", "/metrics").text

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"x_request_id": "a.b:c-d_1"}, "a.b:c-d_1"),
            ({"x_amzn_requestid": "two"}, "two"),
            ({"x_amzn_requestid": "two", "x_request_id": "one"}, "one"),
            ({"x_request_id": "one", "x_amzn_sagemaker_inference_id": "zero"}, "zero"),
            ({"x_request_id": "x" * 128}, "x" * 128),
            ({"x_request_id": "x" * 129}, None),
            ({"x_request_id": 'a"b'}, None),
            ({"x_request_id": "not one word", "x_amzn_requestid": "two"}, "two"),
            ({}, None),
        ],
    )
    def test_the_request_id(self, app, headers, expected, capsys):
        found = ask(app, "GET", "/no", **headers).headers["x-request-id"]
        assert found == expected or (expected is None and ID.fullmatch(found))
        assert self.lines(capsys)[0]["request_id"] == found

    def test_ids_differ(self, app):
        assert len({ask(app, "GET", "/ping").headers["x-request-id"] for _ in range(3)}) == 3

    def test_a_fault_is_told_without_its_message(self, app, monkeypatch, capsys):
        def broken(_columns):
            raise RuntimeError("4711")

        monkeypatch.setattr(services, "features", broken)
        answer = ask(app, x_request_id="abc")
        assert refusal(answer)[:2] == (500, "the server failed")
        assert answer.json()["error"]["try"] == "look for the request id in the server's log"
        assert answer.headers["x-request-id"] == "abc"
        (line,) = self.lines(capsys)
        assert (line["level"], line["status"], line["error"]) == ("error", 500, "RuntimeError")
        assert re.search(r"test_serve.py:\d+ broken$", line["trace"][-1])
        assert "4711" not in str(line) + answer.text
        assert metrics(app)["invocations_total 500"] == 1

    def test_a_client_that_leaves(self, app, capsys):
        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            raise AssertionError(message)

        asyncio.run(app(scope("/invocations"), receive, send))
        (line,) = self.lines(capsys)
        assert (line["level"], line["status"], line["rows"]) == ("warning", 499, 0)

    def test_an_odd_path(self, app, capsys):
        async def send(_message): ...

        asyncio.run(app(scope("/\ud800" + "x" * 300), None, send))
        assert self.lines(capsys)[0]["path"] == "/?" + "x" * 254

    def test_other_loggers_write_the_same_shape(self, capsys):
        logger = logging.getLogger("other")
        logger.propagate = False
        logger.addHandler(telemetry.JsonHandler())
        logger.warning("%s is %d", "one", 1)
        try:
            {}["4711"]
        except KeyError:
            logger.exception("oh")
        plain, fault = self.lines(capsys)
        assert list(plain) == ["time", "level", "event", "logger", "message"]
        assert [*plain.values()][1:] == ["warning", "log", "other", "one is 1"]
        assert (fault["level"], fault["message"], fault["error"]) == ("error", "oh", "KeyError")
        assert len(fault["trace"]) == 1


@pytest.mark.parametrize(("size", "threaded"), [(serve.LARGE_BYTES, False), (serve.LARGE_BYTES + 1, True)])
def test_a_large_body_does_not_hold_up_the_others(app, monkeypatch, size, threaded):
    where = []
    answer = Service.answer
    monkeypatch.setattr(Service, "answer", lambda *given: where.append(threading.current_thread()) or answer(*given))
    assert ask(app, body=orjson.dumps(ROW).ljust(size)).status_code == 200
    assert (where[0] is not threading.main_thread()) == threaded


class TestProcess:
    # The serving environment has none of these; LightGBM would take some of them if they were there.
    ABSENT = "polars pandera yaml mlflow pandas sklearn pydantic_settings pyarrow dvc matplotlib fairlearn sqlalchemy"
    CODE = f"import sys; sys.modules.update(dict.fromkeys({ABSENT.split()!r})); import ml.serve; ml.serve.main()"

    @contextmanager
    def server(self, **variables) -> Iterator[tuple[subprocess.Popen, HTTPConnection]]:
        command = [sys.executable, "-W", "error", "-c", self.CODE]
        environment = {"SAGEMAKER_BIND_TO_PORT": "0", "PATH": ""} | variables
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            try:
                port = None
                while not port:
                    line = json.loads(process.stdout.readline())
                    port = re.search(r"running on http://127.0.0.1:(\d+)", line["message"])
                connection = HTTPConnection("127.0.0.1", int(port[1]), timeout=30)
                yield process, connection
                connection.close()
            finally:
                process.kill()

    def test_it_serves_with_its_own_environment_and_stops_on_sigterm(self, model_folder, frame: pl.DataFrame):
        digest = artefact.digest(model_folder)
        row = orjson.dumps(records(frame.head(1), Signature.load(model_folder))[0])
        with self.server(MODEL_DIR=str(model_folder), MODEL_SHA256=digest) as (process, connection):
            connection.request("GET", "/ping")
            assert json.load(connection.getresponse()) == {"model": {"sha256": digest}}
            chunks = iter([row[:10], row[10:]])
            connection.request("POST", "/invocations", chunks, {"X-Request-Id": "abc"}, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["x-request-id"], answer.headers["server"]) == (200, "abc", None)
            assert len(json.load(answer)["predictions"]) == 1
            # The body comes after the signal: a request under way is answered before the end.
            connection.putrequest("POST", "/invocations")
            connection.putheader("Content-Length", str(len(row)))
            connection.endheaders(row[:10])
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            connection.send(row[10:])
            assert connection.getresponse().status == 200
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0
        lines = [json.loads(line) for line in out.splitlines()]
        assert [line["status"] for line in lines if line["event"] == "request"] == [200, 200]
        assert {line["level"] for line in lines} == {"info"}
        assert err == ""

    def test_a_body_that_is_too_large_is_refused_while_it_is_sent(self, model_folder):
        with self.server(MODEL_DIR=str(model_folder)) as (_, connection):
            for _ in range(2):
                connection.request("POST", "/invocations", b" " * (2 * MAX_BYTES))
                answer = connection.getresponse()
                assert (answer.status, json.load(answer)["error"]["what"]) == (413, "the body is too large")

    def test_the_wrong_model_is_told_once(self, folder, monkeypatch, capsys):
        monkeypatch.setenv("MODEL_DIR", str(folder))
        monkeypatch.setenv("MODEL_SHA256", "0" * 64)
        assert ml.__main__.main(["serve"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("is refused") == 1

    @pytest.mark.parametrize(
        ("variables", "arguments", "expected"),
        [
            ({}, [], ("127.0.0.1", 8080)),
            ({"SAGEMAKER_BIND_TO_PORT": "1", "SERVE_HOST": "0.0.0.0"}, [], ("0.0.0.0", 1)),  # noqa: S104
            ({"SAGEMAKER_BIND_TO_PORT": "1"}, ["--port", "2", "--host", "::1"], ("::1", 2)),
        ],
    )
    def test_where_it_listens(self, variables, arguments, expected, folder, monkeypatch):
        for name in ("SAGEMAKER_BIND_TO_PORT", "SERVE_HOST", "MODEL_SHA256"):
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"MODEL_DIR": str(folder)} | variables).items():
            monkeypatch.setenv(name, value)
        seen = []
        monkeypatch.setattr(serve.uvicorn.Server, "run", lambda server: seen.append(server.config))
        monkeypatch.setattr(serve.signal, "signal", lambda *_: None)
        monkeypatch.setattr(serve.logging, "basicConfig", lambda **_: None)
        monkeypatch.setattr(serve.gc, "freeze", lambda: None)
        serve.main(arguments)
        (config,) = seen
        assert (config.host, config.port) == expected
        assert config.timeout_graceful_shutdown < 30
        assert not config.access_log
