"""What runs in the project's own environment: the loss matrix, the loop as its code has it, and the page."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loopwright.backtest.play.days import Played
from loopwright.errors import LoopwrightError
from loopwright.graph.load import interpreter, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

__all__ = ["Project"]

GRACE = 20
"""Seconds that the project's program has to stop."""
LAST = 3
"""Lines of a traceback that are told."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A generated repository, and the python that has its packages."""

    folder: Path
    python: Path

    @classmethod
    def at(cls, folder: Path) -> Project:
        """Find the project in a folder.

        Raises:
            LoopwrightError: There is none, it is too old for this, or its environment is not made yet.
        """
        if not (folder / "loop.yaml").is_file() or not (folder / "ml" / "backtest").is_dir():
            raise LoopwrightError(
                f"{folder} cannot be backtested",
                because=f"{folder / 'loop.yaml'} or {folder / 'ml' / 'backtest'} is missing",
                attempt="name a repository that this version of loopwright new has made",
            )
        return cls(folder=folder.absolute(), python=interpreter(folder, "no model can be trained yet"))

    def matrix(self, words: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
        """Train what is missing of the loss matrix and return what it is about, with the file of its models.

        Args:
            words: Options of the project's `python -m ml matrix`.
            tell: Is told of the progress.

        Raises:
            LoopwrightError: It cannot be made; the project says why.
        """
        found: dict[str, Any] = {}
        with self._started("-m", "ml", "matrix", *words, stdin=None) as lines:
            for line in lines:
                if line.startswith("{"):
                    found = json.loads(line)
                else:
                    done, _, all_of_them = line.strip().partition("/")
                    tell(f"training models: {done} of {all_of_them}")
        return found

    def loops(self, header: Mapping[str, Any], plays: Sequence[Mapping[str, Any]]) -> list[Played]:
        """Play the loop as the project's code and contract have it; see ``play/run.py``."""
        request = json.dumps({"header": header, "plays": plays})
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin:
            stdin.write(request)
            stdin.seek(0)
            script = str(Path(__file__).with_name("replay.py"))
            with self._started(script, str(self.folder), stdin=stdin) as lines:
                done = json.loads("".join(lines))
        return [
            Played(
                losses=np.array(each["losses"], dtype=float),
                counts=np.array(each["counts"]),
                retrained=each["retrained"],
                probed=each["probed"],
            )
            for each in done
        ]

    def page(self, document: Path, target: Path) -> None:
        """Draw the page of a document."""
        with self._started(
            "-m", "ml", "backtest", str(document.absolute()), str(target.absolute()), stdin=None
        ) as lines:
            list(lines)

    @contextmanager
    def _started(self, *words: str, stdin: IO[str] | None) -> Iterator[Iterator[str]]:
        """Run a program of the project and yield the lines that it prints; it does not outlive the block."""
        environment = without_secrets() | {"PYTHONUTF8": "1"}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(  # noqa: S603 - the project's python, words as a list
                [str(self.python), *words],
                cwd=self.folder,
                env=environment,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                # Ctrl-C reaches us alone, and what we start is told to end by us.
                start_new_session=True,
            )
            assert process.stdout  # noqa: S101 - it is a pipe
            try:
                yield iter(process.stdout)
                process.wait()
            finally:
                _end(process)
            said.seek(0)
            if process.returncode:
                raise _failed(said.read())


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the program to stop, and stop it where it does not; its workers end with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def _failed(stderr: str) -> LoopwrightError:
    """Pass on what the project's program says, and of an accident the last lines."""
    told = stderr.rpartition("error: ")[2] if "Traceback" not in stderr else ""
    what, _, rest = told.partition("\n  because: ")
    because, _, attempt = rest.partition("\n  try: ")
    if attempt:
        return LoopwrightError(what, because=because, attempt=attempt.strip())
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    return LoopwrightError(
        "the project's own code failed in the backtest",
        because="\n    ".join(lines[-LAST:]) or "it ended without a word",
        attempt="mend it (or run `make setup`, if a package is missing) and run it again: what is trained is kept",
    )
