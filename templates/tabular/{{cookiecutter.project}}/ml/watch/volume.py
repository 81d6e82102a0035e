"""Volume: whether far fewer rows came than usual, which is more often a broken sender than a quiet day."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml.window import alike

if TYPE_CHECKING:
    from ml.watch.state import State
    from ml.window import Window

WEEKS = 8
"""So many earlier periods of the same weekday and time are looked back on."""
FEWEST = 4
"""So many of them must have been watched to say what is usual."""
SHARE = 0.3
"""Fewer rows than this share of what is usual are a break."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """The rows of a period, and what is usual."""

    rows: int
    usual: float | None
    """The median of earlier periods of the same weekday and time; None where too few were watched."""
    periods: int
    """How many were."""

    @property
    def broken(self) -> bool:
        """Whether far fewer rows came than usual."""
        return self.usual is not None and self.rows < SHARE * self.usual

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"broken": self.broken}


def volume(state: State, window: Window, rows: int) -> Volume:
    """Compare the rows of a window with those of earlier ones that are alike."""
    documents = [state.period(one) for one in alike(window, WEEKS)]
    counts = [document["rows"] for document in documents if document is not None]
    usual = float(statistics.median(counts)) if len(counts) >= FEWEST else None
    return Volume(rows=rows, usual=usual, periods=len(counts))
