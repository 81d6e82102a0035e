"""The latency gate: the real server, in its own process, asked one row at a time."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ml.errors import LoopError
from ml.frames import records
from ml.judges import Verdict
from ml.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from ml.contract import Latency

WARM_UP, REQUESTS, ROUNDS = 50, 400, 3
START_SECONDS = 60.0


class ServerError(LoopError):
    """The server does not serve the model."""


def gate(rule: Latency, folder: Path, frame: pl.DataFrame) -> Verdict:
    """Ask for the 99th percentile of the milliseconds that one row takes.

    The best of three rounds counts: what else the machine does can only slow a server down.
    """
    rows = [json.dumps(record).encode() for record in records(frame.head(REQUESTS), Signature.load(folder))]
    with served(folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for index in range(WARM_UP):
            ask(connection, rows[index % len(rows)])
        measured = [[ask(connection, rows[index % len(rows)]) for index in range(REQUESTS)] for _ in range(ROUNDS)]
        connection.close()
    value = min(float(np.quantile(taken, 0.99)) for taken in measured)
    note = f"p99 {value:.2f} ms over {REQUESTS} requests, the best of {ROUNDS} rounds"
    return Verdict(gate="latency", passed=value <= rule.p99_ms, value=value, limit=rule.p99_ms, note=note)


def ask(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Return the milliseconds of one request.

    Raises:
        ServerError: The answer is not 200.
    """
    start = time.perf_counter()
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    taken = (time.perf_counter() - start) * 1000
    if response.status != http.HTTPStatus.OK:
        raise ServerError(
            "the server refuses a row of the test data",
            because=f"{response.status} {answer[:500].decode(errors='replace')}",
            attempt="compare ml/schema.py with the data",
        )
    return taken


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the model in ``folder`` on this machine and yield the port; the server ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "ml", "serve", "--port", str(port)]
    environment = os.environ | {"MODEL_DIR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:  # noqa: S603 - our own words
        try:
            _wait(server, port)
            yield port
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise ServerError(
        "the server does not start", because=f"its exit code is {server.poll()}", attempt="python -m ml serve"
    )
