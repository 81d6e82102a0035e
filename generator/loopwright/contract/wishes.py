"""What the user says about the data, and whether the data have what it names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loopwright.errors import UsageError

if TYPE_CHECKING:
    from loopwright.tables.profile import TableProfile


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user says; every column by its clean name."""

    target: str
    time_column: str | None = None
    entity: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    metric: str = "auto"
    positive: str | None = None
    """The class of interest, as text."""
    label_delay_days: float = 0.0
    exclude: tuple[str, ...] = ()
    """Columns that must not be features."""
    keep: tuple[str, ...] = ()
    """Columns to use as features although they look like leaks or identifiers."""
    approval: Literal["auto", "manual"] = "auto"


def check_names(facts: TableProfile, wishes: Wishes) -> None:
    """Refuse wishes about columns that are not there.

    Raises:
        UsageError: A name is unknown, or one column has two duties.
    """
    named = [("target", wishes.target), ("time column", wishes.time_column), ("entity", wishes.entity)]
    named += [("column to exclude", name) for name in wishes.exclude] + [
        ("column to keep", name) for name in wishes.keep
    ]
    for what, name in named:
        if name is not None and name not in facts.names:
            near = difflib.get_close_matches(name.lower(), facts.names, n=1)
            raise UsageError(
                f"the {what} {name!r} is not in the data",
                because=f"its columns are {', '.join(facts.names)}",
                attempt=f"did you mean {near[0]!r}?" if near else "name one of these",
            )
    given = [name for _, name in named[:3] if name]
    if len(set(given)) < len(given):
        raise UsageError(
            "one column has two duties",
            because=f"target, time column and entity are {', '.join(given)}",
            attempt="name a different column for each",
        )
