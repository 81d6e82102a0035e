"""Shares: the cells of two profiles of a feature, as people read them. None quotes a row: a cell is many of them."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ml.drift.buckets import FINENESS
from ml.drift.cells import FEW, axis, counted, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.drift.buckets import Feature
    from ml.drift.profile import Counts

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DIGITS = 6
"""Shares are rounded to so many decimals."""
SMALLEST, LARGEST = 1e-300, 1e300
"""Beyond these, rounding a number to a number of decimals can overflow."""
QUOTED = 3
"""A group of so many levels is called by their names, if each has `FEW` rows: a rarer one may name a row."""


class Shares(TypedDict):
    """The shares of all rows by cell."""

    labels: list[str]
    """Of k cells, along the feature's values."""
    baseline: list[float]
    current: list[float]


def shares(feature: Feature, baseline: Counts, current: Counts, most: int) -> Shares:
    """Return the shares of the rows in each cell that `ml.drift.cells.cells` compares, at most ``most`` groups."""
    found = axis(feature, baseline, current)
    members: dict[int, list[int]] = defaultdict(list)
    for bucket, cell in zip(found.buckets, grouped(found, most).tolist(), strict=True):
        members[cell].append(bucket)
    known = [cell for cell in sorted(members) if cell < most]
    p, q = counted(feature, found, (baseline, current), most)
    below, above, low, high, other, null = range(most, most + 6)
    names = _names(feature, [members[cell] for cell in known], baseline, current)
    named = dict(zip(known, names, strict=True)) | {
        low: "-inf",
        high: "+inf",
        below: "below the baseline",
        above: "above the baseline" if feature.kind == "numeric" else "not in the baseline",
        other: "other levels",
        null: "null",
    }
    filled = [cell for cell in (low, below, *known, above, high, other, null) if p[cell] + q[cell] > 0]
    return Shares(
        labels=[named[cell] for cell in filled],
        baseline=np.round(p / p.sum(), DIGITS)[filled].tolist(),
        current=np.round(q / q.sum(), DIGITS)[filled].tolist(),
    )


def _names(feature: Feature, cells: Sequence[Sequence[int]], baseline: Counts, current: Counts) -> list[str]:
    """Name groups of buckets; the outermost values of a number are those of single rows, so they are left open."""
    if feature.kind != "numeric":
        return [_name(feature, buckets, baseline) for buckets in cells]
    both = baseline + current
    # The middle of a bucket can lie beyond every value in it: no probability is above 1.
    low_end, high_end = (-math.inf if both.low is None else both.low), (math.inf if both.high is None else both.high)
    middles = [feature.middles((buckets[0], buckets[-1])).clip(low_end, high_end) for buckets in cells]
    ends = [[_number(feature, float(value)) for value in pair] for pair in middles]
    names = [low if low == high else f"{low} to {high}" for low, high in ends]
    if len(names) > 1:
        names[0], names[-1] = f"up to {ends[0][1]}", f"from {ends[-1][0]}"
    return names


def _number(feature: Feature, value: float) -> str:
    """Write a value as exactly as a bucket is wide there."""
    width = math.hypot(feature.scale, value - feature.centre) / FINENESS
    if not SMALLEST < width < LARGEST or abs(value) > LARGEST:
        return f"{value:.3g}"
    return f"{round(value, -round(math.log10(width))) + 0.0:.15g}"  # the sum makes -0 a 0


def _name(feature: Feature, buckets: Sequence[int], baseline: Counts) -> str:
    match feature.kind:
        case "categorical" if len(buckets) > QUOTED or any(baseline.buckets.get(one, 0) < FEW for one in buckets):
            return f"{len(buckets)} levels"
        case "categorical":
            return ", ".join(feature.levels[bucket] for bucket in buckets)
        case "boolean":
            return " or ".join(("false", "true")[bucket] for bucket in buckets)
        case "weekday":
            names = [WEEKDAYS[bucket] for bucket in buckets]
        case _:
            names = [f"{bucket} h" for bucket in buckets]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
