"""Plans from a loss matrix: the cheapest schedule in hindsight, and the interval that a history suggests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Losses = Callable[[int, int], NDArray[np.floating]]
    """From the day of a model and its window to its mean loss of each day; NaN where there is none."""

LONGEST, AGES = 28, 56
"""Days: an interval is at most the first; staleness is measured up to the second."""
STEP = 2
"""Days between those on which the optimum may retrain: all of them would need twice the models, and made it at most
0.2 % cheaper on the two streams where both were computed."""


class Optimum(NamedTuple):
    """The cheapest schedule."""

    cost: float
    """Mean loss of a row + the cost of retrainings for each day."""
    days: tuple[int, ...]
    """When it retrains."""


def optimum(
    losses: Losses, counts: Floats, span: range, *, windows: tuple[int, ...], cost: float, step: int = STEP
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
        weights = counts[day + 1 : last + 1]
        sums = [np.cumsum(np.nan_to_num(losses(day, window)[day + 1 : last + 1]) * weights) for window in choices]
        reached = best[day] + np.min(sums, axis=0)
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


def staleness(losses: Losses, span: range, window: int) -> float:
    """Return by how much the loss of a model rises with each day of its age, in units of the loss; 0 if it does not.

    The excess of a model of k days over one of a day, on the same day, is averaged for each k, and a line through
    (1, 0) is fitted to the averages, weighted by how many there are.

    Args:
        losses: Of each model on each day.
        span: Days whose losses are known. None later is looked at.
        window: Of the models, in days.
    """
    found = {day: losses(day, window) for day in span}
    above, weights = [], []
    for age in range(2, min(AGES, len(span) - 1) + 1):
        pairs = [(found[day][day + age], found[day + age - 1][day + age]) for day in span[:-age]]
        excess = np.array([old - new for old, new in pairs if not np.isnan(old)])
        above.append(float(excess.mean()) if len(excess) else 0.0)
        weights.append(len(excess))
    ages = np.arange(1, len(above) + 1)
    weight = np.array(weights) * ages
    return max(0.0, float(weight @ above) / float(weight @ ages)) if weight.sum() else 0.0


def interval(slope: float, cost: float) -> int:
    """Return the days between retrainings that cost least, at most `LONGEST`: T* = sqrt(2 c / slope).

    At an interval of T days, retraining costs c / T a day and staleness slope T / 2 on average; their sum is least
    there. It is the economic order quantity (Harris 1913, "How Many Parts to Make at Once").

    Args:
        slope: Of the loss, for each day of age.
        cost: c, of a retraining, in units of the loss times a day.
    """
    return min(max(round(math.sqrt(2 * cost / slope)), 1), LONGEST) if slope > 0 else LONGEST
