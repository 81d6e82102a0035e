"""The golden rows: a few that no training ever sees, chosen so that anyone chooses the same ones again.

The MD5 of a fixed salt and the row puts rows in an order that has nothing to do with the data or with the order they
came in; the first ones are taken. Where there is an entity, entities are set apart first, by the same kind of hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.tables.sql import Session, identifier, literal, scan, session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loopwright.contract.inference import Inference
    from loopwright.contract.wishes import Wishes

_SALT = "loopwright-golden-1"
_MOST_ROWS = 1_000
_LARGEST_SHARE = 0.05
_ROWS_AN_ENTITY = 20
_HEADROOM = 20
"""How many times more rows than needed are looked at first: not every key of a large table is held in memory."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The golden rows as they were written."""

    rows: int
    sha256: str
    """Of the file."""


def write_golden(history: Path, destination: Path, inference: Inference) -> Golden:
    """Write the golden rows of ``history`` to ``destination``: at most 1000, and 5 % of those whose target is known.

    With an entity they are drawn from many entities that nothing else may learn from. The same rows give the same
    bytes, whatever order they come in.

    Args:
        history: A clean Parquet file.
        destination: The Parquet file to write.
        inference: What was inferred from ``history``.

    Raises:
        DataError: A file cannot be read or written.
    """
    wishes, names = inference.wishes, inference.profile.names
    known = f"(FROM {scan(history)} WHERE {identifier(wishes.target)} IS NOT NULL)"
    with session(history, spill=destination.parent, threads=1) as duck:
        labelled = int(duck.value(f"FROM {known} SELECT count(*)"))
        share = max(1, int(labelled * _LARGEST_SHARE))
        if wishes.entity:
            # Whole entities are set apart, but few rows of each are enough: many entities tell more than many rows.
            apart = _fitting(duck, known, _key([wishes.entity]), min(share, _MOST_ROWS * _ROWS_AN_ENTITY), labelled)
            known = f"({apart})" if apart else known
        rows = _fitting(duck, known, _key(names), min(share, _MOST_ROWS), labelled) or f"FROM {known} LIMIT 1"
        ordered = f"FROM ({rows}) ORDER BY {_order(names, wishes)}"
        count = int(duck.value(f"COPY ({ordered}) TO {literal(destination)} (FORMAT parquet, COMPRESSION zstd)"))
    return Golden(rows=count, sha256=hashlib.sha256(destination.read_bytes()).hexdigest())


def _key(columns: Sequence[str]) -> str:
    parts = ", ".join(f"coalesce({identifier(column)}::VARCHAR, chr(30))" for column in columns)
    return f"md5(concat_ws(chr(31), {literal(_SALT)}, {parts}))"


def _order(names: Sequence[str], wishes: Wishes) -> str:
    first = [name for name in (wishes.time_column, wishes.entity) if name]
    return ", ".join(identifier(name) for name in [*first, *(name for name in names if name not in first)])


def _fitting(duck: Session, known: str, key: str, limit: int, labelled: int) -> str | None:
    """Return the SQL of the rows whose keys come first and fit into ``limit``; none if no key fits."""
    for share in (_HEADROOM * limit / labelled, 1.0):
        below = f"WHERE {key} < '{int(share * 0xFFFFFFFF):08x}'" if share < 1 else ""
        taken, left = [], limit
        for name, rows in duck.rows(f"FROM {known} SELECT {key} AS name, count(*) {below} GROUP BY name ORDER BY name"):
            if rows <= left:
                taken.append(literal(name))
                left -= rows
        if taken:
            return f"FROM {known} WHERE {key} IN ({', '.join(taken)})"
    return None
