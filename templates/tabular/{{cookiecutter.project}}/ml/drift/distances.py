"""Distances between two rows of counts: how far the current rows are from those of the baseline.

In all of them p are the baseline's counts and q the current ones, over the same cells, and n and m are their sums.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ml.drift.chi_square import critical, exceeded

if TYPE_CHECKING:
    from ml.model import Floats

WINSOR = 0.001
"""Values beyond this share of the baseline at either end count as if they lay there, for `wasserstein`."""
PSI_BY_DIVERGENCE = 8 * math.log(2)
"""PSI / Jensen-Shannon divergence in bits, where both are small."""


def psi(p: Floats, q: Floats) -> float:
    """Return the population stability index, sum (p' - q') ln(p' / q'), from 0 to infinity.

    p' and q' are shares with half a row added to each of B cells, p' = (p + 1/2) / (n + B/2), so that the logarithm of
    an empty one is finite (Krichevsky and Trofimov 1981, "The Performance of Universal Encoding").

    Source: Lewis 1994, "An Introduction to Credit Scoring"; it is the J divergence of Kullback and Leibler 1951, "On
    Information and Sufficiency".
    """
    first, second = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (p, q))
    return float(((first - second) * np.log(first / second)).sum())


def noise(n: float, m: float) -> float:
    """Return 1/n + 1/m: without drift, PSI is about this times a chi-square of B - 1 degrees of freedom for B cells.

    Source: Yurdakul 2018, "Statistical Properties of Population Stability Index". So its mean is `noise` * (B - 1), and
    it exceeds `noise` * `chi2_critical` (B - 1, a) with probability a.
    """
    return float(1 / n + 1 / m)


def divergence(p: Floats, q: Floats) -> float:
    """Return the Jensen-Shannon divergence of the shares p' and q' in bits, 0 to 1.

    It is H((p' + q') / 2) - (H(p') + H(q')) / 2 for the entropy H. Its square root is a metric (Endres and Schindelin
    2003, "A New Metric for Probability Distributions"). An empty cell makes it no larger than its share, so nothing is
    smoothed. Where differences are small it is PSI / (8 ln 2): to second order both are the same sum of squares.

    Source: Lin 1991, "Divergence Measures Based on the Shannon Entropy".
    """
    first, second = p / p.sum(), q / q.sum()
    middle = (first + second) / 2
    bits = (_divergence(first, middle) + _divergence(second, middle)) / (2 * math.log(2))
    return max(0.0, float(bits))


def _divergence(p: Floats, q: Floats) -> float:
    """Return the sum of p ln(p / q), in nats (Kullback and Leibler 1951); an empty cell of p adds nothing."""
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def divergence_unit(p: Floats, q: Floats) -> float:
    """Return the divergence, in bits, that stands for a chi-square of 1; without drift its mean is B - 1 times this."""
    return noise(p.sum(), q.sum()) / PSI_BY_DIVERGENCE


def chi2(p: Floats, q: Floats) -> float:
    """Return Pearson's chi-square of two samples, sum (p - n e)^2 / (n e) + (q - m e)^2 / (m e), e = (p + q) / (n + m).

    Without drift it has B - 1 degrees of freedom for B cells, none of them empty in both.

    Source: Pearson 1900, "On the Criterion that a Given System of Deviations from the Probable ...".
    """
    n, m = p.sum(), q.sum()
    share = (p + q) / (n + m)
    return float(((p - n * share) ** 2 / (n * share)).sum() + ((q - m * share) ** 2 / (m * share)).sum())


def chi2_p(value: float, freedom: int) -> float:
    """Return the probability that a chi-square of ``freedom`` degrees exceeds ``value``; 1 where there are none."""
    return exceeded(value, freedom)


def chi2_critical(freedom: int, probability: float) -> float:
    """Return what a chi-square of ``freedom`` degrees exceeds with ``probability``; 0 where there are none."""
    return critical(freedom, probability)


def kolmogorov_smirnov(p: Floats, q: Floats) -> float:
    """Return the largest distance of the two cumulative shares, 0 to 1, over cells in the order of their values.

    Source: Smirnov 1939, "On the Estimation of the Discrepancy Between Empirical Curves of Distribution for Two
    Independent Samples". Of values in buckets it is at most that of the values themselves, and short of it by no more
    than the larger share of a bucket.
    """
    return float(np.abs(np.cumsum(p) / p.sum() - np.cumsum(q) / q.sum()).max())


def wasserstein(p: Floats, q: Floats, values: Floats) -> float | None:
    """Return how far the average row has moved, in standard deviations of the baseline: sum |P - Q| dx / sd.

    P and Q are cumulative shares. ``values``, ascending, are winsorised at the baseline's `WINSOR` and 1 - `WINSOR`
    quantiles: the distance of one value of 1e9 would outweigh all others. So it is a distance within the baseline's
    range, and None where the baseline does not vary.

    Source: Vallender 1974, "Calculation of the Wasserstein Distance Between Probability Distributions on the Line".
    """
    lower, upper = np.cumsum(p) / p.sum(), np.cumsum(q) / q.sum()
    ends = np.searchsorted(lower, [WINSOR, 1 - WINSOR])
    within = np.clip(values, values[ends[0]], values[ends[1]])
    share = p / p.sum()
    deviation = math.sqrt(share @ (within - share @ within) ** 2)
    return float(np.abs(lower - upper)[:-1] @ np.diff(within)) / deviation if deviation > 0 else None
