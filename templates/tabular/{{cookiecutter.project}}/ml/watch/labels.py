"""Labels: what became of the rows that were answered, as it lands, late and in parts.

Labels are Parquet files with the columns `id` (what the request is named by, `ml/capture.py`), the target, and `row`
(which row of the request, from 0; without the column, 0). Of two labels for one row the later one counts: that of the
later file, in a file the later row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ml.errors import short

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ml.places import File, Place
    from ml.watch.state import State

LARGEST = 1 << 40
"""More rows than any file has."""
INDEX = "labels.json"
VALUES = re.compile(r": \[.*")
"""The end of a reason of polars: the values that are of another type than the target."""


class Seen(NamedTuple):
    """A file with labels."""

    file: File
    run: int
    """The run of the monitor that saw it first, counted from 1."""
    since: datetime
    """When that was; a row that was answered later has no label in it."""


@dataclass(kw_only=True)
class Labels:
    """The files with labels, and what was read of them in this run."""

    place: Place
    target: str
    of_type: pl.DataType
    """The target's type in the data contract."""
    room: Path
    """For copies of the files."""
    run: int
    """Of the monitor, counted from 1."""
    files: list[Seen]
    """In the order in which they were written."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Files that hold no labels, each with the reason."""
    _read: dict[str, Path] = field(default_factory=dict)

    def new(self, run: int, start: datetime) -> list[Seen]:
        """Return the files that were first seen after a run, as far as they may hold labels of rows since ``start``."""
        return [seen for seen in self.files if seen.run > run and seen.since >= start]

    def first_seen(self) -> list[int]:
        """Return the places of the files that no run before has seen."""
        return [place for place, seen in enumerate(self.files) if seen.run == self.run]

    def fetch(self, files: Iterable[Seen]) -> list[Path]:
        """Return the labels of some files; one that holds none is named in `unreadable`.

        They have the columns `id`, `row`, `target` and `turn`, which is larger for what is later.
        """
        return [path for seen in files if (path := self._fetch(seen)) is not None]

    def count(self, files: Iterable[Seen]) -> int:
        """Return how many labels some files hold."""
        return sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in self.fetch(files))

    def _fetch(self, seen: Seen) -> Path | None:
        name = seen.file.name
        if name not in self._read and name not in self.unreadable:
            try:
                self._read[name] = self._copied(name, self.files.index(seen))
            except (pl.exceptions.PolarsError, OSError) as error:
                self.unreadable[name] = VALUES.sub("", short(error))
        return self._read.get(name)

    def _copied(self, name: str, place: int) -> Path:
        rows = pl.scan_parquet(self.place.fetch(name, self.room))
        row = pl.col("row").cast(pl.Int64) if "row" in rows.collect_schema() else pl.lit(0, pl.Int64)
        target = pl.col(self.target)
        sound = target.is_not_null() & (target.is_finite() if self.of_type.is_float() else pl.lit(value=True))
        made = self.room / f"labels-{place:06d}.parquet"
        rows.with_row_index("turn").with_columns(target.cast(self.of_type)).filter(sound).select(
            pl.col("id").cast(pl.String),
            row.alias("row"),
            target.alias("target"),
            (pl.col("turn").cast(pl.Int64) + place * LARGEST).alias("turn"),
        ).drop_nulls().sink_parquet(made)
        return made


def labels(place: Place, state: State, now: datetime, target: str, of_type: pl.DataType) -> Labels:
    """List the files with labels, and keep which of them were there at ``now``.

    That is written before any is read: a run that ends halfway has not seen what it has not read.
    """
    known = state.document(INDEX) if state.there(INDEX) else {}
    run, before = known.get("run", 0) + 1, known.get("files", {})
    found: dict[str, dict[str, Any]] = {}
    files = []
    for file in sorted(place.files(), key=lambda file: (file.modified, file.name)):
        if not file.name.endswith(".parquet"):
            continue
        facts = {"modified": file.modified.isoformat(), "size": file.size}
        old = before.get(file.name, {})
        if {key: old.get(key) for key in facts} != facts:  # a file that was written again is another one
            old = facts | {"run": run, "since": now.isoformat()}
        found[file.name] = old
        files.append(Seen(file, old["run"], datetime.fromisoformat(old["since"])))
    state.keep(INDEX, {"run": run, "files": found})
    room = state.room / "labels"
    room.mkdir(parents=True, exist_ok=True)
    return Labels(place=place, target=target, of_type=of_type, room=room, run=run, files=files)
