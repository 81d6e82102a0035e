"""What was found in a table, in few words: for a person to check, and for a program to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from loopwright.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.contract.inference import Inference, Role, Wishes
    from loopwright.tables.profile import ColumnProfile, Level

__all__ = ["Found", "FoundColumn", "summarize"]

_SHOWN_LEVELS = 4
_LONGEST_LEVEL = 16


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """One column, as a line of a table."""

    name: str
    kind: str
    null_share: float
    values: str
    """Its range, or its most frequent levels."""
    use: str
    """target, time, entity, feature, or why it is left out."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A table and what is to be predicted from it."""

    rows: int
    task: str
    target: str
    balance: Mapping[str, float]
    """The share of each class among the rows whose target is known, largest first; empty for a regression."""
    metric: str
    limit: float
    columns: tuple[FoundColumn, ...]


def summarize(inference: Inference) -> Found:
    """Return what was inferred, in few words."""
    pairs = zip(inference.profile.columns, inference.roles, strict=True)
    return Found(
        rows=inference.profile.rows,
        task=inference.task,
        target=inference.wishes.target,
        balance=_shares(inference.classes or {}),
        metric=inference.metric.name,
        limit=inference.metric.limit,
        columns=tuple(_column(column, role, inference.wishes) for column, role in pairs),
    )


def _column(column: ColumnProfile, role: Role, wishes: Wishes) -> FoundColumn:
    parts = {wishes.target: "target", wishes.time_column: "time", wishes.entity: "entity"}
    use = parts.get(column.name) or ("feature" if role.feature else f"left out: {role.reason or column.reason}")
    return FoundColumn(
        name=column.name, kind=column.kind, null_share=column.null_share, values=_values(column), use=one_line(use)
    )


def _values(column: ColumnProfile) -> str:
    if column.personal:
        return f"about {column.distinct} different ones"
    if column.kind != "numeric" and column.levels:
        levels = [f"{_short(level)} {share:.0%}" for level, share in _shares(column.levels).items()]
        more = f", {len(levels) - _SHOWN_LEVELS} more" if len(levels) > _SHOWN_LEVELS else ""
        return ", ".join(levels[:_SHOWN_LEVELS]) + more
    if column.minimum is not None and column.maximum is not None:
        return f"{_plain(column.minimum)} .. {_plain(column.maximum)}"
    return f"about {column.distinct} different ones"


def _shares(counts: Mapping[Level, int]) -> dict[str, float]:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda entry: -entry[1])
    return {str(level).lower() if isinstance(level, bool) else str(level): count / total for level, count in ordered}


def _plain(value: float | datetime) -> str:
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else f"{value:.6g}"


def _short(level: str) -> str:
    text = one_line(level)
    return text if len(text) <= _LONGEST_LEVEL else text[: _LONGEST_LEVEL - 1] + "…"
