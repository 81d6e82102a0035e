"""Quality: whether answers got worse, from the losses of rows whose labels have landed.

Nothing here reads or writes anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml.losses import Quality
    from ml.model import Floats

SLACK = 0.75
"""Standard errors that a cohort may be worse than the baseline and still count as no worse: half of the smallest shift
that is to be found soon (Page 1954)."""
CAP = 3.0
"""No cohort counts for more standard errors than these: one bad day is no trend."""
ROUNDING = 1e-9
"""Standard errors below this share of the mean are rounding."""
FEWEST = 2
"""Rows that a baseline needs to say how far losses spread."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """The rows of one period, old enough that their labels should have landed."""

    start: datetime
    rows: int
    labelled: int
    loss: float | None
    """Mean loss of the labelled rows, in units of the loss; None where there are none."""


def cusum(base: Quality, cohorts: Sequence[Cohort]) -> list[float]:
    """Return the CUSUM of the loss after each cohort: S = max(0, S + min(z, `CAP`) - `SLACK`), starting at 0.

    z is how many standard errors a cohort is worse than the baseline, (loss - mean - e) / sqrt(between^2 +
    deviation^2 / n) for n labelled rows. e is the standard error of the baseline's own mean: without it, a mean that
    happened to be measured too low ends in alarms for as long as the model serves (Gandy and Kvaloy 2013, "Guaranteed
    Conditional Performance of Control Charts via Bootstrap Methods").

    A cohort without a loss leaves S as it was. So does each one where the baseline has fewer than `FEWEST` rows: nobody
    knows what is worse then.

    Source: Page 1954, "Continuous Inspection Schemes".

    Args:
        base: Losses of rows that the model had not seen.
        cohorts: In the order of time, the oldest first.

    Returns:
        One S a cohort, in standard errors, never negative; 0 means no worse than the baseline.
    """
    found, score = [], 0.0
    for cohort in cohorts:
        if cohort.loss is not None and cohort.labelled and base.rows >= FEWEST:
            score = max(0.0, score + min(_standard(base, cohort.loss, cohort.labelled), CAP) - SLACK)
        found.append(score)
    return found


def since(scores: Sequence[float]) -> int | None:
    """Return which cohort the rise began with that the last of ``scores`` belongs to; None where that is 0.

    It estimates when the change happened (Page 1954).
    """
    at = next((ago for ago, score in enumerate(reversed(scores)) if score <= 0), len(scores))
    return len(scores) - at if at else None


def estimate(probabilities: Floats) -> float:
    """Estimate the mean log loss of answers without labels, in nats: the mean of -sum p ln p over the rows.

    Right where probabilities are calibrated, and they stay so where only the inputs move (covariate shift). Where the
    answer to the same input changes (concept shift) it does not move at all: it informs people while labels are
    missing, and never triggers anything.

    Source: CBPE, confidence-based performance estimation, of the library NannyML, for the log loss.

    Args:
        probabilities: Of n rows, at least one, and c classes.
    """
    return float(special.entr(probabilities).sum(axis=1).mean())


def _standard(base: Quality, loss: float, labelled: int) -> float:
    """Return z."""
    of_mean = math.hypot(base.between / math.sqrt(max(base.blocks, 1)), base.deviation / math.sqrt(base.rows))
    error = max(math.hypot(base.between, base.deviation / math.sqrt(labelled)), ROUNDING * abs(base.mean))
    excess = loss - base.mean - of_mean
    if not error:
        return CAP if excess > 0 else 0.0
    return excess / error
