"""Captured: which files hold the requests of some windows.

SageMaker lays files out as `ENDPOINT/VARIANT/yyyy/mm/dd/hh/*.jsonl`, by the hour in which a request was answered; one
of a few seconds before or after may lie in the hour beside. Files that lie elsewhere are of any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml.places import Place
    from ml.window import Window

HOUR = timedelta(hours=1)
YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file with captured requests."""

    name: str
    hour: datetime | None
    """The hour that it is of; None where it may be of any."""
    variant: str
    """The folder around: no request is in two of them."""


def sources(capture: Place, windows: Sequence[Window], below: str = "") -> Iterator[Source]:
    """Yield the files that may hold requests of ``windows``, each variant's in the order of time."""
    folders, files = capture.level(below)
    names = (file.name for file in files if file.name.endswith(".jsonl"))
    yield from (Source(name=name, hour=None, variant=below) for name in sorted(names))
    for folder in folders:
        inner = f"{below}/{folder}" if below else folder
        if not YEAR.fullmatch(folder):
            yield from sources(capture, windows, inner)
    if any(YEAR.fullmatch(folder) for folder in folders):
        yield from _hours(capture, windows, below)


def _hours(capture: Place, windows: Sequence[Window], variant: str) -> Iterator[Source]:
    for hour in hours(windows):
        folder = "/".join(filter(None, (variant, hour.strftime("%Y/%m/%d/%H"))))
        names = (file.name for file in capture.files(folder) if file.name.endswith(".jsonl"))
        yield from (Source(name=name, hour=hour, variant=variant) for name in sorted(names))


def hours(windows: Sequence[Window]) -> list[datetime]:
    """Return the hours whose folders may hold requests of ``windows``: theirs, and one more on each side."""
    found: set[datetime] = set()
    for window in windows:
        hour = window.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
        while hour < window.end + HOUR:
            found.add(hour)
            hour += HOUR
    return sorted(found)
