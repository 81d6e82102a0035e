"""``loopwright backtest``: the matrix, the study, the report, and the lines that are put into loop.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright import documents
from loopwright.backtest import words
from loopwright.backtest.document import document
from loopwright.backtest.lines import changes, write
from loopwright.backtest.project import Project
from loopwright.backtest.study import studied
from loopwright.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loopwright.backtest.cost import Cost

__all__ = ["Asked", "Found", "backtest", "lines"]

SHOWN = ("loop", "never", "optimum")
INTERVALS = (7, 14, 28, 56)
"""Schedules, in days, that the terminal shows; the report has all."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a backtest was asked for."""

    cost: Cost
    data: Path | None = None
    """A history beside the project's own."""
    windows: tuple[int, ...] = ()
    """Days; none: those of loop.yaml."""
    every: int = 0
    """Days between two trainings; 0: a week, or more where the history is long."""
    jobs: int = 0
    """Processes that train; 0: one for each processor."""
    report: Path | None = None
    """The folder of the report; None: `reports/backtest` of the project."""
    write: bool = False
    """Whether the proposed lines are put into loop.yaml."""

    def words(self) -> list[str]:
        """Return the options of the project's `python -m ml matrix`."""
        told: dict[str, object] = {"data": self.data and self.data.absolute(), "every": self.every, "jobs": self.jobs}
        told["windows"] = ",".join(map(str, self.windows))
        return [word for name, value in told.items() if value for word in (f"--{name}", str(value))]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a backtest found, and where it is told."""

    document: dict[str, Any]
    files: Sequence[Path]
    trained: int
    """Models that were not kept yet."""
    written: bool
    """Whether loop.yaml was changed."""


def backtest(folder: Path, asked: Asked, tell: Callable[[str], None]) -> Found:
    """Backtest a project.

    Args:
        folder: Of the generated repository.
        asked: How.
        tell: Is told of the progress.

    Raises:
        LoopwrightError: It cannot be backtested, or loop.yaml cannot be changed.
    """
    project = Project.at(folder)
    if asked.data and not asked.data.is_file():
        raise DataError(
            f"{asked.data} cannot be read", because="there is no such file", attempt="name Parquet with --data"
        )
    header = project.matrix(asked.words(), tell)
    tell("playing policies")
    windows = asked.windows or tuple(header["contract"]["windows_days"])
    study = studied(header, windows, asked.cost, lambda plays: project.loops(header, plays))
    found = document(study)
    tell("writing the report")
    place = asked.report or project.folder / "reports" / "backtest"
    files = documents.write(project, "backtest", found, words.markdown(found), place)
    wanted = changes(study.settings[study.standing.name], study.settings[study.proposed.name])
    if asked.write and wanted:
        write(project.folder / "loop.yaml", wanted)
    return Found(document=found, files=files, trained=header["trained"], written=bool(asked.write and wanted))


def lines(found: Found) -> Iterator[str]:
    """Yield what is told on a terminal."""
    yield from found.document["sentences"]
    yield ""
    yield from _columns(found.document)
    yield ""
    yield from (f"  {each['line']}" for each in found.document["proposal"])
    if found.document["proposal"]:
        yield (
            "loop.yaml has these lines now."
            if found.written
            else "The same with --write puts these lines into loop.yaml."
        )
    yield f"{found.trained} models were trained now; the others were kept."
    yield "Report: " + ", ".join(map(str, found.files))


def _columns(document: dict[str, Any]) -> Iterator[str]:
    few = {
        each["name"]
        for each in document["policies"]
        if each["kind"] in SHOWN or each["interval"] in {*INTERVALS, document["interval"], document["matrix"]["every"]}
    }
    head, *rows = words.table(document)
    shown = [head, *(row for row in rows if row[0].removesuffix(words.PROPOSED) in few)]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    for name, *cells in shown:
        yield "  ".join(
            [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        )
