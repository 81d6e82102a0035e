"""Scores of predictions, and of the trivial predictions that a model has to beat.

The definitions are scikit-learn's: https://scikit-learn.org/stable/modules/model_evaluation.html. For two classes, f1,
precision and recall are those of the positive class, for more they are the unweighted mean over the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn import metrics as sk

from ml.contract import LOWER_IS_BETTER, METRICS
from ml.losses import EPSILON
from ml.model import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.model import Floats


def score(name: str, truth: Floats, prediction: Prediction) -> float:
    """Return one metric of n predictions.

    Args:
        name: One of `ml.contract.METRICS`.
        truth: n values, or class indices.
        prediction: For the same n rows.

    Returns:
        The metric; NaN where it is not defined (roc_auc of rows of one class).
    """
    if prediction.probabilities is None:
        return _regression(name, truth, prediction.values)
    return _classification(name, truth, prediction.values, prediction.probabilities)


def scores(task: str, truth: Floats, prediction: Prediction) -> dict[str, float]:
    """Return all metrics of the task."""
    return {name: score(name, truth, prediction) for name in METRICS[task]}


def better(name: str, one: float, other: float) -> float:
    """Return by how much ``one`` is better than ``other``: positive is better, whatever the metric's direction."""
    return other - one if name in LOWER_IS_BETTER else one - other


def baselines(train: Floats, rows: int, classes: int, last_known: Floats) -> dict[str, Prediction]:
    """Return the trivial predictions for ``rows`` rows.

    Args:
        train: Values or class indices of the training rows.
        rows: How many rows to predict.
        classes: Number of classes; 0 for a regression.
        last_known: The newest known label at each row, NaN where none; the training rows' answer stands in there.
    """
    if not classes:
        made = {"mean": Prediction(np.full(rows, train.mean()), None)}
        if np.isfinite(last_known).any():
            made["last known value"] = Prediction(np.where(np.isnan(last_known), train.mean(), last_known), None)
        return made
    majority = int(np.bincount(train.astype(int), minlength=classes).argmax())
    made = {"majority class": certain(np.full(rows, majority), classes)}
    if classes == 2:  # noqa: PLR2004 - only two classes have a positive one
        made["always positive"] = certain(np.ones(rows), classes)
    if np.isfinite(last_known).any():
        made["last known value"] = certain(np.where(np.isnan(last_known), majority, last_known), classes)
    return made


def certain(labels: NDArray[np.floating | np.integer], classes: int) -> Prediction:
    """Return the prediction that gives each row its label with (almost) full probability."""
    chosen = np.clip(np.eye(classes)[labels.astype(int)], EPSILON, 1)
    return Prediction(labels.astype(np.float64), chosen / chosen.sum(axis=1, keepdims=True))


def _regression(name: str, truth: Floats, values: Floats) -> float:
    if name == "r2":
        return float(sk.r2_score(truth, values)) if len(truth) > 1 else float("nan")
    error = truth - values
    return float(np.abs(error).mean() if name == "mae" else np.sqrt((error**2).mean()))


def _classification(name: str, truth: Floats, labels: Floats, probabilities: Floats) -> float:
    classes = probabilities.shape[1]
    if name == "log_loss":
        return float(sk.log_loss(truth, probabilities, labels=range(classes)))
    if name == "roc_auc":
        return _roc_auc(truth, probabilities)
    if name == "accuracy":
        return float((truth == labels).mean())
    if name == "balanced_accuracy":
        present = np.unique(truth)
        return float(np.mean([(labels[truth == each] == each).mean() for each in present]))
    average, of = ("binary", None) if classes == 2 else ("macro", range(classes))  # noqa: PLR2004
    of_name = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}[name]
    return float(of_name(truth, labels, average=average, labels=of, zero_division=0))


def _roc_auc(truth: Floats, probabilities: Floats) -> float:
    classes = probabilities.shape[1]
    if len(np.unique(truth)) < classes:
        return float("nan")
    if classes == 2:  # noqa: PLR2004
        return float(sk.roc_auc_score(truth, probabilities[:, 1]))
    return float(sk.roc_auc_score(truth, probabilities, multi_class="ovr", labels=range(classes)))
