"""Columns that give the target away: alone, or a few of them together as a sum or a product.

Works on a sample as plain arrays: a number is itself, any other value a number that stands for its level, null is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CORRELATION = 0.995
AUC = 0.995
PURITY = 0.99
"""Of the way from always answering the commonest class to always being right."""
R_SQUARED = 0.999
_MOST_TOGETHER = 4
_FEWEST = 20
_BINS = (50, 1_000)
_ROWS_PER_BIN = 5
_ROWS_PER_COLUMN = 10
_RIDGE = 1e-10


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows to look at, all with a known target."""

    target: Array
    """Shape (rows,). For classes, a number that stands for each."""
    classes: bool
    """Whether the target is a class."""
    numbers: Mapping[str, Array]
    """Columns that are numbers, each of shape (rows,)."""
    levels: Mapping[str, Array]
    """Columns of levels, each of shape (rows,)."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Columns that give the target away."""

    columns: tuple[str, ...]
    because: str
    """The measure that says so, as a clause."""


def leaks(sample: Sample) -> list[Leak]:
    """Return the leaks of a sample: columns that leak alone first, then those that leak together."""
    import numpy as np  # noqa: PLC0415 - late: `loopwright --help` stays fast

    if len(sample.target) < _FEWEST:
        return []
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the end of the doubles: no leak can be told
        alone = list(_alone(sample))
        known = {name for leak in alone for name in leak.columns}
        return alone + list(_together(sample, {name: x for name, x in sample.numbers.items() if name not in known}))


def _alone(sample: Sample) -> Iterator[Leak]:
    for name, column in {**sample.numbers, **sample.levels}.items():
        is_number = name in sample.numbers
        if sample.classes:
            because = _gives_class(sample.target, column, is_number=is_number)
        else:
            because = _gives_number(sample.target, column, is_number=is_number)
        if because:
            yield Leak(columns=(name,), because=because)


def _gives_class(target: Array, column: Array, *, is_number: bool) -> str | None:
    import numpy as np  # noqa: PLC0415 - late: `loopwright --help` stays fast

    classes, codes, counts = np.unique(target, return_inverse=True, return_counts=True)
    if len(classes) < 2 or np.sort(counts)[-2] < _FEWEST // 2:  # noqa: PLR2004 - nothing to tell apart
        return None
    known = ~np.isnan(column)
    if len(classes) == 2 and is_number and known.mean() > 1 / 2:  # noqa: PLR2004 - AUC is for two classes
        area = _auc(codes[known] == 1, column[known])
        if area > AUC:
            return f"AUC {area:.3f} alone"
    purity = _purity(codes, _binned(column) if is_number else column)
    return f"its values tell {purity:.1%} of what the commonest class does not" if purity > PURITY else None


def _auc(positive: NDArray[np.bool_], score: Array) -> float:
    """Return the area under the ROC curve, or of its mirror image if that is larger; 0.5 for one class."""
    n, m = int(positive.sum()), int((~positive).sum())
    if min(n, m) < _FEWEST // 2:
        return 0.5
    area = (_ranks(score)[positive].sum() - n * (n + 1) / 2) / (n * m)
    return float(max(area, 1 - area))


def _ranks(values: Array) -> Array:
    """Return ranks from 1, ties as their mean."""
    import numpy as np  # noqa: PLC0415 - late

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2)[inverse]
    return ranks


def _binned(column: Array) -> Array:
    """Cut a number with many values into bins of about equal size, equal values together."""
    import numpy as np  # noqa: PLC0415 - late

    known = column[~np.isnan(column)]
    bins = min(max(len(known) // _ROWS_PER_BIN, _BINS[0]), _BINS[1])
    if len(np.unique(known)) <= bins:
        return column
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.where(np.isnan(column), np.nan, np.searchsorted(edges, column, side="right"))


def _purity(codes: NDArray[np.intp], levels: Array) -> float:
    """Return how far the levels go from the commonest class to always being right; a level of one row tells nothing."""
    import numpy as np  # noqa: PLC0415 - late

    rows, classes = len(codes), int(codes.max()) + 1
    _, level = np.unique(levels, return_inverse=True)
    table = np.bincount(level * classes + codes, minlength=(int(level.max()) + 1) * classes).reshape(-1, classes)
    commonest = np.bincount(codes).max() / rows
    sizes = table.sum(axis=1)
    right = (table.max(axis=1)[sizes > 1].sum() + commonest * (sizes == 1).sum()) / rows
    return float((right - commonest) / (1 - commonest))


def _gives_number(target: Array, column: Array, *, is_number: bool) -> str | None:
    import numpy as np  # noqa: PLC0415 - late

    known = ~np.isnan(column)
    if known.sum() < max(_FEWEST, len(target) / 2) or np.ptp(target[known]) == 0:
        return None
    if not is_number:
        share = _between(target[known], column[known])
        return f"its levels explain {share:.1%} of the variance" if share > CORRELATION**2 else None
    if np.ptp(column[known]) == 0:
        return None
    linear = abs(_correlation(target[known], column[known]))
    monotone = abs(_correlation(_ranks(target[known]), _ranks(column[known])))
    if linear > CORRELATION:
        return f"correlation {linear:.3f}"
    return f"rank correlation {monotone:.3f}" if monotone > CORRELATION else None


def _correlation(a: Array, b: Array) -> float:
    import numpy as np  # noqa: PLC0415 - late

    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _between(target: Array, levels: Array) -> float:
    """Return the share of the target's variance between levels, adjusted for their number."""
    import numpy as np  # noqa: PLC0415 - late

    _, level, sizes = np.unique(levels, return_inverse=True, return_counts=True)
    free = len(target) - len(sizes)
    if free < _FEWEST:
        return 0.0
    rest = target - (np.bincount(level, weights=target) / sizes)[level]
    return float(1 - (rest @ rest / free) / target.var(ddof=1))


def _together(sample: Sample, columns: Mapping[str, Array]) -> Iterator[Leak]:
    """Find small sets of columns whose weighted sum, or product of powers, is the target."""
    import numpy as np  # noqa: PLC0415 - late

    target = sample.target
    if sample.classes:
        if len(np.unique(target)) > 2:  # noqa: PLR2004 - more classes have no order
            return
        target = (target == target.max()).astype(np.float64)
    left = {name: np.nan_to_num(column) for name, column in columns.items()}
    while found := _smallest_sum(target, left):
        yield Leak(columns=found[0], because=f"R squared {found[1]:.4f} as a weighted sum")
        left = {name: column for name, column in left.items() if name not in found[0]}
    positive = {name: np.log(column) for name, column in left.items() if column.min() > 0}
    if not sample.classes and target.min() > 0 and (found := _smallest_sum(np.log(target), positive)):
        yield Leak(columns=found[0], because=f"R squared {found[1]:.4f} as a product")


def _smallest_sum(target: Array, columns: Mapping[str, Array]) -> tuple[tuple[str, ...], float] | None:
    """Fit the target by least squares and drop columns for as long as R squared holds.

    Returns:
        The columns that are left and their R squared; none when R squared is too low, when there are too few rows to
        tell, or when it takes more than four columns, which is a model rather than a leak.
    """
    import numpy as np  # noqa: PLC0415 - late

    names = [name for name, column in columns.items() if np.ptp(column) > 0]
    if len(names) < 2 or len(target) < _ROWS_PER_COLUMN * len(names) or np.ptp(target) == 0:  # noqa: PLR2004 - a sum
        return None
    everything = np.corrcoef(np.vstack([*(columns[name] for name in names), target]))
    between, with_target = everything[:-1, :-1] + _RIDGE * np.eye(len(names)), everything[:-1, -1]
    keep, best = list(range(len(names))), None
    while keep:
        inverse = np.linalg.inv(between[np.ix_(keep, keep)])
        weights = inverse @ with_target[keep]
        explained = float(weights @ with_target[keep])
        if not explained > R_SQUARED:  # neither does NaN
            break
        best = tuple(names[place] for place in keep), explained
        del keep[int(np.argmin(weights**2 / np.diag(inverse)))]
    return best if best and len(best[0]) <= _MOST_TOGETHER else None
