"""A record, verified and decided again by the project's own code: what ``loopwright rehearse --replay FILE`` checks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from loopwright.errors import Differs, LoopwrightError
from loopwright.graph.load import interpreter
from loopwright.programs import Programs
from loopwright.rehearsal.record import chain, origins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Difference", "Replayed", "as_document", "differs", "lines", "replay"]

SHOWN = 20
"""Differences that a terminal shows."""
WIDEST = 160
"""Characters of a value that a terminal shows."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field that comes out otherwise than it is recorded."""

    line: int
    at: str
    what: str
    field: str
    recorded: Any
    now: Any


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay found."""

    file: Path
    written: Mapping[str, int]
    """Lines of each kind in the record."""
    sha256: str
    """Of the last line: it stands for the whole record."""
    closed: bool
    """Whether the rehearsal came to its end."""
    counts: Mapping[str, int]
    """How many of what were decided again."""
    kept: int
    """Facts that nothing recorded tells: they are believed."""
    different: int
    """Lines that come out otherwise."""
    differences: tuple[Difference, ...]
    """The first thousand."""
    notes: tuple[str, ...]


class _Programs(Programs):
    doing: ClassVar[str] = "replay"


def replay(project: Path, file: Path, *, python: Path | None = None) -> Replayed:
    """Verify a record, and have the project's code of today decide again all that is recorded.

    Args:
        project: The generated repository.
        file: The record.
        python: A python that has the project's packages; found when it is not given.

    Raises:
        Differs: A line is not as it was written.
        LoopwrightError: There is no such record or project, or the project's code fails.
    """
    if not (project / "infra" / "mlops" / "handlers").is_dir():
        raise LoopwrightError(
            f"{project} cannot decide anything again",
            because=f"{project / 'infra' / 'mlops' / 'handlers'} is missing",
            attempt="name a repository that loopwright new has made",
        )
    opened, last, written = _verified(file)
    notes = [*origins.changed(project, opened.facts)]
    if last.kind != chain.CLOSED:
        notes.append("the record has no end: the rehearsal was interrupted, or lines are missing there")
    found = _decided(project.absolute(), file, python or interpreter(project, "nothing can be decided again yet"))
    told = found.pop()
    return Replayed(
        file=file,
        written=written,
        sha256=last.sha256,
        closed=last.kind == chain.CLOSED,
        counts={what: count for what, count in told["counts"].items() if count},
        kept=told["kept"],
        different=told["lines"],
        differences=tuple(Difference(**each) for each in found),
        notes=tuple(notes),
    )


def _verified(file: Path) -> tuple[chain.Line, chain.Line, dict[str, int]]:
    """Return the first line, the last, and how many there are of each kind."""
    ends: list[chain.Line] = []
    written: dict[str, int] = {}
    try:
        for line in chain.read(file):
            ends = [*ends[:1], line]
            written[line.kind] = written.get(line.kind, 0) + 1
    except chain.BrokenError as error:
        raise Differs(error.what, because=error.because, attempt=error.attempt) from error
    return ends[0], ends[-1], written


def _decided(project: Path, file: Path, python: Path) -> list[dict[str, Any]]:
    """Return what `anew/run.py` answers."""
    programs = _Programs(folder=project, python=python)
    with file.open(encoding="ascii") as stdin, programs.inside(Path(__file__).with_name("anew"), stdin) as said:
        return [json.loads(line) for line in said]


def lines(replayed: Replayed) -> Iterator[str]:
    """Yield what is told on a terminal."""
    total = sum(replayed.written.values())
    yield f"{replayed.file}: {total:,} lines, each as it was written; the SHA-256 of the last is {replayed.sha256}"
    again = ", ".join(f"{count:,} {what}" for what, count in replayed.counts.items()) or "nothing"
    outcome = f"{replayed.different:,} lines differ" if replayed.different else "all as recorded"
    yield f"decided again: {again}: {outcome}"
    if replayed.kept:
        yield f"believed, because nothing recorded tells it: {replayed.kept:,}"
    for each in replayed.differences[:SHOWN]:
        yield f"  line {each.line} ({each.at}), {each.what}, {each.field}:"
        yield f"    recorded {_short(each.recorded)}"
        yield f"    now      {_short(each.now)}"
    if len(replayed.differences) > SHOWN:
        yield f"  and more: --json tells the first {len(replayed.differences):,} fields that differ"
    yield from (f"note: {note}" for note in replayed.notes)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}..."


def as_document(replayed: Replayed) -> dict[str, Any]:
    """Return what was found for a program to read."""
    return asdict(replayed) | {
        "file": str(replayed.file),
        "passed": not replayed.different,
        "differences": [asdict(each) for each in replayed.differences],
        "notes": list(replayed.notes),
    }


def differs(replayed: Replayed) -> Differs | None:
    """Return the error of a record that is not decided again as it stands; None where it is."""
    if not replayed.different:
        return None
    first = replayed.differences[0]
    return Differs(
        f"{replayed.different:,} lines of {replayed.file} come out otherwise",
        because=f"the first is line {first.line}: {first.field} was {_short(first.recorded)}, now {_short(first.now)}",
        attempt="see what changed in the project since (the notes above say where), or rehearse again",
    )
