"""Drift: what moved between the baseline and the current rows, and whether it moved more than it does by itself.

A feature drifts when its distance from the baseline exceeds each of these; `Move.ratio` is then larger than 1:

- chance: how far so few rows can be from the baseline in `ALPHA` of the comparisons of all features together. A fixed
  limit (PSI of 0.2, say) is below it for few rows and far above it for many.
- its own movement: what blocks of the training window, each as long as the current window, reach when they are compared
  with the rest of it (`ml/drift/reference.py`), times `HEADROOM`. Weekdays and wobble are not drift.
- what is worth telling: `FLOOR`.

The last two must be exceeded by more than a standard error of the distance, so that what moves as far as it always did
is not told every other day. Nothing here reads or writes anything.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from ml.drift import distances
from ml.drift.buckets import OTHER
from ml.drift.cells import axis, cells, groups, unseen
from ml.drift.shares import Shares, shares

if TYPE_CHECKING:
    from ml.drift.buckets import Feature
    from ml.drift.profile import Counts, Profile
    from ml.drift.reference import Reference
    from ml.model import Floats

ALPHA = 0.01
"""Of the comparisons without drift, so many have a feature beyond its sampling noise (Dunn 1961, "Multiple Comparisons
Among Means": each feature gets its equal part)."""
HEADROOM = 1.25
"""So many times what the feature reached by itself is still its own movement."""
FLOOR = 0.1
"""The smallest distance worth telling: a normal distribution that moves by a quarter of its standard deviation, or a
category that is new in 2 % of the rows."""
IDENTIFIER_SHARE = 0.5
"""A category most of whose baseline rows have levels too rare to be counted by name names rows: it cannot drift."""
BREAK_SHARE, BREAK_Z = 0.05, 5.0
"""A break, more likely a fault than drift: nulls or new levels move by more than 5 points (and nulls by 5 standard
errors, so that it is no chance)."""
SHOWN = 10
"""Of so many features, those that moved furthest, a report holds the shares of the cells too."""

Status = Literal["judged", "all null", "baseline empty", "identifier", "broken", "no rows"]


@dataclass(frozen=True, kw_only=True)
class Move:
    """How far one feature moved; None stands for what is not defined."""

    name: str
    status: Status
    drifting: bool = False
    ratio: float = 0.0
    """The distance as a multiple of the largest one that is no drift; 0 where it was not judged."""
    breaks: tuple[str, ...] = ()
    """What is more likely a fault upstream than drift: `missing`, `all null`, `nulls`, `new levels`, a changed type."""
    rows: int = 0
    js: float | None = None
    """Jensen-Shannon distance, 0 to 1."""
    psi: float | None = None
    psi_expected: float | None = None
    """What PSI is on average for so many rows without drift."""
    psi_critical: float | None = None
    """What PSI exceeds by chance only: `ALPHA` for all features together."""
    chi2: float | None = None
    chi2_p: float | None = None
    ks: float | None = None
    """numeric: Kolmogorov-Smirnov distance of the values that are not null, 0 to 1."""
    wasserstein: float | None = None
    """numeric: in standard deviations of the baseline, finite values only."""
    null_rate: float | None = None
    null_change: float | None = None
    """The current null rate less that of the baseline."""
    new_share: float | None = None
    """Of the values that are not null, how many the baseline does not know: unnamed levels, values out of its range."""
    cells: Shares | None = None
    """What was compared, for people."""


class _Along(TypedDict, total=False):
    ks: float
    wasserstein: float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """How far all features moved."""

    rows: int
    moves: tuple[Move, ...]

    @property
    def judged(self) -> tuple[Move, ...]:
        """The features that could be compared."""
        return tuple(move for move in self.moves if move.status in {"judged", "all null"})

    @property
    def share(self) -> float:
        """The share of the judged features that drift; 0 where none was judged."""
        return sum(move.drifting for move in self.judged) / max(1, len(self.judged))

    @property
    def ratio(self) -> float:
        """The largest ratio; 0 where no feature was judged."""
        return max((move.ratio for move in self.judged), default=0.0)

    @property
    def breaks(self) -> tuple[tuple[str, str], ...]:
        """Each feature and reason that is more likely a fault than drift: not to be learned from."""
        return tuple((move.name, reason) for move in self.moves for reason in move.breaks)

    def document(self) -> dict[str, Any]:
        """Return the report for JSON, the feature that moved furthest first."""
        ordered = sorted(self.moves, key=_furthest)
        facts = {"rows": self.rows, "ratio": self.ratio, "share": self.share, "breaks": list(map(list, self.breaks))}
        return facts | {"features": [asdict(move) | {"breaks": list(move.breaks)} for move in ordered]}


def compare(reference: Reference, current: Profile) -> Report:
    """Compare current rows with the baseline.

    Args:
        reference: What they are compared with.
        current: Their profile, counted by the reference's features.

    Returns:
        How far each feature moved, in the order of the features.

    Raises:
        ValueError: The two were counted by different buckets.
    """
    if reference.profile.features != current.features:
        raise ValueError("the profile was not counted by the buckets of the baseline")
    broken = dict(sorted(current.broken))
    statuses = {one.name: _status(one, reference.profile, current) for one in current.features}
    judged = max(1, sum(status in {"judged", "all null"} for status in statuses.values()))
    moves = []
    for one in current.features:
        status = statuses[one.name]
        if status in {"judged", "all null"}:
            moves.append(_move(one, status, reference, current.counts[one.name], ALPHA / judged))
        else:
            reasons = (broken[one.name],) if one.name in broken else ()
            moves.append(Move(name=one.name, status=status, breaks=reasons, rows=current.rows))
    shown = {move.name for move in sorted(moves, key=_furthest)[:SHOWN]}
    return Report(
        rows=current.rows,
        moves=tuple(
            _with_cells(move, one, reference, current) if move.name in shown else move
            for move, one in zip(moves, current.features, strict=True)
        ),
    )


def _furthest(move: Move) -> tuple[float, str]:
    return -move.ratio, move.name


def _with_cells(move: Move, feature: Feature, reference: Reference, current: Profile) -> Move:
    if move.status not in {"judged", "all null"}:
        return move
    both = reference.profile.counts[feature.name], current.counts[feature.name]
    return replace(move, cells=shares(feature, *both, _groups(reference, *both)))


def _groups(reference: Reference, baseline: Counts, current: Counts) -> int:
    return groups(min(baseline.rows, current.rows, reference.block_rows or current.rows))


def _status(feature: Feature, baseline: Profile, current: Profile) -> Status:
    found, known = current.counts.get(feature.name), baseline.counts.get(feature.name)
    if found is None or feature.name in dict(current.broken):
        return "broken"
    if known is None or not known.values:
        return "baseline empty"
    if feature.kind == "categorical" and known.buckets.get(OTHER, 0) > IDENTIFIER_SHARE * known.values:
        return "identifier"
    if not found.rows:
        return "no rows"
    return "judged" if found.values else "all null"


def _move(feature: Feature, status: Status, reference: Reference, current: Counts, alpha: float) -> Move:
    baseline = reference.profile.counts[feature.name]
    p, q = cells(feature, baseline, current, _groups(reference, baseline, current))
    noise, freedom = distances.noise(p.sum(), q.sum()), len(p) - 1
    js, chi2, psi = distances.divergence(p, q), distances.chi2(p, q), distances.psi(p, q)
    critical = distances.chi2_critical(freedom, alpha)
    ratio = _ratio(psi, noise * critical, js, _limit(p, q, reference.own.get(feature.name, 0.0)))
    return Move(
        name=feature.name,
        status=status,
        drifting=ratio > 1,
        ratio=ratio,
        breaks=_breaks(feature, baseline, current),
        rows=current.rows,
        js=math.sqrt(js),
        psi=psi,
        psi_expected=noise * freedom,
        psi_critical=noise * critical,
        chi2=chi2,
        chi2_p=distances.chi2_p(chi2, freedom),
        null_rate=current.nulls / current.rows,
        null_change=current.nulls / current.rows - baseline.nulls / baseline.rows,
        new_share=unseen(feature, baseline, current) / current.values if current.values else None,
        **_along(feature, baseline, current),
    )


def _ratio(psi: float, critical: float, js: float, limit: float) -> float:
    """Return by how many times the distance exceeds its limits, as a ratio of distances, not of their squares.

    Chance is judged by PSI: for few rows it keeps to its distribution better than the divergence, which weighs an empty
    cell more. What the feature does by itself is judged by the divergence: where a block shares no cell with the others
    (weekdays, on single days) it is 1 for any number of rows, and PSI grows with them.
    """
    return math.sqrt(max(0.0, min(psi / critical, js / limit))) if critical else 0.0


def _limit(p: Floats, q: Floats, moves_itself: float) -> float:
    """Return the largest divergence, in bits, that is no further than `FLOOR` or than what a feature does by itself.

    Measured on samples, a divergence of d is about `distances.divergence_unit` u times a non-central chi-square: its
    mean is B - 1 + d / u for B cells, and its variance 2 (B - 1 + 2 d / u) (Johnson, Kotz and Balakrishnan 1995,
    "Continuous Univariate Distributions", volume 2, chapter 29).
    """
    unit, freedom = distances.divergence_unit(p, q), len(p) - 1
    moved = max(FLOOR, HEADROOM * moves_itself) ** 2 / unit
    return unit * (freedom + moved + math.sqrt(2 * (freedom + 2 * moved)))


def _along(feature: Feature, baseline: Counts, current: Counts) -> _Along:
    """Return the distances that need an order of the values."""
    found = axis(feature, baseline, current)
    if feature.kind != "numeric" or not current.values:
        return {}
    p, q = (
        np.array([counts.negative_infinite, *finite, counts.positive_infinite], dtype=np.float64)
        for counts, finite in ((baseline, found.baseline), (current, found.current))
    )
    made: _Along = {"ks": distances.kolmogorov_smirnov(p, q)}
    if found.baseline.any() and found.current.any():
        middles = feature.middles(found.buckets)
        made["wasserstein"] = distances.wasserstein(found.baseline, found.current, middles)
    return made


def _breaks(feature: Feature, baseline: Counts, current: Counts) -> tuple[str, ...]:
    if not current.values:
        return ("all null",)
    found = []
    change = current.nulls / current.rows - baseline.nulls / baseline.rows
    pooled = (current.nulls + baseline.nulls) / (current.rows + baseline.rows)
    error = math.sqrt(pooled * (1 - pooled) * distances.noise(baseline.rows, current.rows))
    if abs(change) > BREAK_SHARE and abs(change) > BREAK_Z * error:
        found.append("nulls")
    before = unseen(feature, baseline, baseline) / baseline.values
    if feature.kind == "categorical" and unseen(feature, baseline, current) / current.values - before > BREAK_SHARE:
        found.append("new levels")
    return tuple(found)
