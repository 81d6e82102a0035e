"""`make demo`: from nothing to a served champion, and to a rehearsal of its loop on AWS, in one go.

Renders a repository from the simulator, runs its own checks and its pipeline, starts its server and asks it, rehearses
the loop with a version that fails in its canary, and says at the end what came out. Answers for `loopwright new` may
follow behind --, for instance a data file of yours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.table import Table

from lap import LapError, Repository, ask, environment

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
CONSOLE = Console(stderr=True, highlight=False)
SCENARIO, DAYS = "failing-canary", 18
"""What is rehearsed: a week before it, its days, and a week after it are the least."""


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo/shop"), help="where the repository goes")
    parser.add_argument("new", nargs="*", help="answers for `loopwright new`, behind --")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.parent.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder=arguments.folder.resolve())
    command = [sys.executable, "-m", "loopwright", "new", str(arguments.folder), "--no-input", *arguments.new]
    try:
        step("render a repository", lambda: rendered(command))
        step("install its locked environment", lambda: repository.make("setup"))
        step("its own checks: lint, types, tests", lambda: repository.make("check"))
        step("its pipeline: prepare, probe, train, evaluate, gates, register", lambda: repository.make("run"))
        with ExitStack() as stack:
            address = step("start its server", lambda: stack.enter_context(repository.served()))
            rows = repository.rows(3)
            answer = step("ask it", lambda: ask(address, rows))
        found = step(f"rehearse its loop on AWS, while something breaks: {SCENARIO}", lambda: rehearsed(repository))
    except LapError as error:
        CONSOLE.print(f"[red]error:[/red] {error}", markup=True)
        return 1
    tell(repository, answer)
    tell_rehearsal(repository, found)
    return 0


def rendered(command: list[str]) -> None:
    """Run `loopwright new`; what it says of the data is shown, its list of files is not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LapError(done.stderr)
    CONSOLE.print(done.stderr.partition("\n\n")[2].partition("\nnext:")[0], markup=False, soft_wrap=True)


def rehearsed(repository: Repository) -> dict[str, Any]:
    """Run `loopwright rehearse` on the newest days, and return what it found; a broken promise is an error."""
    newest = repository.newest()
    begins = ["--from", (newest - timedelta(days=DAYS)).date().isoformat()] if newest else []
    command = [sys.executable, "-m", "loopwright", "rehearse", str(repository.folder), "--faults", SCENARIO, "--json"]
    done = subprocess.run([*command, *begins], capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise LapError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def step(what: str, work: Callable[[], T]) -> T:
    """Do one step, with a clock beside its name."""
    start = time.monotonic()
    with CONSOLE.status(what):
        done = work()
    CONSOLE.print(f"[green]done[/green] {what} ({time.monotonic() - start:.0f} s)")
    return done


def tell(repository: Repository, answer: dict[str, list[object]]) -> None:
    """Print what came out."""
    metrics, gates, registered = (repository.report(f"{name}.json") for name in ("metrics", "gates", "registered"))
    table = Table(
        "gate", "verdict", "what it saw", title=f"{registered['name']}: version {registered['version']} is the champion"
    )
    for gate in gates["gates"]:
        table.add_row(gate["gate"], "pass" if gate["passed"] else "FAIL", gate["note"])
    CONSOLE.print(table)
    CONSOLE.print(
        "metrics   " + ", ".join(f"{name} {value:.3f}" for name, value in metrics["metrics"].items()), soft_wrap=True
    )
    CONSOLE.print(
        "baselines " + ", ".join(f"{name} {value:.3f}" for name, value in metrics["baselines"].items()), soft_wrap=True
    )
    for prediction in answer["predictions"]:
        CONSOLE.print(f"served    {prediction}", soft_wrap=True)
    CONSOLE.print(f"look      cd {repository.folder.relative_to(Path.cwd())} && make serve, or make ui")


def tell_rehearsal(repository: Repository, found: dict[str, Any]) -> None:
    """Print what the rehearsal found, and where its page is."""
    for sentence in found["sentences"]:
        CONSOLE.print(f"rehearsed {sentence}", markup=False, soft_wrap=True)
    for promise in found["scenario"]["promises"]:
        CONSOLE.print(f"kept      {promise['what']}: {promise['because']}", markup=False, soft_wrap=True)
    page = repository.folder.relative_to(Path.cwd()) / "reports" / "rehearsal" / SCENARIO / "rehearsal.html"
    CONSOLE.print(f"look      {page}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
