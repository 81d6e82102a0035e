"""Policies that look at nothing but the calendar."""

from __future__ import annotations

from dataclasses import dataclass

from .days import NOTHING, Model, Past, Step

__all__ = ["Every", "Never"]


@dataclass(frozen=True, kw_only=True)
class Never:
    """The first model serves for ever."""

    def look(self, _past: Past, _champion: Model) -> Step:
        """Do nothing."""
        return NOTHING


@dataclass(frozen=True, kw_only=True)
class Every:
    """A fixed schedule."""

    days: int
    window: int

    def look(self, past: Past, champion: Model) -> Step:
        """Retrain when the model is so old."""
        return Step(retrain=self.window) if past.today - champion.day >= self.days else NOTHING
