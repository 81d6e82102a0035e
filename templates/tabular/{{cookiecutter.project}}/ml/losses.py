"""Losses: what one prediction costs, so that quality can be watched row by row as labels land."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.model import Floats, Prediction

EPSILON = 1e-7
"""A prediction counts as never quite certain of a class, so that its log loss is finite."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The losses of rows that the model had not seen, as a control chart needs them."""

    loss: str
    """`log_loss` (nats), `absolute_error` or `squared_error` (units of the target, or their square)."""
    rows: int
    mean: float
    deviation: float
    """Standard deviation of the loss of one row."""
    between: float
    """Standard deviation of the mean loss of a block beyond what sampling explains: the mean of m new rows has
    sqrt(between^2 + deviation^2 / m)."""
    blocks: int
    """The blocks that showed it; with fewer than two, between is 0."""


def name(metric: str) -> str:
    """Return the loss of one row that goes with a metric of the contract."""
    return {"mae": "absolute_error", "rmse": "squared_error", "r2": "squared_error"}.get(metric, "log_loss")


def losses(metric: str, truth: Floats, prediction: Prediction) -> Floats:
    """Return the loss of each of n rows.

    Args:
        metric: The contract's; `name` says which loss goes with it. Of a classification that is always the logarithmic
            one: f1 and its like have no value for one row.
        truth: n values or class indices; NaN where there is none, and none of a class that the model does not know.
        prediction: For the same n rows.
    """
    if prediction.probabilities is None:
        error = np.abs(truth - prediction.values)
        return error if name(metric) == "absolute_error" else error**2
    known = ~np.isnan(truth)
    found = np.full(len(truth), np.nan)
    chosen = prediction.probabilities[known, truth[known].astype(int)]
    found[known] = -np.log(np.clip(chosen, EPSILON, 1))
    return found


def quality(metric: str, parts: Sequence[Floats], every: Floats) -> Quality:
    """Describe the losses of rows that the model had not seen.

    Args:
        metric: The contract's.
        parts: Losses of blocks of time, each as long as the windows that will be compared with them.
        every: All losses, those of the blocks among them; n of them, NaN where there is no label.

    Returns:
        Their mean and standard deviations. `between` is a moment estimate of the random effects of one-way analysis of
        variance: the variance of the block means less the mean of deviation^2 / rows (Cochran 1954, "The Combination of
        Estimates from Different Experiments").
    """
    known = every[~np.isnan(every)]
    blocks = [part[~np.isnan(part)] for part in parts]
    blocks = [part for part in blocks if len(part)]
    deviation = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    variance = float(np.var([part.mean() for part in blocks], ddof=1)) if len(blocks) > 1 else 0.0
    sampling = float(np.mean([deviation**2 / len(part) for part in blocks])) if blocks else 0.0
    return Quality(
        loss=name(metric),
        rows=len(known),
        mean=float(known.mean()) if len(known) else 0.0,
        deviation=deviation,
        between=max(0.0, variance - sampling) ** 0.5,
        blocks=len(blocks),
    )
