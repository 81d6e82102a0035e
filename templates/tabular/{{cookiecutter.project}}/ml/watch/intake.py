"""Intake: every captured request of some periods, read once as a stream, judged, counted and kept.

A request is in the period that its time is in. One without a time is in the period that the folder of its hour is in;
where no folder says the hour, it is counted in the newest period that is read. What is captured twice, with the same
`eventId`, happened once and counts once: SageMaker gives each call an id of its own, and a caller who tries again makes
a call more.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ml import capture
from ml.watch.captured import sources
from ml.watch.rows import BATCH, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from pandera.polars import DataFrameSchema

    from ml.capture import Request
    from ml.places import Place
    from ml.serving.requests import Door
    from ml.signature import Signature
    from ml.watch.captured import Source
    from ml.watch.state import State
    from ml.window import Window

REMEMBERED = timedelta(hours=3)
"""So long the ids of requests are remembered: what was captured twice lies in the folders of neighbouring hours."""


@dataclass(kw_only=True)
class Tally:
    """What was counted of a period."""

    window: Window
    requests: int = 0
    duplicates: int = 0
    untimed: int = 0
    """Requests whose time is not known."""
    accepted: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, request: Request) -> None:
        """Count ``request``."""
        self.requests += 1
        self.accepted += request.accepted
        self.refused += len(request.refused)
        self.reasons.update(reason for _, reason in request.refused)
        self.untimed += request.time is None

    def document(self) -> dict[str, Any]:
        """Return what was counted, for JSON."""
        return {
            "window": {"from": self.window.start.isoformat(), "until": self.window.end.isoformat()},
            "requests": self.requests,
            "requests_without_time": self.untimed,
            "requests_captured_twice": self.duplicates,
            "rows": self.accepted + self.refused,
            "accepted": self.accepted,
            "refused": self.refused,
            "reasons": dict(self.reasons.most_common()),
        }


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Reads captured requests into the state."""

    capture: Place
    door: Door
    signature: Signature
    schema: DataFrameSchema
    serves: str | None
    """SHA-256 of the model that serves."""
    room: Path
    """For files on their way."""

    def watch(self, windows: Sequence[Window], state: State, report: Place) -> dict[Window, dict[str, Any]]:
        """Read some periods: keep their rows, and tell ``report`` the places of those that were refused.

        Args:
            windows: The newest of them last.
            state: Takes the rows.
            report: Takes a `quarantine.jsonl` for each period with refused rows.

        Returns:
            What was counted of each period, for `State.keep_period`.
        """
        books = [self._book(window) for window in windows]
        for source, request in self._requests(windows):
            book = _book(books, source, request)
            if book is not None:
                book.add(request, source.hour)
            if sum(each.writer.held for each in books) >= BATCH:
                for each in books:
                    each.writer.flush()
        return {book.tally.window: book.close(state, report) for book in books}

    def _book(self, window: Window) -> Book:
        folder = self.room / "rows" / window.name
        folder.mkdir(parents=True, exist_ok=True)
        return Book(
            tally=Tally(window=window),
            writer=Writer(folder, self.signature, self.schema, self.serves),
            refused=folder / "quarantine.jsonl",
        )

    def _requests(self, windows: Sequence[Window]) -> Iterator[tuple[Source, Request]]:
        for source in sources(self.capture, windows):
            path = self.capture.fetch(source.name, self.room)
            for request in capture.read(path, source.name, self.door):
                yield source, request
            if path.is_relative_to(self.room):
                path.unlink()


@dataclass(kw_only=True)
class Book:
    """One period, while it is read."""

    tally: Tally
    writer: Writer
    refused: Path
    """Where the places of refused rows go."""
    seen: dict[datetime, set[int]] = field(default_factory=dict)
    """Digests of the ids of requests, by the hour."""

    def add(self, request: Request, hour: datetime | None) -> None:
        """Take a request of this period, from a file of an hour, unless it was captured before."""
        if self._again(request, hour):
            self.tally.duplicates += 1
            return
        self.tally.add(request)
        if request.refused:
            with self.refused.open("a", encoding="utf-8") as lines:
                lines.writelines(_places(request))
        if request.time is not None:
            self.writer.add(request)

    def _again(self, request: Request, hour: datetime | None) -> bool:
        if request.event is None or request.time is None:
            return False
        for old in [each for each in self.seen if hour is not None and each < hour - REMEMBERED]:
            del self.seen[old]
        seen = self.seen.setdefault(request.time.replace(minute=0, second=0, microsecond=0), set())
        name = int.from_bytes(blake2b(request.event.encode(), digest_size=8).digest())
        known = name in seen
        seen.add(name)
        return known

    def close(self, state: State, report: Place) -> dict[str, Any]:
        """Hand over what was read, and return what was counted."""
        self.writer.flush()
        window = self.tally.window
        for number in range(self.writer.parts):
            state.keep_file(state.part(window, number), self.writer.path(number))
        if self.refused.exists():
            report.write(f"{window.name}/{self.refused.name}", self.refused)
        models = {sha: dict(rows) for sha, rows in self.writer.models.items()}
        return self.tally.document() | {"parts": self.writer.parts, "models": models}


def _book(books: Sequence[Book], source: Source, request: Request) -> Book | None:
    """Return the book of the period that a request is in; None where it is in none of these."""
    time = request.time or source.hour
    if time is None:
        return books[-1]
    return next((book for book in books if book.tally.window.holds(time)), None)


def _places(request: Request) -> list[str]:
    place = {"file": request.file, "line": request.line, "event": request.event}
    return [
        json.dumps(place | {"row": row, "reason": reason}, ensure_ascii=False) + "\n" for row, reason in request.refused
    ]
