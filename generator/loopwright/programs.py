"""The programs of a project, run by the python that has its packages: what they print, and why they fail."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from loopwright.errors import LoopwrightError
from loopwright.graph.load import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["Programs", "ended"]

GRACE = 20
"""Seconds that the project's program has to stop."""
LAST = 3
"""Lines of a traceback that are told."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """A generated repository, and the python that has its packages."""

    folder: Path
    python: Path
    doing: ClassVar[str] = "rehearsal"
    """What the programs are run for."""
    kept: ClassVar[str] = ""
    """What of an attempt that failed need not be done again."""

    def run(self, *words: str) -> None:
        """Run the project's python to its end.

        Raises:
            LoopwrightError: It failed; the project says why.
        """
        with self.started(*words) as lines:
            for _ in lines:
                pass

    @contextmanager
    def started(self, *words: str, stdin: IO[str] | None = None) -> Iterator[Iterator[str]]:
        """Run the project's python and yield the lines that it prints; it does not outlive the block.

        Raises:
            LoopwrightError: It failed; the project says why.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            process = self._start(words, stdin, said)
            assert process.stdout  # noqa: S101 - it is a pipe
            try:
                yield iter(process.stdout)
                process.wait()
            finally:
                ended(process)
            said.seek(0)
            if process.returncode:
                raise self._failed(said.read())

    def inside(self, package: Path, stdin: IO[str]) -> AbstractContextManager[Iterator[str]]:
        """Run ``package/run.py`` as if it were the project's, and yield the lines that it prints.

        Raises:
            LoopwrightError: It failed; the project says why.
        """
        # -B: what only looks leaves nothing behind.
        return self.started(
            "-B", str(Path(__file__).with_name("inside.py")), str(package), str(self.folder), stdin=stdin
        )

    def _start(self, words: tuple[str, ...], stdin: IO[str] | None, said: IO[str]) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(  # noqa: S603 - the project's python, words as a list
                [str(self.python), *words],
                cwd=self.folder,
                env=without_secrets() | {"PYTHONUTF8": "1"},
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                # Ctrl-C reaches us alone, and what we start is told to end by us.
                start_new_session=True,
            )
        except OSError as error:
            raise LoopwrightError(
                f"the {self.doing} cannot run the project's python",
                because=f"{self.python}: {error.strerror or error}",
                attempt="run `make setup` in the project, or set LOOPWRIGHT_PYTHON to a python that has its packages",
            ) from error

    def _failed(self, stderr: str) -> LoopwrightError:
        """Pass on what the project's program says, and of an accident the last lines."""
        told = stderr.rpartition("error: ")[2] if "Traceback" not in stderr else ""
        what, _, rest = told.partition("\n  because: ")
        because, _, attempt = rest.partition("\n  try: ")
        if attempt:
            return LoopwrightError(what, because=because, attempt=attempt.strip())
        lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
        return LoopwrightError(
            f"the project's own code failed in the {self.doing}",
            because="\n    ".join(lines[-LAST:]) or "it ended without a word",
            attempt="mend it (or run `make setup`, if a package is missing) and run it again" + self.kept,
        )


def ended(process: subprocess.Popen[Any]) -> None:
    """Ask a program to stop, and stop it where it does not; its workers end with it."""
    if process.stdin:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
