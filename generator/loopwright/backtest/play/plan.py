"""Plans from a loss matrix: the cheapest schedule in hindsight, how fast models go stale, and what interval suits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .days import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .days import Counts

Losses = Callable[[int, int], Floats]
"""From the day of a model and its window to its mean loss of each day; infinite where there is no such model."""

LONGEST, AGES = 28, 56
"""Days: an interval is at most the first; staleness is measured up to the second."""
BLOCK = 14
"""Days of a block: neighbouring days are alike, so they are one observation (Kuensch 1989)."""


class Mean(NamedTuple):
    """A mean and its standard error; NaN where one is not known."""

    value: float
    error: float


class Optimum(NamedTuple):
    """The cheapest schedule."""

    cost: float
    """Mean loss of a row + the cost of retrainings for each day."""
    days: tuple[int, ...]
    """When it retrains."""


class Staleness(NamedTuple):
    """How much worse older models are than the newest one of the same day."""

    ages: list[int]
    """So many days older."""
    excess: list[Mean]
    """By how much the loss is larger."""
    slope: float
    """How much the loss rises with each day of age; 0 if it does not."""


def optimum(
    losses: Losses, counts: Counts, span: range, *, windows: tuple[int, ...], cost: float, step: int = 1
) -> Optimum:
    """Find the retrainings that cost least, by somebody who knows what comes.

    Dynamic programming over the day of the last retraining (Bellman 1957): B[j] = min over i < j of B[i] + the losses
    of the best window's model of day i on the days i + 1 to j + the cost of the retraining of day j. Weighted by rows.

    Args:
        losses: Of each model on each day.
        counts: Rows of each day.
        span: The day of the model to begin with (of the first window), and those after it that count.
        windows: In days.
        cost: Of a retraining, in units of the loss times a day.
        step: Days between those on which a retraining is possible.
    """
    first, last = span[0], span[-1]
    rows = counts[first + 1 : last + 1]
    price = cost * rows.sum() / len(rows)
    best = np.full(last + 1, math.inf)
    best[first] = 0.0
    before = np.zeros(last + 1, dtype=int)
    end = (math.inf, first)
    for day in range(first, last, step):
        choices = windows if day > first else windows[:1]
        reached = best[day] + np.min([_sums(losses(day, each), counts, day, last) for each in choices], axis=0)
        until = slice(day + 1, last + 1)
        before[until] = np.where(reached + price < best[until], day, before[until])
        best[until] = np.minimum(best[until], reached + price)
        end = min(end, (float(reached[-1]), day))
    total, day = end
    days = []
    while day > first:
        days.append(day)
        day = int(before[day])
    return Optimum(total / rows.sum(), tuple(reversed(days)))


def _sums(loss: Floats, counts: Counts, day: int, last: int) -> NDArray[np.float64]:
    """Return what a model has lost from the day after its training up to each later day, over all rows."""
    weights = counts[day + 1 : last + 1].astype(float)
    lost = np.zeros(len(weights))
    np.multiply(loss[day + 1 : last + 1], weights, out=lost, where=weights > 0, casting="unsafe")
    found: NDArray[np.float64] = np.cumsum(lost)
    return found


def staleness(losses: Losses, span: range, window: int, *, every: int = 1) -> Staleness:
    """Measure by how much the loss of a model rises with its age.

    On each day, models that are k trainings older than the newest one are compared with that one. The excess is
    averaged over days for each k, its standard error is that between blocks of days, and a line through 0 is fitted to
    the averages, weighted by how many days there are.

    Args:
        losses: Of each model on each day.
        span: Days whose losses are known. None later is looked at.
        window: Of the models, in days.
        every: Days between two trainings, of which the first day of ``span`` is one.
    """
    days = np.arange(span[0] + 1, span[-1] + 1)
    newest = (days - 1 - span[0]) // every
    found = np.array([losses(int(day), window) for day in range(span[0], span[-1], every)])
    ages, excess, weights = [], [], []
    for older in range(1, min((AGES - 1) // every, len(found) - 1) + 1):
        some = newest >= older
        with np.errstate(invalid="ignore"):  # of two that could not be trained
            gap = found[newest[some] - older, days[some]] - found[newest[some], days[some]]
        sound = np.isfinite(gap)
        ages.append(older * every)
        excess.append(blocked(gap[sound], np.ones(int(sound.sum())), days[some][sound]))
        weights.append(int(sound.sum()))
    return Staleness(ages, excess, _slope(ages, excess, weights))


def _slope(ages: list[int], excess: list[Mean], counts: list[int]) -> float:
    known = np.array([count > 0 for count in counts], dtype=bool)
    weight, age = np.array(counts, dtype=float)[known] * np.array(ages)[known], np.array(ages)[known]
    above = np.array([each.value for each in excess])[known]
    return max(0.0, float(weight @ above) / float(weight @ age)) if weight.sum() else 0.0


def blocked(values: Floats, weights: Floats, days: NDArray[np.integer], length: int = BLOCK) -> Mean:
    """Return the weighted mean of n days, with the standard error that blocks of neighbouring days give.

    With g the mean and W the sum of the weights, it is sqrt(B / (B - 1) * sum over the B blocks of (sum over the
    block's days of weight * (value - g))^2) / W (Cochran 1977, "Sampling Techniques", chapter 9A, with the factor of
    Cameron and Miller 2015).

    Args:
        values: n values.
        weights: n weights, none of them negative.
        days: When each was.
        length: Of a block, in days.
    """
    total = float(np.sum(weights))
    if not total:
        return Mean(math.nan, math.nan)
    mean = float(values @ weights) / total
    of_block = np.unique(np.asarray(days) // length, return_inverse=True)[1]
    sums = np.bincount(of_block, weights=weights * (values - mean))
    if len(sums) == 1:
        return Mean(mean, math.nan)
    return Mean(mean, math.sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / total)


def interval(slope: float, cost: float) -> int:
    """Return the days between retrainings that cost least, at most `LONGEST`: T* = sqrt(2 c / slope).

    At an interval of T days, retraining costs c / T a day and staleness slope T / 2 on average; their sum is least
    there. It is the economic order quantity (Harris 1913, "How Many Parts to Make at Once").

    Args:
        slope: Of the loss, for each day of age.
        cost: c, of a retraining, in units of the loss times a day.
    """
    return min(max(round(math.sqrt(2 * cost / slope)), 1), LONGEST) if slope > 0 else LONGEST
