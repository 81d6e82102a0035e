"""Heat: many scores over time, a line each, whose cells tell by height and colour how near they are to a threshold."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from ml.report.lanes import Row, grid
from ml.report.markup import decimal, key, moment, tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from ml.report.axes import Dates

MOST = 120
"""So many cells a line: more cannot be told apart on a phone."""
BANDS = ((0.5, "calm", 18), (1.0, "near", 42), (2.0, "over", 68), (float("inf"), "far", 92))
"""Below which multiple of the threshold, the class, the height in per cent."""


def heat(dates: Dates, times: Sequence[str], name: str, scores: Sequence[float | None], threshold: float) -> Row:
    """Draw the scores of one name.

    Args:
        dates: The axis.
        times: n ISO times, ascending: when each score begins to hold.
        name: Whose scores they are.
        scores: n scores; None where there is none.
        threshold: Above it, a score is too high; more than 0.

    Returns:
        A row with the highest score behind it. Of more times than `MOST`, neighbours share a cell, which tells the
        highest of them.
    """
    size = -(-len(times) // MOST) or 1
    ends = [*times[size::size], dates.until]
    cells = [
        (start, end, _highest(scores[at : at + size]))
        for at, (start, end) in zip(range(0, len(times), size), zip(times[::size], ends, strict=True), strict=True)
    ]
    drawn = grid(dates)
    for band, same in groupby(cells, lambda cell: _band(cell[2], threshold)):
        run = list(same)
        if band is not None:
            start, end = run[0][0], run[-1][1]
            highest = decimal(_highest([score for *_, score in run]))
            told = f"{name}, {moment(start)[:10]} to {moment(end)[:10]}: up to {highest}"
            drawn.append(_cell(dates.stretch(start, end), band, told))
    found = _highest(scores)
    return Row(name=name, drawing=tag("svg", *drawn, class_="heat", role="img", aria_label=name), value=decimal(found))


def legend(threshold: float) -> list[Element]:
    """Return what the cells mean."""
    limits = [0.0, *(most * threshold for most, _, _ in BANDS[:-1])]
    told = [f"{decimal(low)} to {decimal(high)}" for low, high in pairwise(limits)]
    return [
        key(f"cell {tone}", text)
        for (_, tone, _), text in zip(BANDS, [*told, f"{decimal(limits[-1])} or more"], strict=True)
    ]


def _highest(scores: Sequence[float | None]) -> float | None:
    return max((score for score in scores if score is not None), default=None)


def _band(score: float | None, threshold: float) -> int | None:
    if score is None:
        return None
    return next(at for at, (most, _, _) in enumerate(BANDS) if score < most * threshold or most == float("inf"))


def _cell(stretch: tuple[float, float], band: int, told: str) -> Element:
    left, width = stretch
    _, tone, height = BANDS[band]
    box = {"x": f"{left:.2f}%", "width": f"{width:.2f}%", "y": f"{100 - height}%", "height": f"{height}%"}
    return tag("rect", tag("title", told), class_=tone, **box)
