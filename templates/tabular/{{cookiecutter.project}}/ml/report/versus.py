"""Versus: a value over time with and without something, and the area between the two."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from ml.report.axes import round_values, scale
from ml.report.lanes import Row, grid, sign, upright
from ml.report.markup import number, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

    from ml.report.axes import Dates
    from ml.report.lanes import Mark

    Point = tuple[float, float]

    Values = Sequence[float | None]

STEPS = 60
"""Of more periods, moving means are drawn: the chance of single periods hides what lasts."""
PARTS = 30
"""A moving mean is over this part of the periods."""
FEW = 0.05
"""So many of the single values, at either end, may lie outside of the drawing of moving means."""
ROOM = 3.5
"""Two numbers of marks are at least so many per cent from each other."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two courses of a value: n periods, ascending."""

    stretches: Sequence[tuple[str, str]]
    """Begin and end of each, ISO."""
    weights: Sequence[float]
    """Rows of each."""
    ours: Values
    other: Values
    up: bool
    """Whether a larger value is better."""
    told: Sequence[str]
    """What is told of each period."""

    @property
    def width(self) -> int:
        """How many periods a drawn value is the mean of; an odd number."""
        return 1 if len(self.stretches) <= STEPS else 2 * (len(self.stretches) // PARTS // 2) + 1


def versus(name: str, dates: Dates, pair: Pair, marks: Sequence[tuple[Mark, str]], limit: float | None) -> Row:
    """Draw two courses of a value.

    Args:
        name: Of the value.
        dates: The axis.
        pair: The two courses.
        marks: Moments, each with its number, at the top of the drawing.
        limit: A value that is drawn to compare with.
    """
    means = [smoothed(values, pair.weights, pair.width) for values in (pair.ours, pair.other)]
    low, high = _ends(pair, means, limit)
    across = [sum(dates.stretch(*each)) - dates.stretch(*each)[1] / 2 for each in pair.stretches]
    ours, other = ([_point(x, y, low, high) for x, y in zip(across, values, strict=True)] for values in means)
    single = [_point(x, y, low, high) for x, y in zip(across, pair.ours, strict=True)]
    inner = [
        *(tag("path", d=path, class_=kind) for kind, path in areas(ours, other, up=pair.up).items() if path),
        *([_curve("single", single)] if pair.width > 1 else []),
        _curve("before", other),
        _curve("now", ours),
    ]
    drawn = tag("svg", *inner, viewBox="0 0 100 100", preserveAspectRatio="none", class_="inner")
    parts = [*grid(dates), *_levels(low, high, limit), drawn, *_hovers(dates, pair), *_marked(dates, marks)]
    return Row(name=name, drawing=tag("svg", *parts, class_="plot versus", role="img", aria_label=name))


def smoothed(values: Values, weights: Sequence[float], width: int) -> list[float | None]:
    """Return moving means over ``width`` periods around each one, by weight; None where there is no value."""
    reach = width // 2
    made: list[float | None] = []
    for at, value in enumerate(values):
        near = slice(max(at - reach, 0), at + reach + 1)
        known = [(each, weight) for each, weight in zip(values[near], weights[near], strict=True) if each is not None]
        total = sum(weight for _, weight in known)
        made.append(None if value is None or not total else sum(each * weight for each, weight in known) / total)
    return made


def areas(ours: Sequence[Point | None], other: Sequence[Point | None], *, up: bool) -> dict[str, str]:
    """Return the paths of the areas between two courses: where ours is better, and where it is worse."""
    paths = {"gain": "", "loss": ""}
    parts = [part for pairs in _stretches(ours, other) for part in _split(pairs)]
    for tops, bottoms in parts:
        above = sum(y for _, y in tops) < sum(y for _, y in bottoms)
        paths["gain" if above == up else "loss"] += _path([*tops, *reversed(bottoms)]) + "z"
    return paths


def _stretches(ours: Sequence[Point | None], other: Sequence[Point | None]) -> Iterator[list[tuple[Point, Point]]]:
    """Yield the stretches in which both are known."""
    pairs = list(zip(ours, other, strict=True))
    for both, same in groupby(pairs, lambda pair: pair[0] is not None and pair[1] is not None):
        if both:
            yield [(one, two) for one, two in same if one and two]


def _split(pairs: Sequence[tuple[Point, Point]]) -> Iterator[tuple[list[Point], list[Point]]]:
    """Cut a stretch where the two cross."""
    tops, bottoms = [pairs[0][0]], [pairs[0][1]]
    for (one, two), (later, latter) in pairwise(pairs):
        before, after = one[1] - two[1], later[1] - latter[1]
        if before * after < 0:
            part = before / (before - after)
            crossing = (one[0] + part * (later[0] - one[0]), one[1] + part * (later[1] - one[1]))
            yield [*tops, crossing], [*bottoms, crossing]
            tops, bottoms = [crossing], [crossing]
        tops.append(later)
        bottoms.append(latter)
    yield tops, bottoms


def _ends(pair: Pair, means: Sequence[Values], limit: float | None) -> tuple[float, float]:
    shown = [value for values in means for value in values if value is not None]
    if pair.width > 1:
        single = sorted(value for value in pair.ours if value is not None)
        cut = int(FEW * len(single))
        shown += single[cut : len(single) - cut]
    return scale([*shown, *([] if limit is None else [limit])], zero=False)


def _point(x: float, value: float | None, low: float, high: float) -> Point | None:
    return None if value is None else (x, 100 * (high - value) / (high - low))


def _curve(kind: str, points: Sequence[Point | None]) -> Element:
    runs = [
        [point for point in same if point] for known, same in groupby(points, lambda each: each is not None) if known
    ]
    # A stretch of nothing with round ends is a dot: a value that stands alone is seen, too.
    path = "".join(_path(run) + ("h0" if len(run) == 1 else "") for run in runs)
    return tag("path", d=path, class_=f"course {kind}", vector_effect="non-scaling-stroke")


def _path(points: Sequence[Point]) -> str:
    return "M" + " ".join(f"{x:.2f} {y:.2f}" for x, y in points)


def _levels(low: float, high: float, limit: float | None) -> list[Element]:
    drawn = []
    for value in round_values(low, high):
        y = f"{100 * (high - value) / (high - low):.2f}%"
        drawn += [
            tag("line", x1="0", x2="100%", y1=y, y2=y, class_="tick"),
            tag("text", number(value), x="2", y=y, dy="-3"),
        ]
    if limit is not None:
        y = f"{100 * (high - limit) / (high - low):.2f}%"
        drawn.append(tag("line", x1="0", x2="100%", y1=y, y2=y, class_="line limit"))
    return drawn


def _hovers(dates: Dates, pair: Pair) -> list[Element]:
    made = []
    for (start, end), told in zip(pair.stretches, pair.told, strict=True):
        left, width = dates.stretch(start, end)
        box = {"x": f"{left:.2f}%", "width": f"{width:.2f}%", "y": "0", "height": "100%"}
        made.append(tag("rect", tag("title", told), class_="hover", **box))
    return made


def _marked(dates: Dates, marks: Sequence[tuple[Mark, str]]) -> list[Element]:
    drawn: list[Element] = []
    last = -ROOM
    for mark, text in marks:
        place = dates.place(mark.at)
        drawn += [upright(place, f"moment {mark.tone}", mark.told), sign(place, mark, height="0")]
        if place - last >= ROOM:
            drawn.append(tag("text", text, x=f"{place:.2f}%", y="0", dy="-11", text_anchor="middle"))
            last = place
    return drawn
