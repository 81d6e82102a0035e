"""Landed: labels joined to the rows of one period, on disk, so that neither has to fit into memory."""

# ruff: noqa: S608 - no word of a query is given by anybody

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from ml.drift.measure import connected
from ml.watch.rows import ANSWERED, BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MEMORY = "150MB"
"""What a statement may take before it spills."""
PARTS = 5
"""So many parts are joined at once: their rows fit into memory, and all labels are read past them."""


def join(parts: Sequence[Path], labels: Sequence[Path], earlier: Path | None, made: Path) -> None:
    """Write the labels of a period's rows as `part`, `id`, `row`, `target` and `turn`, a line a label.

    Args:
        parts: The rows, in parts.
        labels: New labels, as `Labels.fetch` returns them.
        earlier: What was written for these rows before; a new label takes the place of one there.
        made: Where to write.
    """
    written = []
    for first in range(0, len(parts), PARTS):
        written.append(made.with_name(f"joined-{first:05d}.parquet"))
        with _connected(made.parent) as connection:
            _join(connection, dict(enumerate(parts[first : first + PARTS], start=first)), labels, earlier, written[-1])
    together(written, made)


def _join(connection: Any, parts: Mapping[int, Path], labels: Sequence[Path], earlier: Path | None, made: Path) -> None:
    numbers = {"filename": [str(path) for path in parts.values()], "part": list(parts)}
    connection.execute("CREATE TABLE parts AS SELECT unnest($filename) AS filename, unnest($part) AS part", numbers)
    rows = connection.read_parquet(numbers["filename"], filename=True)
    rows.filter(ANSWERED).project("__id__ AS id, __row__ AS row, filename").create_view("answered")
    connection.read_parquet([str(path) for path in labels]).create_view("labels")
    found = "SELECT part, id, row, target, turn FROM answered JOIN parts USING (filename) JOIN labels USING (id, row)"
    if earlier:
        connection.read_parquet(str(earlier)).create_view("earlier")
        before = "SELECT part, id, row, target, -1 AS turn FROM earlier WHERE part IN (SELECT part FROM parts)"
        found = f"{before} UNION ALL {found}"
    latest = "arg_max(target, turn) AS target, max(turn) AS turn"
    query = f"SELECT part, id, row, {latest} FROM ({found}) GROUP BY part, id, row"  # nothing of the data  # nosec B608
    connection.sql(query).write_parquet(str(made))


def together(parts: Sequence[Path], made: Path) -> None:
    """Write several Parquet files of the same columns as one, in their order, as a stream."""
    pl.scan_parquet(list(parts)).sink_parquet(made, row_group_size=BATCH)


def _connected(room: Path) -> Any:
    """Return a connection that takes little memory, and spills below ``room``."""
    return connected(memory_limit=MEMORY, temp_directory=str(room / "spill"), preserve_insertion_order=False)
