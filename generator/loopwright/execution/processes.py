"""The containers of a job as processes: one for each host, started together, each in a folder of its own."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Container", "Ended", "addresses", "run"]

HERE = "127.0.0.1"
PORTS = 3
"""A host uses so many: its own and those that follow."""
GRACE = 60.0
"""Seconds that the other hosts have, once one failed, to find that out themselves."""
EVERY = 0.02
"""Seconds between two looks at the processes."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """What one host of a job runs."""

    command: Sequence[str]
    folder: Path
    """Where it starts."""
    environment: Mapping[str, str]
    log: Path
    """The file that takes what it prints."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the containers of a job ended."""

    failed: int | None = None
    """The number of the container that failed first."""
    code: int = 0
    """Its exit code."""
    overdue: bool = False
    """Whether they were stopped because their time was over."""


def addresses(names: Sequence[str]) -> str:
    """Return where hosts that share this machine find each other, as the template's `ml/hosts.py` reads it.

    Each gets a free port whose next two are free, too; nothing keeps another program from taking them.
    """
    with ExitStack() as held:
        return ",".join(f"{name}={HERE}:{_free(held)}" for name in names)


def run(containers: Sequence[Container], *, within: float = math.inf) -> Ended:
    """Run the containers of a job, and leave none running.

    Args:
        containers: One for each host.
        within: Seconds after which they are stopped.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(each, stack)) for each in containers]
        stack.callback(_stop, processes)
        deadline, ended = time.monotonic() + within, Ended()
        for number, code in _ends(processes):
            if time.monotonic() >= deadline:
                return ended if ended.code else Ended(overdue=True)
            if code and not ended.code:
                ended = Ended(failed=number, code=code)
                deadline = min(deadline, time.monotonic() + GRACE)
        return ended


def _ends(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[tuple[int, int | None]]:
    """Yield number and exit code of each process when it ended, and between two looks a code of None."""
    running = dict(enumerate(processes))
    while running:
        for number, process in list(running.items()):
            if process.poll() is not None:
                del running[number]
                yield number, process.returncode
        if running:
            time.sleep(EVERY)
            yield 0, None


def _started(container: Container, stack: ExitStack) -> subprocess.Popen[bytes]:
    log = stack.enter_context(container.log.open("wb"))
    return subprocess.Popen(  # noqa: S603 - the project's own program
        list(container.command),
        cwd=container.folder,
        env=dict(container.environment),
        stdout=log,
        stderr=subprocess.STDOUT,
        # A group of its own: who stops it stops what it started, too.
        start_new_session=True,
    )


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _free(held: ExitStack) -> int:
    while True:
        port: int = held.enter_context(socket.create_server((HERE, 0))).getsockname()[1]
        with suppress(OSError, OverflowError):
            for following in range(port + 1, port + PORTS):
                held.enter_context(socket.create_server((HERE, following)))
            return port
