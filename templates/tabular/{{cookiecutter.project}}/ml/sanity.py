"""Sanity: which answers cannot be. The gate asks it of a challenger, and the server of every answer that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.model import Floats, Prediction

Range = tuple[float, float]

ROUNDING = 1e-6
"""So much may be missing from probabilities that add up to 1."""


def believable(target: Floats) -> Range:
    """Return the smallest and the largest value that n training targets make believable.

    That is their range, and its width more on each side.
    """
    low, high = float(target.min()), float(target.max())
    return 2 * low - high, 2 * high - low


def odd(prediction: Prediction, within: Range | None) -> NDArray[np.bool_]:
    """Tell of each of n answers whether it cannot be.

    Args:
        prediction: Of n rows.
        within: What values of a regression are believable; None where nobody said.

    Returns:
        n booleans: not finite, a value outside ``within``, or probabilities that are negative or do not add up to 1.
    """
    values, probabilities = prediction.values, prediction.probabilities
    if probabilities is not None:
        sane = (probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) <= ROUNDING)
    else:
        low, high = within or (-np.inf, np.inf)
        sane = np.isfinite(values) & (values >= low) & (values <= high)
    # What is not a number compares as false, so what is asked is what is right.
    wrong: NDArray[np.bool_] = ~sane
    return wrong
