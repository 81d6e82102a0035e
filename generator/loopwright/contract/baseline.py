"""What a metric is worth without a model, and the threshold that follows from it.

The trivial baseline is computed on the data at hand. A model must go a tenth of the way from there to perfect; on the
golden rows it must at least not be worse than the baseline.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.errors import UsageError
from loopwright.tables.sql import Session, identifier, scan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopwright.tables.profile import Level

METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "f1", "log_loss", "precision", "recall", "roc_auc"),
    "regression": ("mae", "r2", "rmse"),
}
_LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
_PART_OF_THE_WAY = 0.1
_NEAR_PERFECT = 0.9


@dataclass(frozen=True, kw_only=True)
class MetricChoice:
    """The metric, and what its thresholds are."""

    name: str
    trivial: str
    """What the trivial baseline does, as a gerund: ``always answering the mean``."""
    baseline: float
    """What that reaches on the data, in units of the metric."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is a better model."""
        return self.name not in _LOWER_IS_BETTER

    @property
    def perfect(self) -> int:
        """What a model without error reaches."""
        return int(self.higher_is_better)

    @property
    def limit(self) -> float:
        """The threshold of the metric: a tenth of the way from the baseline to perfect."""
        return _rounded(self.baseline + _PART_OF_THE_WAY * (self.perfect - self.baseline))

    @property
    def golden_limit(self) -> float:
        """The threshold on the golden rows: the baseline."""
        return _rounded(self.baseline)


def choose_metric(
    duck: Session,
    table: Path,
    *,
    target: str,
    wish: str,
    classes: Mapping[Level, int] | None,
    positive: Level | None,
) -> MetricChoice:
    """Choose the metric and measure its trivial baseline.

    Args:
        duck: An open session.
        table: The clean Parquet file.
        target: The column to predict.
        wish: A name in `METRICS`, or ``auto``.
        classes: Rows of each class; none for regression.
        positive: The class of interest, where there are two.

    Raises:
        UsageError: The metric does not belong to the task.
    """
    if classes is None:
        name = "rmse" if wish == "auto" else _known(wish, "regression")
        return _of_numbers(duck, table, identifier(target), name)
    natural = "balanced_accuracy" if positive is None else "f1"
    return _of_classes(natural if wish == "auto" else _known(wish, "classification"), classes, positive)


def _known(wish: str, task: str) -> str:
    if wish not in METRICS[task]:
        near = difflib.get_close_matches(wish, METRICS[task], n=1)
        raise UsageError(
            f"{wish!r} is no metric of a {task}",
            because=f"these are: {', '.join(METRICS[task])}",
            attempt=f"did you mean {near[0]!r}?" if near else "name one of these, or leave it to be inferred",
        )
    return wish


def _of_numbers(duck: Session, table: Path, target: str, name: str) -> MetricChoice:
    mean, spread, median = duck.row(f"FROM {scan(table)} SELECT avg({target}), stddev_pop({target}), median({target})")
    if name == "mae":
        error = duck.value(f"FROM {scan(table)} SELECT avg(abs({target} - {float(median)!r}))")
        return MetricChoice(name=name, trivial=f"always answering the median, {median:.4g},", baseline=float(error))
    baseline = 0.0 if name == "r2" else float(spread)
    return MetricChoice(name=name, trivial=f"always answering the mean, {mean:.4g},", baseline=baseline)


def _of_classes(name: str, classes: Mapping[Level, int], positive: Level | None) -> MetricChoice:
    shares = {level: rows / sum(classes.values()) for level, rows in classes.items()}
    common = max(shares, key=lambda level: shares[level])
    answer = common if positive is None or name in {"accuracy", "balanced_accuracy"} else positive
    share, parts = shares[answer], 1 if positive is not None else len(classes)
    coin = "tossing a coin"
    baseline, trivial = {
        "accuracy": (share, None),
        "balanced_accuracy": (1 / len(classes), None),
        "f1": (2 * share / (1 + share) / parts, None),
        "precision": (share / parts, None),
        "recall": (0.5, coin) if positive is not None else (1 / parts, None),
        "roc_auc": (0.5, coin),
        "log_loss": (-sum(p * math.log(p) for p in shares.values()), "always answering the share of each class"),
    }[name]
    return MetricChoice(name=name, trivial=trivial or f"always answering {shown(answer)}", baseline=baseline)


def shown(level: Level) -> str:
    """Return a level as it reads in a sentence."""
    return f'"{str(level).lower() if isinstance(level, bool) else level}"'


def _rounded(value: float) -> float:
    """Round to two significant figures; close to 1, of what is missing to 1."""
    if _NEAR_PERFECT < value < 1:
        return round(1 - float(f"{1 - value:.2g}"), 12)
    return float(f"{value:.2g}")
