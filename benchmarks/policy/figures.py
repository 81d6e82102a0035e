"""Figures: what the outcomes say, over streams and seeds, with intervals of 95 %."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from loopwright.backtest.play.days import mean
from policy.streams import KINDS, REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loopwright.backtest.play.days import Played
    from policy.study import Result

BLOCK, DRAWS = 14, 1000
"""Days of a block, and draws, of the bootstrap: neighbouring days are alike (Kuensch 1989)."""


class Figure(NamedTuple):
    """A mean, and half the length of its interval; None where there is one value only."""

    value: float
    margin: float | None


def kind(result: Result) -> str:
    """Return the kind of a made stream, or the name of a real one."""
    return result.stream if result.stream in REAL else result.stream.rpartition("-")[0]


def played(result: Result, contender: str, half: int, cost: str | None = None) -> Played:
    """Return what a contender did on one half; ``cost`` tells those apart who know it."""
    return next(
        each.played
        for each in result.outcomes
        if (each.contender, each.half) == (contender, half) and each.cost in {None, cost}
    )


def excess(result: Result, contender: str, half: int, cost: tuple[str, float]) -> float:
    """Return by what share a contender costs more than the hindsight optimum."""
    best = result.optima[half, cost[0]][0]
    return played(result, contender, half, cost[0]).cost(cost[1]) / best - 1


def over_kinds(results: Sequence[Result], value: Callable[[Result], float], kinds: Sequence[str]) -> Figure:
    """Return the mean over kinds of streams, each the mean over its seeds, with the interval that seeds give."""
    by_kind = [[value(result) for result in results if kind(result) == each] for each in kinds]
    by_kind = [values for values in by_kind if values]
    variance = sum(np.var(values, ddof=1) / len(values) for values in by_kind if len(values) > 1) / len(by_kind) ** 2
    freedom = sum(len(values) - 1 for values in by_kind)
    margin = float(stats.t.ppf(0.975, freedom)) * float(variance) ** 0.5 if freedom else None
    return Figure(float(np.mean([np.mean(values) for values in by_kind])), margin)


def over_all(results: Sequence[Result], value: Callable[[Result], float]) -> float:
    """Return the mean over all real streams and all kinds of made ones, each counted once."""
    return over_kinds(results, value, [*REAL, *KINDS]).value


def difference(one: Played, other: Played) -> Figure:
    """Return the mean loss of one less that of another on the same days; the interval is a block bootstrap's."""
    days, rng = len(one.losses), np.random.default_rng(1)
    gaps = np.nan_to_num(one.losses - other.losses) * one.counts
    starts = rng.integers(0, days, (DRAWS, -(-days // BLOCK)))
    picks = (starts[:, :, None] + np.arange(BLOCK)).reshape(DRAWS, -1)[:, :days] % days
    drawn = gaps[picks].sum(axis=1) / one.counts[picks].sum(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Figure(one.loss - other.loss, float(high - low) / 2)


def since_change(result: Result, contender: str, cost: str | None) -> float:
    """Return the mean loss from the day of the change on."""
    found, day = played(result, contender, 2, cost), result.change or 0
    later = slice(max(day - result.first - 1, 0), None)
    return mean(found.losses[later], found.counts[later])


def rate(result: Result, contender: str, half: int, cost: str | None) -> float:
    """Return the retrainings in 100 days."""
    found = played(result, contender, half, cost)
    return 100 * len(found.retrained) / len(found.losses)
