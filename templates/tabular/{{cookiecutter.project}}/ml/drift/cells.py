"""Cells: the buckets of two profiles of a feature as the few cells that distances compare.

A bucket holds few rows or none, and most distances are only noise then. So neighbouring buckets become groups of about
equal share of the baseline, the more of them the more rows there are. What is not a value like others has a cell of its
own: null, either infinity, and whatever the baseline never had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.drift.buckets import OTHER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.drift.buckets import Feature
    from ml.drift.profile import Counts
    from ml.model import Floats

ROWS_A_GROUP = 50
FEWEST, MOST = 4, 20
FEW = 5
"""A cell of its own needs so many rows, found or expected: with fewer a chi-square says too little (Cochran 1954, "Some
Methods for Strengthening the Common Chi-Square Tests"), and one stray row in twenty would be drift."""
BELOW = {0, 2}
"""Below all groups, of the cells after them. Those are: below, above, -inf, +inf, other levels, null."""


@dataclass(frozen=True)
class Axis:
    """The counts of a baseline and of current rows by bucket, the buckets in an order."""

    buckets: list[int]
    """Without `OTHER` and the infinities; of k buckets, those of a category with the most frequent first."""
    baseline: Floats
    """k counts."""
    current: Floats
    """k counts."""

    @property
    def beyond(self) -> tuple[slice, slice]:
        """The buckets before the first and after the last one that the baseline has."""
        known = np.flatnonzero(self.baseline)
        return (slice(0, known[0]), slice(known[-1] + 1, None)) if len(known) else (slice(0, 0), slice(0, None))


def axis(feature: Feature, baseline: Counts, current: Counts) -> Axis:
    """Bring two profiles of a feature to the same buckets."""
    buckets = (baseline.buckets.keys() | current.buckets.keys()) - ({OTHER} if feature.kind == "categorical" else set())
    by_share = feature.kind == "categorical"
    order = sorted(buckets, key=lambda bucket: (by_share and -baseline.buckets.get(bucket, 0), bucket))
    both = ([float(counts.buckets.get(bucket, 0)) for bucket in order] for counts in (baseline, current))
    return Axis(order, *map(np.array, both))


def groups(rows: int) -> int:
    """Return how many groups so many rows, those of the smaller profile, can fill."""
    return min(max(rows // ROWS_A_GROUP + 1, FEWEST), MOST)


def cells(feature: Feature, baseline: Counts, current: Counts, most: int) -> tuple[Floats, Floats]:
    """Return the rows of a baseline and of current rows in the same cells, at most ``most`` groups and what is apart.

    Which group a bucket is in goes by its mid-rank in the baseline: equal values stay together, and a bucket that holds
    more than 1 / ``most`` of the rows shares its group with no other such. What is apart but for `FEW` rows joins the
    first group (what is below) or the last one.

    Returns:
        Two arrays of one length; no cell is empty in both.
    """
    found = axis(feature, baseline, current)
    p, q = counted(feature, found, (baseline, current), most)
    filled = p + q > 0
    return p[filled], q[filled]


def grouped(found: Axis, most: int) -> NDArray[np.intp]:
    """Return which cell each bucket is in: 0 to ``most`` - 1 is a group, then what is below and what is above all."""
    below, above = found.beyond
    rank = (np.cumsum(found.baseline) - found.baseline / 2) / max(1, found.baseline.sum())
    group: NDArray[np.intp] = np.minimum((most * rank).astype(np.intp), most - 1)
    group[below], group[above] = most, most + 1
    return group


def counted(feature: Feature, found: Axis, both: tuple[Counts, Counts], most: int) -> tuple[Floats, Floats]:
    """Return the rows of a baseline and of current rows in all ``most`` + 6 cells, the empty ones among them."""
    group = grouped(found, most)
    p, q = (
        np.append(np.bincount(group, counts, most + 2), _apart(feature, whole))
        for counts, whole in zip((found.baseline, found.current), both, strict=True)
    )
    _join(p, q, most)
    return p, q


def _join(p: Floats, q: Floats, most: int) -> None:
    """Let cells from ``most`` on that hold few rows join a group, in place."""
    filled = np.flatnonzero(p[:most])
    if not len(filled):
        return
    expected = p * (q.sum() / p.sum())
    for cell in range(most, len(p)):
        if max(expected[cell], q[cell]) < FEW:
            group = filled[0] if cell - most in BELOW else filled[-1]
            for counts in (p, q):
                counts[group] += counts[cell]
                counts[cell] = 0


def unseen(feature: Feature, baseline: Counts, current: Counts) -> int:
    """Return how many current values the baseline does not know.

    They are levels that it has no name or no row for, and numbers below or above all of its own.
    """
    found = axis(feature, baseline, current)
    other = current.buckets.get(OTHER, 0) if feature.kind == "categorical" else 0
    return other + int(sum(found.current[part].sum() for part in found.beyond))


def _apart(feature: Feature, counts: Counts) -> list[int]:
    other = counts.buckets.get(OTHER, 0) if feature.kind == "categorical" else 0
    return [counts.negative_infinite, counts.positive_infinite, other, counts.nulls]
