"""Skill: how much a model knows of its target, apart from any metric of the contract.

Labels that were turned round, by mistake or on purpose, take it away, whatever the metric says: f1 can rise where more
labels are positive. Skill says how far a model is from the best constant, agreement whether it points the right way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ml.losses import losses, name
from ml.model import Prediction

if TYPE_CHECKING:
    from ml.model import Floats


class Skill(NamedTuple):
    """A skill score, and its standard error."""

    value: float
    """1 - loss / loss of the best constant: 1 is perfect, 0 knows nothing, below is worse than nothing."""
    error: float


def skill(metric: str, truth: Floats, prediction: Prediction) -> Skill:
    """Return the skill score (Murphy 1988, "Skill Scores Based on the Mean Square Error") of n predictions.

    The loss is that of `ml/losses.py`; the best constant is that of these very rows: the shares of the classes, the
    mean, or for the absolute error the median. The standard error is that of a ratio of means (Cochran 1977, "Sampling
    Techniques", 2.11).

    Args:
        metric: The contract's.
        truth: n values or class indices; rows without one do not count.
        prediction: For the same rows.

    Returns:
        NaN where nothing can be known: no rows, or all with the same target.
    """
    known = ~np.isnan(truth)
    truth, prediction = truth[known], _of(prediction, known)
    loss = losses(metric, truth, prediction)
    constant = losses(metric, truth, _constant(metric, truth, prediction))
    if len(truth) < 2 or constant.mean() <= 0:  # noqa: PLR2004 - one row has no spread
        return Skill(float("nan"), float("nan"))
    ratio = loss.mean() / constant.mean()
    spread = (loss - ratio * constant).std(ddof=1)
    return Skill(float(1 - ratio), float(spread / constant.mean() / len(truth) ** 0.5))


def agreement(truth: Floats, prediction: Prediction) -> float:
    """Return the correlation of n predictions with the truth: below 0 they point the wrong way.

    Of a regression it is Pearson's; of classes Gorodkin's (2004, "Comparing two K-category assignments by a K-category
    correlation coefficient"), with probabilities in place of assignments. 0 where either is constant.

    Args:
        truth: n values or class indices; rows without one do not count.
        prediction: For the same rows.
    """
    known = ~np.isnan(truth)
    truth, prediction = truth[known], _of(prediction, known)
    if not len(truth):
        return 0.0
    said = prediction.values[:, None] if prediction.probabilities is None else prediction.probabilities
    true = truth[:, None] if prediction.probabilities is None else np.eye(said.shape[1])[truth.astype(int)]
    said, true = said - said.mean(axis=0), true - true.mean(axis=0)
    size = float(np.sqrt((said**2).sum() * (true**2).sum()))
    return float((said * true).sum()) / size if size > 0 else 0.0


def _constant(metric: str, truth: Floats, prediction: Prediction) -> Prediction:
    if prediction.probabilities is None:
        best = np.median(truth) if name(metric) == "absolute_error" else truth.mean() if len(truth) else 0.0
        return Prediction(np.full(len(truth), best), None)
    count = prediction.probabilities.shape[1]
    shares = np.bincount(truth.astype(int), minlength=count) / max(len(truth), 1)
    return Prediction(np.full(len(truth), shares.argmax(), dtype=np.float64), np.tile(shares, (len(truth), 1)))


def _of(prediction: Prediction, rows: np.ndarray) -> Prediction:
    probabilities = prediction.probabilities
    return Prediction(prediction.values[rows], None if probabilities is None else probabilities[rows])
