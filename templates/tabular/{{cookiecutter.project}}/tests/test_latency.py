from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml import latency
from ml.contract import Latency
from ml.frames import records
from ml.latency import ServerError
from ml.signature import Input, Signature
from tests.stages import a_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl


class Handler(BaseHTTPRequestHandler):
    """Answers as its server is told to, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))  # type: ignore[attr-defined]
        answer = self.server.answer  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


class Server(HTTPServer):
    status, answer = 200, b"{}"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, bytes]] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    yield made
    made.close()


def test_one_request_is_timed_in_milliseconds(
    server: Server, connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.25])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    assert latency.ask(connection, b'{"a": 1}') == 250
    assert server.asked == [("/invocations", "application/json", b'{"a": 1}')]


def test_a_refused_row_is_an_error_with_the_answer(server: Server, connection: http.client.HTTPConnection) -> None:
    server.status, server.answer = 422, b"\xff" + b"x" * 600
    with pytest.raises(ServerError) as caught:
        latency.ask(connection, b"{}")
    assert str(caught.value) == (
        "the server refuses a row of the test data\n"
        f"  because: 422 \ufffd{'x' * 499}\n  try: compare ml/schema.py with the data"
    )


@pytest.mark.parametrize(("limit", "passed"), [(49.7, False), (50.0, True)])
def test_the_best_round_of_the_99th_percentile_counts(
    limit: float,
    *,
    passed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Signature(inputs=(Input(name="amount", kind="numeric"), Input(name="at", kind="timestamp"))).save(tmp_path)
    frame = a_frame(500)
    asked: list[bytes] = []

    @contextmanager
    def served(folder: Path) -> Iterator[int]:
        assert folder == tmp_path
        yield 12345

    def ask(connection: http.client.HTTPConnection, body: bytes) -> float:
        assert (connection.host, connection.port) == ("127.0.0.1", 12345)
        asked.append(body)
        number = len(asked) - 51
        # The second of the three rounds is the quick one; what the warm-up took must not count.
        return 0.0 if number < 0 else [90.0, 0.0, 80.0][number // 400] + (number % 400) / 399 * 50 / 0.99

    monkeypatch.setattr(latency, "served", served)
    monkeypatch.setattr(latency, "ask", ask)
    found = latency.gate(Latency(p99_ms=limit), tmp_path, frame)
    rows = [json.dumps(record).encode() for record in records(frame.head(400), Signature.load(tmp_path))]
    assert asked == rows[:50] + rows * 3
    assert (found.gate, found.passed, found.limit) == ("latency", passed, limit)
    assert found.value == pytest.approx(50)
    assert found.note == "p99 50.00 ms over 400 requests, the best of 3 rounds"


def test_few_rows_are_asked_again_and_again(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Signature(inputs=(Input(name="amount", kind="numeric"),)).save(tmp_path)
    monkeypatch.setattr(latency, "WARM_UP", 3)
    monkeypatch.setattr(latency, "REQUESTS", 4)

    @contextmanager
    def served(_: Path) -> Iterator[int]:
        yield server.server_port

    monkeypatch.setattr(latency, "served", served)
    found = latency.gate(Latency(p99_ms=1e6), tmp_path, a_frame(2))
    assert found.value is not None
    assert found.value > 0
    one, two = (json.dumps({"amount": value}).encode() for value in a_frame(2)["amount"])
    assert [body for *_, body in server.asked] == [one, two, one] + [one, two, one, two] * 3


def test_the_real_server_answers_while_it_is_needed(
    frame: pl.DataFrame, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "REQUESTS", 5)
    found = latency.gate(Latency(p99_ms=1e6), model_folder, frame)
    assert found.passed
    assert found.value is not None
    assert 0 < found.value < 1000


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> list[Any]:
    """Have `served` start ``program`` in place of the server; return what it was started with."""
    started: list[Any] = []
    start = latency.subprocess.Popen

    def popen(command: list[str], **options: Any) -> Any:
        started.append((command, options))
        process = start([sys.executable, "-c", program, command[-1]], **options)
        started.append(process)
        return process

    monkeypatch.setattr(latency.subprocess, "Popen", popen)
    return started


LISTENS = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


def test_the_server_runs_alone_with_the_model_and_ends_with_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = stand_in(monkeypatch, LISTENS)
    with latency.served(tmp_path) as port:
        (command, options), process = started
        assert command == [sys.executable, "-m", "ml", "serve", "--port", str(port)]
        assert options["env"] == os.environ | {"MODEL_DIR": str(tmp_path)}
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


def test_a_server_that_ends_at_once_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys; sys.exit(3)")
    with pytest.raises(ServerError) as caught, latency.served(tmp_path):
        pass
    assert str(caught.value) == "the server does not start\n  because: its exit code is 3\n  try: python -m ml serve"


def test_a_server_that_never_listens_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = stand_in(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(latency, "START_SECONDS", 0.2)
    with pytest.raises(ServerError, match="its exit code is None"), latency.served(tmp_path):
        pass
    assert started[1].returncode == -signal.SIGTERM


def test_the_figures_are_those_the_gate_speaks_of() -> None:
    assert (latency.WARM_UP, latency.REQUESTS, latency.ROUNDS, latency.START_SECONDS) == (50, 400, 3, 60)
    assert np.quantile(np.linspace(0, 50 / 0.99, 400), 0.99) == pytest.approx(50)
