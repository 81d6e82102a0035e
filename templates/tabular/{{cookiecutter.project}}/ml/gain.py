"""Gain: by how much a challenger is better than the champion on the same rows, and whether that is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.model import Floats

AUTO = 0.01
"""`min_gain: auto` asks for this share of the champion's loss: less is not worth a new model in the canary."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The champion's mean loss less the challenger's, in units of the loss; positive where the challenger is better."""

    mean: float
    standard_error: float


def gain(champion: Floats, challenger: Floats, days: NDArray[np.integer]) -> Gain:
    """Compare two models' losses of the same n rows.

    The rows of a day rise and fall together, so days are the clusters: with g the mean difference over n rows,

        standard error = sqrt(G / (G - 1) * sum over the G days of (sum over the day's rows of difference - g)^2) / n

    (Cochran 1977, "Sampling Techniques", chapter 9A; the factor as in Cameron and Miller 2015, "A Practitioner's Guide
    to Cluster-Robust Inference"). Where all rows are of one day, each row is a cluster of its own.

    Args:
        champion: n losses, n at least 2.
        challenger: The losses of the same rows.
        days: The day of each row, as any whole number.
    """
    difference = champion - challenger
    mean = float(difference.mean())
    clusters = np.unique(days, return_inverse=True)[1]
    if clusters.max() == 0:
        clusters = np.arange(len(difference))
    sums = np.bincount(clusters, weights=difference - mean)
    variance = len(sums) / (len(sums) - 1) * float(sums @ sums)
    return Gain(mean=mean, standard_error=math.sqrt(variance) / len(difference))


def needed(min_gain: float | Literal["auto"], champion_loss: float, standard_error: float) -> float:
    """Return what a gain has to exceed: what a retraining is asked to bring, and what may be chance.

    Args:
        min_gain: `retraining.min_gain` of the contract, in units of the loss; `auto` is `AUTO` of the champion's loss.
        champion_loss: The champion's mean loss on the rows that judge.
        standard_error: Of the gain.
    """
    return max(AUTO * champion_loss if min_gain == "auto" else min_gain, standard_error)
