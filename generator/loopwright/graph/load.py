"""From a generated repository to its resource graph, by the repository's own python."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loopwright.errors import LoopwrightError, UsageError
from loopwright.graph.model import ResourceGraph, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["interpreter", "load", "stacks", "without_secrets"]

PYTHON = "LOOPWRIGHT_PYTHON"
_SECONDS = 120
_LAST = 3
_TRACEBACK = "Traceback (most recent call last):"
_DROPPED = ("AWS_", "PULUMI_", "PYTHONPATH", "PYTHONHOME")
"""No evaluation needs credentials or an engine, and the path of our own python is not the project's."""


def load(
    project: Path,
    stack: str,
    *,
    settings: Mapping[str, str] | None = None,
    python: Path | None = None,
    answers: Literal["tokens", "concrete"] = "tokens",
) -> ResourceGraph:
    """Evaluate ``infra/`` for one stack.

    Args:
        project: The generated repository.
        stack: The name in ``Pulumi.NAME.yaml``.
        settings: Configuration values to overlay, as text.
        python: A python that has the project's packages; found when it is not given.
        answers: What stands for values that only a provider knows; see ``evaluate.py``.

    Raises:
        LoopwrightError: There is no such program or stack, or the program failed.
    """
    infra = project / "infra"
    known = stacks(project)
    if stack not in known:
        raise UsageError(
            f"there is no stack {stack}",
            because=f"infra/ has {', '.join(known) or 'no stack at all'}",
            attempt=f"name one of them, or write infra/Pulumi.{stack}.yaml",
        )
    words = [word for key, value in (settings or {}).items() for word in ("--set", f"{key}={value}")]
    words = [str(infra.resolve()), stack, "--answers", answers, *words]
    done = _run(python or interpreter(project, "infra/ cannot be evaluated yet"), stack, words)
    if done.returncode:
        raise _failed(stack, done.stderr)
    return parse(json.loads(done.stdout))


def stacks(project: Path) -> tuple[str, ...]:
    """Return the names of the stacks, sorted.

    Raises:
        LoopwrightError: The project has no Pulumi program.
    """
    infra = project / "infra"
    if not (infra / "Pulumi.yaml").is_file() or not (infra / "__main__.py").is_file():
        raise LoopwrightError(
            f"{project} has no infrastructure",
            because=f"{infra / 'Pulumi.yaml'} or {infra / '__main__.py'} is missing",
            attempt="name a repository that loopwright new has made",
        )
    return tuple(sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in infra.glob("Pulumi.*.yaml")))


def interpreter(project: Path, what: str) -> Path:
    """Return the python that has a project's packages.

    Args:
        project: The generated repository.
        what: What cannot be done without it.

    Raises:
        LoopwrightError: There is none yet.
    """
    if named := os.environ.get(PYTHON):
        return Path(named)
    places = [project / ".venv" / "bin" / "python", project / ".venv" / "Scripts" / "python.exe"]
    for place in places:
        if place.is_file():
            return place.absolute()
    raise LoopwrightError(
        what,
        because=f"{places[0]} is not there: the program runs with the project's own packages",
        attempt=f"run `make setup` in {project}, or set {PYTHON} to a python that has them",
    )


def without_secrets() -> dict[str, str]:
    """Return this process's environment without credentials and without the paths of its own python."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}


def _run(python: Path, stack: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = without_secrets() | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONUTF8": "1"}
    command = [str(python), str(Path(__file__).with_name("evaluate.py")), *words]
    try:
        return subprocess.run(  # noqa: S603 - the project's python and our file, words as a list
            command, env=environment, capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        because = f"it has not come to an end within {_SECONDS} seconds"
    except OSError as error:
        because = f"{python} cannot be run: {error.strerror or error}"
    raise LoopwrightError(
        f"infra/ cannot be evaluated for stack {stack}",
        because=because,
        attempt=f"run {python} -c 'import pulumi_aws' to see whether that python works",
    )


def _failed(stack: str, stderr: str) -> LoopwrightError:
    """Tell the program's own words whole, and of an accident the last lines."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    accident = _TRACEBACK in stderr
    attempt = f"mend infra/, or what infra/Pulumi.{stack}.yaml sets"
    if accident and lines[-1].startswith("ModuleNotFoundError"):
        lines, attempt = lines[-1:], "run `make setup`, which installs what infra/ imports"
    return LoopwrightError(
        f"infra/ cannot be evaluated for stack {stack}",
        because="\n    ".join(lines[-_LAST:] if accident else lines) or "its python ended without a word",
        attempt=attempt,
    )
