"""Alarms on inputs, as others raise them: the rows of the last days against those that the model learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special, stats

from ml.drift.distances import chi2, chi2_p, divergence

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from loopwright.backtest.play.days import Model, Past

    Floats = NDArray[np.float64]

RECENT = 7
"""Days that are compared with the training window."""
PSI_LIMIT, BINS, LEAST_SHARE = 0.2, 10, 1e-4
"""The rule of thumb, with tenths of the training window as bins and its usual floor for empty ones."""
DISTANCE_LIMIT, SHARE_LIMIT = 0.1, 0.5
"""Evidently's for more than 1,000 reference rows: of a feature, and the share of features that makes a drift."""
LEVEL = 0.05
KS_LIMIT = 0.4
"""Of `DriftAlarm` in amazon-sagemaker-drift-detection (prod-config.json)."""


class Column(NamedTuple):
    """One feature, twice."""

    base: Floats
    """Of the rows that the model learned from, ascending."""
    now: Floats
    """Of the recent ones, ascending."""
    categorical: bool

    @property
    def counts(self) -> tuple[Floats, Floats]:
        """The rows of each level, first and second."""
        levels = np.union1d(self.base, self.now)
        first, second = (np.bincount(np.searchsorted(levels, of), minlength=len(levels)) for of in self[:2])
        return first.astype(float), second.astype(float)

    @property
    def ks(self) -> float:
        """The Kolmogorov-Smirnov distance."""
        both = np.concatenate([self.base, self.now])
        first, second = (np.searchsorted(of, both, side="right") / len(of) for of in self[:2])
        return float(np.abs(first - second).max())


@dataclass
class Shift:
    """Compares the last days with the training window of the champion."""

    test: Callable[[list[Column]], bool]
    recent: int = RECENT
    champion: Model | None = None
    base: dict[str, Floats] = field(default_factory=dict)

    def __call__(self, past: Past, champion: Model) -> bool:
        """Tell whether the test fires."""
        stream, last = past.matrix.stream, champion.day - past.matrix.stream.delay
        if champion != self.champion:
            learned = stream.rows(last - champion.window + 1, last)
            self.champion = champion
            self.base = {name: np.sort(of[learned]) for name, of in stream.features.items()}
        rows = stream.rows(past.today - self.recent + 1, past.today)
        if rows.start == rows.stop:
            return False
        columns = (
            Column(self.base[name], np.sort(of[rows]), name in stream.categorical)
            for name, of in stream.features.items()
        )
        return self.test(list(columns))


@dataclass
class Edge:
    """Fires when another alarm begins to, and not again until that was silent."""

    alarm: Shift
    before: bool = False

    def __call__(self, past: Past, champion: Model) -> bool:
        """Tell whether the alarm changed to firing."""
        before, self.before = self.before, self.alarm(past, champion)
        return self.before and not before


def psi_any(columns: list[Column]) -> bool:
    """Tell whether PSI exceeds 0.2 on any feature."""
    return any(_psi(each) > PSI_LIMIT for each in columns)


def drifted_share(columns: list[Column]) -> bool:
    """Tell whether half of the features drift: Wasserstein in standard deviations, or Jensen-Shannon, above 0.1."""
    return float(np.mean([_distance(each) >= DISTANCE_LIMIT for each in columns])) >= SHARE_LIMIT


def ks_any(columns: list[Column]) -> bool:
    """Tell whether any feature differs at 0.05 after Bonferroni's correction: KS, or chi-square for categories."""
    return min(map(_p, columns)) < LEVEL / len(columns)


def one_limit(columns: list[Column]) -> bool:
    """Tell whether the KS distance of any feature exceeds 0.4."""
    return max(each.ks for each in columns) > KS_LIMIT


def _psi(column: Column) -> float:
    if column.categorical:
        first, second = column.counts
    else:
        edges = np.unique(np.quantile(column.base, np.linspace(0, 1, BINS + 1)[1:-1]))
        first, second = (np.bincount(np.searchsorted(edges, of), minlength=len(edges) + 1) for of in column[:2])
    p, q = (np.maximum(counts / counts.sum(), LEAST_SHARE) for counts in (first, second))
    return float(((p - q) * np.log(p / q)).sum())


def _distance(column: Column) -> float:
    if column.categorical:
        return math.sqrt(divergence(*column.counts))
    return float(stats.wasserstein_distance(column.base, column.now)) / max(float(column.base.std()), 1e-3)


def _p(column: Column) -> float:
    if column.categorical:
        first, second = column.counts
        return chi2_p(chi2(first, second), len(first) - 1)
    n, m = len(column.base), len(column.now)
    return float(special.kolmogorov(math.sqrt(n * m / (n + m)) * column.ks))
