"""The project's environment while it is rehearsed: jobs, functions and servers run there, and ask us for AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from loopwright.errors import LoopwrightError
from loopwright.programs import ended
from loopwright.rehearsal.project.answering import Answering

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

__all__ = ["PROGRAMS", "Environment"]

PROGRAMS = Path(__file__).with_name("programs")
"""What the project's python runs of ours."""
LIBRARIES = (
    *("numpy", "scipy.stats", "polars", "pandera.polars", "sklearn.metrics", "lightgbm", "pydantic", "yaml"),
    *("fastapi", "uvicorn", "orjson", "prometheus_client", "fairlearn.metrics", "boto3", "botocore.session"),
    *("ml.contract", "ml.schema"),
)
"""What the jobs and the server of the template import; of a project that has others, those are imported each time. The
last two define things, and do nothing."""
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class Environment:
    """A warm python with the project's packages, and a line on which its programs ask AWS.

    Args:
        project: The generated repository.
        python: A python that has its packages.
        room: A folder for sockets and logs; its path has to be short.
        ask: Makes a call; see ``Answering``.
    """

    def __init__(
        self,
        project: Path,
        python: Path,
        room: Path,
        ask: Callable[[str, str, str, dict[str, Any]], dict[str, Any]],
    ) -> None:
        self.project, self.python, self.room = project.absolute(), python, room
        self._ask = ask
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.answering = Answering(self.room / "aws", self._ask)
        self._stack.callback(self.answering.close)
        script = self.room / "python"
        script.write_text(f'#!/bin/sh\nexec {" ".join(map(_quoted, self._words()))} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        self.command = (str(script),)
        """What stands for the project's python."""
        if sys.platform == "linux":
            self._serve()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def variables(self, role: str) -> dict[str, str]:
        """Return the environment variables of a program that acts as a role, by its ARN, on AWS."""
        return {
            **self.plain(),
            "LOOP_PYTHON": self.command[0],
            "LOOPWRIGHT_AWS": self.answering.address,
            "LOOPWRIGHT_ROLE": role,
            # Threads that wait in a loop, as OpenMP's do, take the processor from others that have work.
            "OMP_WAIT_POLICY": "passive",
        }

    def plain(self) -> dict[str, str]:
        """Return the environment variables of any program of the project."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {"PYTHONPATH": str(self.project), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def started(self, words: list[str], variables: Mapping[str, str], **how: Any) -> subprocess.Popen[bytes]:
        """Start a program that lives on, and is ended at the latest with the environment."""
        process = subprocess.Popen(  # noqa: S603 - the project's own program
            words, env=dict(variables), cwd=self.room, stdin=subprocess.DEVNULL, start_new_session=True, **how
        )
        self._stack.callback(ended, process)
        return process

    def _words(self) -> list[str]:
        warm, python = str(PROGRAMS / "warm.py"), str(self.python)
        if sys.platform == "linux":
            return [python, "-IS", warm, "run", str(self.room / "warm")]
        return [python, warm, "alone"]

    def _serve(self) -> None:
        words = [
            str(self.python),
            str(PROGRAMS / "warm.py"),
            "serve",
            str(self.room / "warm"),
            str(self.room / "cache"),
        ]
        words += LIBRARIES
        process = subprocess.Popen(  # noqa: S603 - the project's python, and our file
            words,
            env=self.plain(),
            cwd=self.room,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._stack.callback(ended, process)
        assert process.stdout  # noqa: S101 - it is a pipe
        assert process.stderr  # noqa: S101
        if process.stdout.readline() != b"ready\n":
            lines = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise LoopwrightError(
                "the project's environment does not start",
                because=lines[-1] if lines else "its python ended without a word",
                attempt="run `make setup` in the project",
            )


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
