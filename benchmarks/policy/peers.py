"""What others do: schedules, and retraining whenever something is alarmed.

Whoever raises an alarm waits until its window holds nothing of the training: at most one retraining in `REST` days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policy.adwin import Adwin
from policy.play import NOTHING, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy.play import Model, Past

REST = 7
"""Days."""


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


@dataclass(frozen=True, kw_only=True)
class Alarmed:
    """Retrains whenever an alarm says so."""

    alarm: Callable[[Past, Model], bool]
    window: int
    rest: int = REST
    """Days that a model serves at least."""

    def look(self, past: Past, champion: Model) -> Step:
        """Retrain when the alarm fires."""
        if past.today - champion.day < self.rest:
            return NOTHING
        return Step(retrain=self.window) if self.alarm(past, champion) else NOTHING


@dataclass
class AdwinAlarm:
    """ADWIN on the errors of the champion: 1 for a row that it got wrong.

    Of a day only the number of errors is kept, so they are spread evenly over its rows. An alarm in the days of rest is
    answered after them.
    """

    champion: Model | None = None
    window: Adwin = field(default_factory=Adwin)
    done: int = 0
    fired: bool = False

    def __call__(self, past: Past, champion: Model) -> bool:
        """Tell whether errors have become more frequent since this champion serves."""
        if champion != self.champion:
            self.champion, self.window, self.done, self.fired = champion, Adwin(), champion.day, False
        wrong = past.scored(champion).wrong
        for day in past.answered(champion):
            if day > self.done:
                rows, errors = int(past.stream.counts[day]), int(wrong[day])
                for row in range(rows):
                    error = (row + 1) * errors // rows - row * errors // rows
                    self.fired |= self.window.add(float(error))
                self.done = day
        return self.fired
