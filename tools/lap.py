"""One lap of a generated repository: its own checks, its pipeline, its server. The demo and the tests both run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 60


class LapError(Exception):
    """A command of the repository failed; the message ends with what it printed last."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A generated repository and the environment that its Makefile uses."""

    folder: Path
    venv: Path | None = None
    """Shared by several repositories, whose locks are the same; None for the repository's own `.venv`."""

    def make(self, *goals: str) -> str:
        """Run `make` and return what it printed.

        Raises:
            LapError: It failed.
        """
        done = subprocess.run(
            self._command(*goals), cwd=self.folder, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LapError(
                f"make {' '.join(goals)} failed with {done.returncode}\n{(done.stdout + done.stderr)[-6000:]}"
            )
        return done.stdout + done.stderr

    def report(self, name: str) -> Any:
        """Return a report of the last run."""
        return json.loads((self.folder / "reports" / name).read_text(encoding="utf-8"))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Run `make serve` and yield the server's address; it ends with the block."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = self._command("serve", f"PORT={port}")
        # A session of its own: make, its shell and the server end together, and nothing else does.
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(
                command, cwd=self.folder, env=environment(), stdout=said, stderr=said, start_new_session=True
            ) as server,
        ):
            try:
                address = f"http://127.0.0.1:{port}"
                if not _answers(server, f"{address}/ping"):
                    said.seek(0)
                    raise LapError(f"the server does not answer; it said\n{said.read()[-6000:]}")
                yield address
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGTERM)

    def rows(self, count: int) -> list[dict[str, Any]]:
        """Return the newest rows of the data as a client would send them."""
        import duckdb  # noqa: PLC0415 - the demo's --help does not need it

        inputs = json.loads((self.folder / "model/signature.json").read_text(encoding="utf-8"))["inputs"]
        names = ", ".join('"{}"'.format(entry["name"].replace('"', '""')) for entry in inputs)
        # No value from outside stands in this text but column names, quoted as SQL quotes them.
        query = f"SELECT {names} FROM read_parquet(?) LIMIT {int(count)}"  # noqa: S608 # nosec B608
        found = duckdb.execute(query, [str(self.folder / "data/history.parquet")])
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, map(_plain, row), strict=True)) for row in found.fetchall()]

    def newest(self) -> datetime | None:
        """Return the time of the newest row of the data; None where rows have no time."""
        import duckdb  # noqa: PLC0415 - the demo's --help does not need it
        import yaml  # noqa: PLC0415

        name = yaml.safe_load((self.folder / "loop.yaml").read_text(encoding="utf-8")).get("time_column")
        if name is None:
            return None
        column = '"{}"'.format(name.replace('"', '""'))
        query = f"SELECT max({column})::TIMESTAMP::VARCHAR FROM read_parquet(?)"  # noqa: S608 - quoted  # nosec B608
        ((newest,),) = duckdb.execute(query, [str(self.folder / "data/history.parquet")]).fetchall()
        return datetime.fromisoformat(newest) if newest else None

    def _command(self, *arguments: str) -> list[str]:
        return ["make", "--no-print-directory", *arguments, *([f"VENV={self.venv}"] if self.venv else [])]


def environment() -> dict[str, str]:
    """Return the environment for a repository's commands: ours without what points at our own make and venv."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV", "MFLAGS"}
    }


def ask(address: str, rows: list[dict[str, Any]]) -> Any:
    """Return the server's answer to some rows."""
    request = urllib.request.Request(  # noqa: S310 - our own server on this machine
        f"{address}/invocations", json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server  # nosec B310
        return json.load(answer)


def _answers(server: subprocess.Popen[bytes], address: str) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server  # nosec B310
                return True
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    return False


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
