"""What is found and kept all the same: data with a reason and a day on which it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from datetime import date

SHORTEST_REASON = 40


@dataclass(frozen=True)
class Kept:
    """One exception."""

    judge: str
    id: str
    where: tuple[str, ...]
    """Patterns of resources."""
    reason: str
    expires: date = field(hash=False)

    def covers(self, judge, name, where):
        """Tell whether it is for this finding."""
        same = (self.judge, self.id) == (judge, name)
        return same and any(fnmatchcase(where, pattern) for pattern in self.where)


@cache
def exceptions() -> tuple[Kept, ...]:
    """Return all exceptions; a day that has passed is told by `expired`."""
    entries = yaml.safe_load(Path(__file__).with_name("exceptions.yaml").read_text(encoding="utf-8"))
    return tuple(Kept(**{**entry, "where": tuple(entry["where"])}) for entry in entries)


def judged(judge: str, found: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the findings, as pairs of id and resource, that no exception of this judge covers."""
    return sorted(pair for pair in found if not any(kept.covers(judge, *pair) for kept in exceptions()))


def unused(judge: str, found: set[tuple[str, str]]) -> list[str]:
    """Return what exceptions of this judge cover nothing any more, pattern by pattern."""
    return [
        f"{kept.id} {pattern}"
        for kept in exceptions()
        if kept.judge == judge
        for pattern in kept.where
        if not any(name == kept.id and fnmatchcase(where, pattern) for name, where in found)
    ]
