"""The study: every contender on either half of every stream, and what the hindsight optimum would have cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from loopwright.backtest.play.days import Model, play
from loopwright.backtest.play.loop import Loop, chart
from loopwright.backtest.play.plan import interval, optimum, staleness
from loopwright.backtest.play.schedules import Every, Never
from loopwright.contract.timeline import SHORTEST_DAYS
from mlops.handlers.retraining import Policy as Rules
from policy import shifts
from policy.matrix import Matrix
from policy.peers import AdwinAlarm, Alarmed
from policy.shifts import Edge, Shift
from policy.streams import BEGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopwright.backtest.play.days import Past, Played, Policy
    from policy.streams import Stream

COSTS = {"low": 0.05, "middle": 0.2, "high": 1.0}
"""Of a retraining, in units of the loss times a day."""
SHIPPED_DAYS = 7
"""The interval of a new repository, until a backtest has found another (`AUTO_DAYS` in infra/mlops/loop.py); the label
delay where that is longer."""
CUSUM_LIMIT = 4
"""`quality.cusum_limit` of a new repository."""
START = datetime(2026, 1, 1, tzinfo=UTC)
"""Day 0."""
STEP = 2
"""Days between those on which the optimum may retrain: all of them would need twice the models, and made it at most
0.2 % cheaper on the two streams where both were computed."""
SHARE = 28
"""A gain has to bring back the cost of a retraining in so many days."""
OURS, SHIPPED, PLANNED = "loop, backtested", "loop, as generated", "every T* days"
SHORT = "weekly, on 30 days"
"""A short window, whatever the first half says of it: it forgets soonest."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the first half of a stream suggests."""

    window: int
    """With which of the windows a weekly schedule lost least. Whoever trains on one window trains on this."""
    slope: float
    """How much the loss rises with each day of a model's age."""

    def days(self, cost: float) -> int:
        """Return T* for a cost."""
        return interval(self.slope, cost)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One contender on one half of a stream."""

    contender: str
    half: int
    """1 or 2."""
    cost: str | None
    """The cost that it was told; None if none."""
    played: Played


@dataclass(frozen=True, kw_only=True)
class Result:
    """A stream, and how everybody did on it."""

    stream: str
    first: int
    """The day with which the second half begins."""
    change: int | None
    plan: Plan
    outcomes: list[Outcome]
    optima: dict[tuple[int, str], tuple[float, int]]
    """The least cost and its retrainings, by half and cost."""


def studied(make: Callable[[], Stream], cache: Path) -> Result:
    """Play everybody on a stream; what has to be trained is kept in ``cache``."""
    stream = make()
    matrix = Matrix.open(stream, cache)
    before = len(matrix.kept)
    plan = planned(matrix)
    outcomes, optima = [], {}
    for half, span in enumerate(halves(stream), start=1):
        for name, told, policy in contenders(plan, stream):
            outcomes.append(
                Outcome(contender=name, half=half, cost=told, played=play(matrix, policy, span, plan.window))
            )
        windows = (plan.window, *(window for window in stream.windows if window != plan.window))
        for name, cost in COSTS.items():
            best = optimum(
                lambda day, window: matrix.model(day, window).loss.astype(float),
                stream.counts,
                span,
                windows=windows,
                cost=cost,
                step=STEP,
            )
            optima[half, name] = (float(best.cost), len(best.days))
    if len(matrix.kept) > before:
        matrix.save(cache)
    return Result(
        stream=stream.name, first=stream.middle, change=stream.change, plan=plan, outcomes=outcomes, optima=optima
    )


def halves(stream: Stream) -> tuple[range, range]:
    """Return the days of either half; the first of each is the one whose model begins."""
    return range(BEGIN, stream.middle + 1), range(stream.middle, stream.days)


def planned(matrix: Matrix) -> Plan:
    """Choose what the first half suggests, from labels that had landed by its end."""
    stream = matrix.stream
    known = range(BEGIN, stream.middle - stream.delay + 1)
    lost = {window: play(matrix, Every(days=7, window=window), known, window).loss for window in stream.windows}
    window = min(lost, key=lambda each: (lost[each], each))
    stale = staleness(lambda day, of: matrix.model(day, of).loss, known, window)
    return Plan(window=window, slope=stale.slope)


def contenders(plan: Plan, stream: Stream) -> Iterator[tuple[str, str | None, Policy]]:
    """Yield everybody anew, with the name of the cost that they are told."""
    every, alarmed = partial(Every, window=plan.window), partial(Alarmed, window=plan.window)
    for name, cost in COSTS.items():
        yield OURS, name, ours(stream.windows, plan.days(cost), cost / SHARE)
        yield PLANNED, name, every(days=plan.days(cost))
    yield SHIPPED, None, ours(stream.windows, max(SHIPPED_DAYS, stream.delay), "auto")
    yield "never", None, Never()
    yield "daily", None, every(days=1)
    yield "weekly", None, every(days=7)
    yield "every 28 days", None, every(days=28)
    yield SHORT, None, Every(days=7, window=SHORTEST_DAYS)
    yield "PSI > 0.2, any feature", None, alarmed(alarm=Shift(shifts.psi_any))
    yield "share of drifted features", None, alarmed(alarm=Shift(shifts.drifted_share))
    yield "KS, Bonferroni", None, alarmed(alarm=Shift(shifts.ks_any))
    yield "one limit, 1 of 1", None, alarmed(alarm=Edge(Shift(shifts.one_limit, recent=1)), rest=1)
    yield "ADWIN on errors", None, alarmed(alarm=AdwinAlarm())
    yield "CUSUM alone", None, alarmed(alarm=_cusum)


def ours(windows: tuple[int, ...], schedule_days: int, min_gain: float | Literal["auto"]) -> Loop:
    """Return the loop of a new repository, but for the interval and the gain."""
    rules = Rules(
        schedule_days=schedule_days,
        max_age_days=60,
        windows_days=windows,
        cooldown_hours=24,
        max_per_month=8,
        monthly_usd=300,
        new_data=False,
        approval="auto",
    )
    return Loop(policy=rules, min_gain=min_gain, cusum_limit=CUSUM_LIMIT, start=START)


def _cusum(past: Past, champion: Model) -> bool:
    return chart(past, champion).score > CUSUM_LIMIT
