"""What is wrong with a body: the first few places of it, told so that its sender can mend them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

MAX_PROBLEMS = 20
QUOTED = re.compile(r".* (is (?:not|less|more|longer) .*)", re.DOTALL)
"""The end of a reason that begins with the value."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a body."""

    row: int | None
    """Counted from 0, without the header; None is the header."""
    column: str | None
    reason: str


def unquoted(problem: Problem, known: Container[str]) -> Problem:
    """Return ``problem`` without a value of the request, and without a column that is not ``known``.

    The first row of a CSV without a header would otherwise be told as its columns.
    """
    quoted = QUOTED.fullmatch(problem.reason)
    return Problem(
        row=problem.row,
        column=problem.column if problem.column in known else None,
        reason=f"a value {quoted[1]}" if quoted else problem.reason,
    )


class Problems:
    """Collects what is wrong with a body: keeps the first few, counts the rest."""

    def __init__(self, known: Container[str], *, quote: bool) -> None:
        """Tell of ``known`` columns; of values only if they may be quoted."""
        self.known, self.quote = known, quote
        self.kept: list[Problem] = []
        self.count = 0

    @property
    def room(self) -> bool:
        """Whether one more is kept."""
        return len(self.kept) < MAX_PROBLEMS

    def add(self, row: int | None, column: str | None, reason: str) -> None:
        """Take one more."""
        self.count += 1
        if self.room:
            found = Problem(row, column, reason)
            self.kept.append(found if self.quote else unquoted(found, self.known))
