"""The containers behind an endpoint: the project's server, once for each configuration that serves."""

from __future__ import annotations

import json
import tarfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import BadStatusLine, HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

from loopwright.errors import LoopwrightError
from loopwright.programs import ended

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    from loopwright.execution.objects import Objects
    from loopwright.rehearsal.aws.hosting import Hosting
    from loopwright.rehearsal.project.environment import Environment

__all__ = ["Answer", "Answered", "Containers"]

SECONDS = 60.0
"""So long a server may take to start, and to answer."""
MODEL_DIR = "MODEL_DIR"
LATENCY = timedelta(milliseconds=20)
"""What an answer takes; a laptop cannot tell how long it takes on AWS."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a container answered."""

    status: int
    media: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answered request, as a fault may change it."""

    config: str
    answer: Answer
    latency: timedelta = LATENCY


class Containers:
    """Servers of the project, each with the model and the variables that SageMaker would give it.

    Args:
        environment: Where they run.
        hosting: Says what a configuration serves.
        objects: The buckets.
    """

    def __init__(self, environment: Environment, hosting: Hosting, objects: Objects) -> None:
        self._environment, self._hosting, self._objects = environment, hosting, objects
        self._running: dict[str, _Server] = {}

    def healthy(self, config: str) -> bool:
        """Tell whether the container of a configuration answers ``GET /ping``, as SageMaker asks it."""
        try:
            return self._server(config).get("/ping").status == 200  # noqa: PLR2004 - HTTP's OK
        except (OSError, LoopwrightError):
            return False

    def ask(self, config: str, body: str, media: str = "application/json") -> Answer:
        """Ask for predictions."""
        return self._server(config).post("/invocations", body, media)

    def logged(self, config: str) -> Iterator[str]:
        """Yield the lines that a container wrote since the last time."""
        if config in self._running:
            yield from self._running[config].lines()

    def keep(self, configs: set[str]) -> None:
        """End the containers of all other configurations."""
        for config in set(self._running) - configs:
            self._running.pop(config).stop()

    def _server(self, config: str) -> _Server:
        if config not in self._running:
            self._running[config] = self._start(config)
        return self._running[config]

    def _start(self, config: str) -> _Server:
        variant = self._hosting.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        container = self._hosting.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
        folder = self._environment.room / "models" / config
        folder.mkdir(parents=True, exist_ok=True)
        if uri := container.get("ModelDataUrl"):
            with tarfile.open(self._objects.path(uri)) as packed:
                packed.extractall(folder, filter="data")
        variables = self._environment.plain() | container.get("Environment", {}) | {MODEL_DIR: str(folder)}
        log = self._environment.room / f"{config}.log"
        words = [*self._environment.command, "-m", "ml", "serve", "--host", "127.0.0.1", "--port", "0"]
        with log.open("wb") as said:
            process = self._environment.started(words, variables, stdout=said, stderr=said)
        return _Server(process, log)


class _Server:
    """One server, which listens on a port of its own choice."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log.open("rb")
        self._connection = HTTPConnection("127.0.0.1", self._port(self._log), timeout=SECONDS)

    def get(self, path: str) -> Answer:
        return self._asked("GET", path)

    def post(self, path: str, body: str, media: str) -> Answer:
        return self._asked("POST", path, body.encode(), {"Content-Type": media})

    def lines(self) -> Iterator[str]:
        """Yield whole new lines of the log."""
        while True:
            at = self._log.tell()
            line = self._log.readline()
            if not line.endswith(b"\n"):
                self._log.seek(at)
                return
            yield line.decode(errors="replace").rstrip("\n")

    def stop(self) -> None:
        self._connection.close()
        self._log.close()
        ended(self._process)

    def _asked(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        try:
            found = self._once(method, path, body, headers)
        except (ConnectionError, BadStatusLine):
            # The server ends a connection that rests for some seconds.
            self._connection.close()
            found = self._once(method, path, body, headers)
        media, said = found.headers.get_content_type(), found.read().decode(errors="replace")
        return Answer(status=found.status, media=media, body=said)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None) -> HTTPResponse:
        self._connection.request(method, path, body, headers or {})
        return self._connection.getresponse()

    def _port(self, log: BufferedReader) -> int:
        """Return the port that the server says it listens on."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in self.lines():
                if (port := _listens(line)) is not None:
                    return port
            time.sleep(0.01)
        log.seek(0)
        last = log.read().decode(errors="replace").strip().splitlines()
        raise LoopwrightError(
            "the project's server does not start",
            because=last[-1] if last else "it says nothing",
            attempt="run `python -m ml serve` in the project",
        )


def _listens(line: str) -> int | None:
    with suppress(ValueError):
        found: Any = json.loads(line)
        message = str(found.get("message", "")) if isinstance(found, dict) else ""
        if "running on http://" in message:
            return int(message.split("running on http://", 1)[1].split(" ", 1)[0].rsplit(":", 1)[1])
    return None
