"""The chi-square distribution, for whole degrees of freedom: finite sums, without a library that is slow to start."""

from __future__ import annotations

import math
from functools import lru_cache

STEPS = 200
"""More halvings than a double has bits and powers of two."""


def exceeded(value: float, freedom: int) -> float:
    """Return the probability that a chi-square exceeds ``value``, at least 0; 1 where there is no degree of freedom.

    With h = value / 2 it is the sum of e^-h h^s / Gamma(s + 1) over s = 0, 1, ..., freedom / 2 - 1 for an even number,
    and over s = 1/2, 3/2, ..., freedom / 2 - 1 for an odd one, plus erfc(sqrt(h)).

    Source: Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.4.4 and 26.4.5.
    """
    if value <= 0 or not freedom:
        return 1.0
    half, odd = value / 2, freedom % 2
    terms = (step + odd / 2 for step in range(freedom // 2))
    found = math.fsum(math.exp(s * math.log(half) - half - math.lgamma(s + 1)) for s in terms)
    return min(1.0, found + (math.erfc(math.sqrt(half)) if odd else 0.0))


@lru_cache(maxsize=4096)
def critical(freedom: int, probability: float) -> float:
    """Return what a chi-square exceeds with a probability between 0 and 1; 0 where there is no degree of freedom."""
    if not freedom:
        return 0.0
    low, high = 0.0, float(freedom)
    while exceeded(high, freedom) > probability:
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if exceeded(middle, freedom) > probability else (low, middle)
    return high
