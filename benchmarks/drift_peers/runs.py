"""Runs: what a process took, measured by the kernel once it has ended."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Run:
    """What a process took; where it was stopped, it would have taken more."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds, user and system, of all its threads."""
    peak: float
    """MiB of resident memory."""
    stopped: bool = False
    failed: str = ""
    """The last line of its error; empty where it did what it should."""

    def best(self, other: Run | None) -> Run:
        """Return the least time of both and the most memory; a run that did not finish stays."""
        if other is None or self.stopped or self.failed:
            return self
        return Run(min(self.wall, other.wall), min(self.processor, other.processor), max(self.peak, other.peak))


def run(command: Sequence[str], environment: Mapping[str, str], *, seconds: float, memory_gib: float) -> Run:
    """Run a command to its end, or until it has taken so many seconds; of more memory it gets none.

    This process must stay small: a child's peak starts at the size of the one that forked it.
    """
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        most = int(memory_gib * 2**30)
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (most, most))
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().strip().splitlines()
    stopped = wall >= seconds
    failed = "" if stopped or not process.returncode else (said or [f"exit code {process.returncode}"])[-1]
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, stopped, failed)
