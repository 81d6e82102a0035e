"""``loopwright rehearse``: a stack's loop over a history, on a simulated clock, and its report."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopwright.errors import DataError, Differs, LoopwrightError, TargetError, UsageError
from loopwright.graph.load import interpreter
from loopwright.placeholder import whole
from loopwright.programs import Programs
from loopwright.rehearsal import scenarios
from loopwright.rehearsal.document import document
from loopwright.rehearsal.record import chain, origins
from loopwright.rehearsal.rehearsal import Asked, Rehearsal
from loopwright.rehearsal.report.write import write
from loopwright.rehearsal.stretch import Stretch
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loopwright.rehearsal.scenarios.scenario import Scenario

__all__ = ["Found", "Wish", "differs", "rehearse"]

RECORD = "decisions.jsonl"
BEFORE = timedelta(days=7)
"""A scenario breaks nothing in the first days: the loop has to stand first."""
AFTER = timedelta(days=30)
"""And some days are left to see it mended."""
LONGEST = 60
"""Of the temporary folder: 103 characters are left for a socket on macOS, and its own folder and name take up to 42."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    stack: str = "dev"
    data: Path | None = None
    begins: str | None = None
    ends: str | None = None
    step: str = "1d"
    scenario: str | None = None
    report: Path | None = None
    """The folder of the report; None: ``reports/rehearsal`` of the project, and for a scenario one of its own there."""
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a rehearsal found, and where it is told."""

    document: dict[str, Any]
    files: Sequence[Path]


def rehearse(folder: Path, wish: Wish, tell: Callable[[str], None]) -> Found:
    """Rehearse a project's loop.

    Args:
        folder: Of the generated repository.
        wish: How.
        tell: Is told of the progress.

    Raises:
        LoopwrightError: It cannot be rehearsed, or the report cannot be written.
    """
    _refuse_foreign(folder, wish)
    python = interpreter(folder, "nothing can be rehearsed yet")
    scenario = scenarios.named(wish.scenario) if wish.scenario else None
    asked = Asked(
        project=folder.absolute(),
        python=python,
        data=wish.data,
        begins=_moment(wish.begins, "--from"),
        ends=_moment(wish.ends, "--to"),
        step=_step(wish.step),
        days=_longest(scenario) if scenario and not wish.ends else None,
        seed=wish.seed,
    )
    _refuse_unwritable(_target(folder, wish))
    tell(f"evaluating infra/ for {wish.stack}")
    graph, _ = whole(folder, wish.stack, python=python)
    stack = Stack(graph, Sources(folder))
    room = _room()
    try:
        return _rehearsed(folder, wish, asked, stack, scenario, room, tell)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _rehearsed(  # noqa: PLR0917 - what `rehearse` has found out
    folder: Path,
    wish: Wish,
    asked: Asked,
    stack: Stack,
    scenario: Scenario | None,
    room: Path,
    tell: Callable[[str], None],
) -> Found:
    began = time.monotonic()
    written = room / RECORD
    with chain.Record(written) as record:
        rehearsal = Rehearsal(asked, stack, room, record, tell)
        rehearsal.opening = {
            "project": stack.graph.project,
            "stack": stack.graph.stack,
            "seed": asked.seed,
            "scenario": wish.scenario,
            "contract_sha256": origins.contract(folder),
            "handlers_sha256": origins.handlers(folder),
            "graph_sha256": stack.graph.digest,
            "image": origins.image(folder, wish.stack),
        }
        stretch: list[Stretch] = []
        if scenario:
            rehearsal.arrange = lambda made: stretch.append(_arranged(made, scenario))
        rehearsal.run()
        record.close(rehearsal.cloud.clock.now)
    seconds = time.monotonic() - began
    found = document(rehearsal, scenario=scenario, stretch=stretch[0] if stretch else None, seconds=seconds)
    tell("writing the report")
    target = _target(folder, wish)
    files = write(Programs(folder=asked.project, python=asked.python), found, target)
    kept = target / RECORD
    shutil.copyfile(written, kept)
    return Found(document=found, files=[*files, kept])


def _target(folder: Path, wish: Wish) -> Path:
    return wish.report or folder / "reports" / "rehearsal" / (wish.scenario or "")


def _refuse_unwritable(target: Path) -> None:
    """Refuse a folder that the report cannot be written into, before the minutes that it takes to make one.

    Raises:
        TargetError: What is there is no folder, or may not be written.
    """
    there = next(path for path in (target.absolute(), *target.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise TargetError(
            f"the report cannot be written into {target}",
            because=f"{there} is no folder" if not there.is_dir() else f"{there} may not be written",
            attempt="name another folder with --report",
        )


def _room() -> Path:
    """Make a folder for everything that is made meanwhile; sockets have short paths, so it is not in the project.

    Raises:
        LoopwrightError: The path of a socket there would be too long for the system.
    """
    above = tempfile.gettempdir()
    if len(os.fsencode(above)) > LONGEST:
        raise LoopwrightError(
            f"nothing can be rehearsed below {above}",
            because=f"a socket's path is short, so that of the temporary folder has at most {LONGEST} characters",
            attempt="TMPDIR=/tmp loopwright rehearse ...",
        )
    return Path(tempfile.mkdtemp(prefix="loopwright-"))


def _arranged(rehearsal: Rehearsal, scenario: Scenario) -> Stretch:
    """Plan a scenario in a rehearsal that is long enough for it.

    Raises:
        UsageError: It is not.
    """
    begins = rehearsal.begins + BEFORE
    stretch = Stretch(begins=begins, ends=begins + timedelta(days=scenario.days))
    if stretch.ends + BEFORE > rehearsal.ends:
        raise UsageError(
            f"{scenario.name} does not fit between {rehearsal.begins:%Y-%m-%d} and {rehearsal.ends:%Y-%m-%d}",
            because=f"it lasts {scenario.days:g} days, and a week before and after it has to be seen",
            attempt="name a longer time with --from and --to, or a longer history with --data",
        )
    scenario.arrange(rehearsal, stretch)
    return stretch


def _longest(scenario: Scenario) -> float:
    """Return the days that a scenario needs to be seen whole."""
    return (BEFORE + AFTER) / timedelta(days=1) + scenario.days


def _refuse_foreign(folder: Path, wish: Wish) -> None:
    if not (folder / "loop.yaml").is_file() or not (folder / "ml" / "rehearsal").is_dir():
        raise LoopwrightError(
            f"{folder} cannot be rehearsed",
            because=f"{folder / 'loop.yaml'} or {folder / 'ml' / 'rehearsal'} is missing",
            attempt="name a repository that this version of loopwright new has made",
        )
    if wish.data and not wish.data.is_file():
        because = "there is no such file"
        raise DataError(f"{wish.data} cannot be read", because=because, attempt="name Parquet with --data")


def _moment(text: str | None, option: str) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(
            f"{option} {text} is no time", because=str(error), attempt=f"{option} 2026-03-01, for example"
        ) from error


def _step(text: str) -> timedelta:
    units = {"h": 1, "d": 24, "w": 168}
    number, unit = text[:-1], text[-1:]
    hours = int(number) * units.get(unit, 0) if number.isascii() and number.isdigit() else 0
    if not 1 <= hours <= units["w"]:
        raise UsageError(
            f"--step {text} is no step", because="a step lasts from an hour to a week", attempt="--step 6h, 1d or 1w"
        )
    return timedelta(hours=hours)


def differs(found: Found) -> Differs | None:
    """Return the error of a scenario whose promises were not all kept; None where they were."""
    scenario = found.document["scenario"]
    broken = [each for each in scenario["promises"] if not each["kept"]] if scenario else []
    if not broken:
        return None
    return Differs(
        f"{scenario['name']}: {len(broken)} of {len(scenario['promises'])} promises were not kept",
        because=f"{broken[0]['what']}: {broken[0]['because']}",
        attempt="look at the report: it shows what happened, hour by hour",
    )
