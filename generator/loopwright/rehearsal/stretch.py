"""A stretch of the simulated time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Stretch"]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The time in which something is broken."""

    begins: datetime
    ends: datetime

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment is in it."""
        return self.begins <= moment < self.ends
