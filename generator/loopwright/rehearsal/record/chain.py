"""The chain: JSON Lines, each with the hash of the one before, so that no line can be changed, lost or put in between.

A line is canonical JSON (keys sorted, no spaces, ASCII, no NaN) of six members: `at`, `facts`, `kind`, `number`,
`previous` and `sha256`. The last is of the line without it. Whoever can write the file can also make a whole new chain:
against that, keep the last line's hash somewhere else.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from loopwright.errors import LoopwrightError, TargetError
from loopwright.rehearsal.record.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FIRST", "BrokenError", "Line", "Record", "canonical", "read"]

FIRST = "0" * 64
"""What the first line has for the hash of the one before."""
OPENED, CLOSED = "opened", "closed"
MEMBERS = {"at", "facts", "kind", "number", "previous", "sha256"}
_TAIL = re.compile(rb',"sha256":"([0-9a-f]{64})"\}\n')


class BrokenError(LoopwrightError):
    """A line is not what was written there."""

    def __init__(self, path: Path, line: int, because: str) -> None:
        super().__init__(
            f"line {line} of {path} is not as it was written",
            because=because,
            attempt="take the file from where it was kept, or rehearse again",
        )
        self.line = line


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a record that was verified."""

    number: int
    """From 1."""
    at: str
    """The simulated time: ISO 8601, in UTC."""
    kind: str
    facts: Mapping[str, Any]
    """As `KINDS` says for the kind."""
    sha256: str


class Record:
    """A record that is being written: to its end only, a whole line at a time.

    Args:
        path: A file that is not there yet.

    Raises:
        TargetError: It is there already, also where another process has just made it, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._number, self._previous = path, 0, FIRST
        self._counts: Counter[str] = Counter()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError as error:
            raise TargetError(
                f"{path} cannot be written",
                because="it is there already, and a record is never written over or gone on with",
                attempt="name another file, or move that one away",
            ) from error
        except OSError as error:
            raise self._unwritten(error) from error
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, kind: str, at: datetime, **facts: Any) -> str:
        """Write one line, and return its SHA-256.

        Args:
            kind: A name in `KINDS`.
            at: The simulated time.
            facts: All that the kind has.

        Raises:
            TypeError: The facts are not those of the kind.
            ValueError: The time has no time zone.
            TargetError: The line cannot be written; then none after it can.
        """
        if at.tzinfo is None:
            raise ValueError(f"{at} has no time zone")
        known = KINDS[kind](**facts)
        line = {"at": at.astimezone(UTC), "facts": known, "kind": kind, "number": self._number + 1}
        content = canonical(line | {"previous": self._previous})
        found = hashlib.sha256(content).hexdigest()
        self._write(b'%s,"sha256":"%s"}\n' % (content[:-1], found.encode()))
        self._number, self._previous = self._number + 1, found
        self._counts[kind] += 1
        return found

    def close(self, at: datetime) -> str:
        """Write the last line and return its SHA-256, which stands for the whole record."""
        found = self.append(CLOSED, at, counts=dict(self._counts))
        self._file.close()
        return found

    def _write(self, line: bytes) -> None:
        try:
            written = self._file.write(line)
        except OSError as error:
            self._file.close()
            raise self._unwritten(error) from error
        if written != len(line):
            self._file.close()
            raise self._unwritten(OSError("only a part of the line could be written"))

    def _unwritten(self, error: OSError) -> TargetError:
        because = str(error.strerror or error)
        return TargetError(f"{self._path} cannot be written", because=because, attempt="name another file")


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of a record, each when it has been verified.

    Raises:
        BrokenError: A line is not as it was written; those before it were.
        LoopwrightError: There is no such file, or it cannot be read.
    """
    before, counts = FIRST, Counter[str]()
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                line, previous = _verified(path, number, text)
                if because := _misplaced(line, previous, before, counts):
                    raise BrokenError(path, number, because)
                yield line
                before = line.sha256
                counts[line.kind] += 1
    except OSError as error:
        raise LoopwrightError(
            f"{path} cannot be read", because=str(error.strerror or error), attempt="name a record that rehearse wrote"
        ) from error
    if not counts:
        raise BrokenError(path, 1, "the file is empty")


def _verified(path: Path, number: int, text: bytes) -> tuple[Line, Any]:
    """Return a line whose hash is right, and the hash that it has for the one before."""
    tail = _TAIL.search(text)
    if tail is None:
        cut = "" if text.endswith(b"\n") else ": it is cut off, or its end was changed"
        raise BrokenError(path, number, f"it does not end with a SHA-256 and a line break{cut}")
    content = text[: tail.start()] + b"}"
    if hashlib.sha256(content).hexdigest() != tail[1].decode():
        raise BrokenError(path, number, "its content has another SHA-256 than the one that it ends with")
    found = _parsed(text)
    if set(found) != MEMBERS or found["number"] != number or not isinstance(found["facts"], dict):
        raise BrokenError(
            path, number, f"its hash is right, but it is no canonical JSON of a line with number {number}"
        )
    line = Line(number=number, at=found["at"], kind=found["kind"], facts=found["facts"], sha256=found["sha256"])
    return line, found["previous"]


def _parsed(text: bytes) -> dict[str, Any]:
    """Return the members of a line; none if it is not canonical JSON of an object."""
    try:
        found = json.loads(text)
        same = isinstance(found, dict) and canonical(found) + b"\n" == text
    except (ValueError, RecursionError):
        return {}
    return found if same else {}


def _misplaced(line: Line, previous: Any, before: str, counts: Counter[str]) -> str:
    """Return why a line cannot stand behind those before it, or nothing."""
    if previous != before:
        return f"the line before it has the SHA-256 {before}, and it was written behind {previous}"
    if str(line.kind) not in KINDS or set(line.facts) != {field.name for field in fields(KINDS[line.kind])}:
        return f"this version of Loopwright knows no {line.kind!r} with these facts"
    if counts[CLOSED]:
        return "the record ends before it"
    if (line.kind == OPENED) != (line.number == 1):
        return f"a record has {OPENED!r} in its first line, and nowhere else"
    if line.kind == CLOSED and line.facts["counts"] != dict(counts):
        return f"it counts {line.facts['counts']}, and before it there are {dict(counts)}"
    return ""


def canonical(value: Any) -> bytes:
    """Return the one JSON of a value: dataclasses are objects, times are text in UTC, and so are NaN and infinities."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        # As JavaScript spells them, and as Python's `float` reads them.
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} cannot stand in a record")
