"""AWS for tests of the deployment: moto's server, with what moto lacks, and strict where moto lets things pass.

    with emulator.serve() as aws:
        boto3.client("sqs", endpoint_url=aws.endpoint, ...)
        assert aws.faults() == []

The server is a process of its own, in the tests' Python or the one that LOOPWRIGHT_MOTO_PYTHON names (it needs
`moto[server,all]`); this module needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Emulator", "Entry", "leftovers", "python", "serve"]

PATIENCE_SECONDS = 120
# Of the environment the emulator gets what a process needs to run; no credentials, no proxies, no configuration of AWS.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class Entry(NamedTuple):
    """One answered call."""

    service: str
    action: str
    region: str
    status: int
    error: str
    seconds: float


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    endpoint: str

    def faults(self) -> list[str]:
        """Return what the emulator could not do: while there is any, the run proves nothing."""
        return self._loop("faults")

    def requests(self) -> list[Entry]:
        """Return every call since the start, in the order in which they were answered."""
        return [Entry(**entry) for entry in self._loop("requests")]

    def mutations(self) -> list[str]:
        """Return the calls so far that make or change something, as `service:Action`, refused ones included."""
        return self._loop("mutations")

    def fail(self, *, nth: int, action: str | None = None, count: int = 1) -> None:
        """Have the `nth` mutating call from now on refused (and the `count - 1` after it), of any action or of one."""
        self._loop("fail", {"action": action, "nth": nth, "count": count})

    def fail_each(self) -> None:
        """Have every mutating call refused once, from now on."""
        self._loop("fail-each", {})

    def forgive(self) -> None:
        """Refuse nothing any more."""
        self._loop("forgive", {})

    def clear(self) -> None:
        """Forget the calls, mutations and faults so far, and refuse nothing; resources stay."""
        self._loop("clear", {})

    def reset(self) -> None:
        """Forget everything, resources included."""
        self._loop("reset", {})

    def leftovers(self) -> list[str]:
        """Return what exists, as `kind name`, in all regions that were spoken to; what AWS puts there itself not."""
        return self._loop("leftovers")

    def _loop(self, name: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - it is http on this machine
            f"{self.endpoint}/loop/{name}", data, {"Content-Type": "application/json"}
        )
        with _opener().open(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)


def leftovers(endpoint: str) -> list[str]:
    """Return what exists in the emulator at an endpoint, as `kind name`."""
    return Emulator(endpoint).leftovers()


def python() -> str:
    """Return the Python that the emulator runs in."""
    return os.environ.get("LOOPWRIGHT_MOTO_PYTHON") or sys.executable


@contextlib.contextmanager
def serve() -> Iterator[Emulator]:
    """Run an emulator, with nothing in it, until the block ends or this process does."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    process = subprocess.Popen(
        [python(), "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=environment,
    )
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the emulator did not start: exit code {process.wait(PATIENCE_SECONDS)}")
        yield Emulator(f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()


def _opener() -> urllib.request.OpenerDirector:
    """Return one that asks no proxy: the emulator is on this machine."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
