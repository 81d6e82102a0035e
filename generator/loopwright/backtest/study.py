"""The study: every policy on either half of a history; what is chosen on the first is judged on the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.backtest.choosing import chosen, windows
from loopwright.backtest.halves import halved
from loopwright.backtest.outcomes import Judge, best, hindsight, outcome, schedules
from loopwright.backtest.play.matrix import Kept
from loopwright.backtest.play.plan import staleness
from loopwright.backtest.settings import STANDING, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loopwright.backtest.choosing import Choice, WindowLoss
    from loopwright.backtest.cost import Cost, Price
    from loopwright.backtest.halves import Halves
    from loopwright.backtest.outcomes import Outcome
    from loopwright.backtest.play.days import Played
    from loopwright.backtest.play.plan import Staleness
    from loopwright.backtest.settings import Setting

    Loops = Callable[[Sequence[Mapping[str, Any]]], Sequence[Played]]
    """Plays loops on the matrix; each request says on which days, and what it changes of the contract."""

__all__ = ["Study", "studied"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that a backtest found; of pairs, the first half's stands first."""

    header: Mapping[str, Any]
    """What the matrix is about."""
    matrix: Kept
    halves: Halves
    cost: Cost
    price: Price
    choice: Choice
    """What the first half suggests."""
    windows: tuple[Sequence[WindowLoss], Sequence[WindowLoss]]
    staleness: tuple[Staleness, Staleness]
    settings: Mapping[str, Setting]
    """The loops, by the names of their outcomes."""
    outcomes: Sequence[Outcome]

    @property
    def standing(self) -> Outcome:
        """The loop as loop.yaml has it."""
        return self.named(STANDING)

    @property
    def chosen(self) -> Outcome:
        """The loop that cost least on the first half; of several, the one that stands there."""
        return min((self.named(name) for name in self.settings), key=lambda each: each.first.cost)

    @property
    def proposed(self) -> Outcome:
        """The chosen loop where it costs less on the second half, too; otherwise the one that stands there."""
        return min(self.standing, self.chosen, key=lambda each: each.second.cost)

    def named(self, name: str) -> Outcome:
        """Return an outcome by its name."""
        return next(each for each in self.outcomes if each.name == name)


def studied(header: Mapping[str, Any], asked: Sequence[int], cost: Cost, loops: Loops) -> Study:
    """Play every policy.

    Args:
        header: Of the matrix.
        asked: The windows that may be proposed, in days.
        cost: Of a retraining.
        loops: Plays loops by the project's own code.

    Raises:
        DataError: The history cannot be halved.
    """
    matrix = Kept.read(header)
    halves = halved(matrix)
    spans = (halves.first, halves.second)
    choice = chosen(matrix, halves.first)
    price = cost.price(choice.fresh, float(matrix.counts[matrix.begin + 1 :].mean()))
    tried = settings(header, asked, choice, price.each)
    played = _loops(tried, spans, choice.window, loops)
    judges = [
        Judge(span, price.each, best(matrix, span, choice.window, price.each), standing)
        for span, standing in zip(spans, played[STANDING], strict=True)
    ]
    outcomes = [outcome(name, "loop", of, judges) for name, of in played.items()]
    for name, (days, of) in schedules(matrix, spans, choice.window).items():
        outcomes.append(outcome(name, "never" if days is None else "schedule", of, judges, days))
    return Study(
        header=header,
        matrix=matrix,
        halves=halves,
        cost=cost,
        price=price,
        choice=choice,
        windows=(windows(matrix, halves.first), windows(matrix, halves.second)),
        staleness=(choice.staleness, staleness(matrix.losses, halves.second, choice.window, every=matrix.every)),
        settings=tried,
        outcomes=[*outcomes, hindsight(judges)],
    )


def _loops(
    tried: Mapping[str, Setting], spans: Sequence[range], window: int, loops: Loops
) -> dict[str, Sequence[Played]]:
    """Play each loop on each span, in one go: the project's python starts once."""
    asked = [(span, setting) for setting in tried.values() for span in spans]
    done = loops([{"span": [span[0], span[-1]], "window": window} | setting.request() for span, setting in asked])
    return {name: done[at * len(spans) : (at + 1) * len(spans)] for at, name in enumerate(tried)}
