"""What others do: retraining whenever something is alarmed.

Whoever raises an alarm waits until its window holds nothing of the training: at most one retraining in `REST` days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loopwright.backtest.play.days import NOTHING, Step
from policy.adwin import Adwin

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopwright.backtest.play.days import Model, Past

REST = 7
"""Days."""


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
        wrong = past.matrix.model(*champion).wrong  # type: ignore[attr-defined] # read on answered days only
        for day in past.answered(champion):
            if day > self.done:
                rows, errors = int(past.matrix.counts[day]), int(wrong[day])
                for row in range(rows):
                    error = (row + 1) * errors // rows - row * errors // rows
                    self.fired |= self.window.add(float(error))
                self.done = day
        return self.fired
