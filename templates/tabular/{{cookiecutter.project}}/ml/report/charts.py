"""Charts: small drawings as inline SVG, whose colours are the page's and whose texts stand beside them as HTML.

Matplotlib, which `ml/plots.py` uses, writes colours and sizes of text into the file: such a chart stays light on a dark
page and cannot be read on a phone. Here a drawing stretches to the width it gets, and its lines and texts do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ml.report.axes import scale, seconds
from ml.report.markup import key, moment, number, tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

HEIGHT = 100.0
"""Of a drawing, in its own units; it is as wide."""
BAR = 0.8
"""So much of a period is its bar, the rest is the gap to the next."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A value that a chart is read against."""

    value: float
    label: str
    limit: bool = False
    """Whether being above it is too much."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One of several curves."""

    name: str
    points: Sequence[tuple[float | None, float | None]]
    """Values, each with its standard error; None where one is not known."""
    tone: str
    """The class that colours it: `now` or `before`."""


def bar(share: float, *, tone: str, mark: float | None = None) -> Element:
    """Draw a share of 0 to 1 as a bar, and a mark at another one."""
    parts = [tag("rect", x=0, y=0, width=HEIGHT * min(max(share, 0.0), 1.0), height=HEIGHT, class_=tone)]
    if mark is not None:
        parts.append(_stroke("mark", HEIGHT * mark, 0, HEIGHT * mark, HEIGHT))
    return _drawing(*parts, class_="bar")


def over_time(
    title: str, times: Sequence[Any], values: Sequence[float | None], lines: Sequence[Line] = (), *, zero: bool = True
) -> Element:
    """Draw a value over time, with the lines that it is read against.

    Args:
        title: Of the chart.
        times: n ISO times, ascending.
        values: n values; where there is none, the curve has a gap.
        lines: To compare with.
        zero: Whether the axis starts at 0 rather than near the smallest value.
    """
    found = [value for value in values if value is not None]
    heights = found + [line.value for line in lines]
    low, high = scale(heights, zero=zero)
    places = _places(times)
    drawn = [
        _stroke(
            f"line {'limit' if line.limit else 'reference'}",
            0,
            _y(line.value, low, high),
            HEIGHT,
            _y(line.value, low, high),
        )
        for line in lines
    ]
    points = [
        None if value is None else (place, _y(value, low, high)) for place, value in zip(places, values, strict=True)
    ]
    drawn += [_stroke("curve", *one, *other) for one, other in pairwise(points) if one and other]
    drawn += [
        tag("g", tag("title", f"{moment(time)}: {number(value)}"), _stroke("point", *point, *point))
        for time, value, point in zip(times, values, points, strict=True)
        if point
    ]
    legend = [key("curve", title)] + [
        key("limit" if line.limit else "reference", f"{line.label} ({number(line.value)})") for line in lines
    ]
    return _figure(title, _drawing(*drawn, class_="plot"), (low, high), _ends(times), legend)


def stacked(title: str, times: Sequence[Any], layers: Sequence[tuple[str, str, Sequence[float]]]) -> Element:
    """Draw counts over time as bars on top of each other.

    Args:
        title: Of the chart.
        times: n ISO times, ascending.
        layers: From the bottom up: the class that colours it, what it is, n counts.
    """
    counts = [sum(column) for column in zip(*(values for _, _, values in layers), strict=True)]
    _, high = scale(counts, zero=True)
    places = _places(times)
    width = BAR * min((b - a for a, b in pairwise(places)), default=HEIGHT / 10)
    squeeze = HEIGHT / (HEIGHT + width)
    drawn = []
    for at, (time, place) in enumerate(zip(times, places, strict=True)):
        top, parts = 0.0, []
        for tone, _, values in layers:
            height = HEIGHT * values[at] / high
            parts.append(
                tag(
                    "rect",
                    x=place * squeeze,
                    y=HEIGHT - top - height,
                    width=width * squeeze,
                    height=height,
                    class_=tone,
                )
            )
            top += height
        told = ", ".join(f"{number(values[at])} {name}" for _, name, values in layers)
        drawn.append(tag("g", tag("title", f"{moment(time)}: {told}"), *parts))
    legend = [key(tone, name) for tone, name, _ in layers]
    return _figure(title, _drawing(*drawn, class_="plot"), (0.0, high), _ends(times), legend)


def against(
    title: str,
    across: Sequence[float],
    up: Sequence[float],
    names: tuple[str, str],
    *,
    ends: tuple[float, float] | None = None,
) -> Element:
    """Draw one value against another of the same kind, with the line where both are equal.

    Args:
        title: Of the chart.
        across: n values, ascending.
        up: n values.
        names: What the values across and those upwards are.
        ends: Of both axes; by default they hold all values.
    """
    low, high = ends or scale([*across, *up], zero=False)
    points = [(HEIGHT - _y(x, low, high), _y(y, low, high)) for x, y in zip(across, up, strict=True)]
    drawn = [_stroke("line reference", 0, HEIGHT, HEIGHT, 0)]
    drawn += [_stroke("curve", *one, *other) for one, other in pairwise(points)]
    drawn += [
        tag("g", tag("title", f"{number(x)}: {number(y)}"), _stroke("point", *point, *point))
        for x, y, point in zip(across, up, points, strict=True)
    ]
    legend = [key("curve", f"{names[1]}, by {names[0]}"), key("reference", "both equal")]
    return _figure(title, _drawing(*drawn, class_="plot"), (low, high), (number(low), names[0], number(high)), legend)


def curves(title: str, across: Sequence[float], lines: Sequence[Curve], name: str) -> Element:
    """Draw curves over a number, with their standard errors.

    Args:
        title: Of the chart.
        across: n numbers, ascending.
        lines: What is drawn over them.
        name: What the numbers are.
    """
    found = [
        value + sign * (error or 0.0)
        for line in lines
        for value, error in line.points
        if value is not None
        for sign in (-1, 1)
    ]
    low, high = scale(found, zero=True)
    span = (across[-1] - across[0]) or 1.0
    drawn = []
    for line in lines:
        points = [
            None if value is None else (HEIGHT * (x - across[0]) / span, _y(value, low, high))
            for x, (value, _) in zip(across, line.points, strict=True)
        ]
        drawn += [_stroke(f"curve {line.tone}", *one, *other) for one, other in pairwise(points) if one and other]
        for x, (value, error), point in zip(across, line.points, points, strict=True):
            if value is not None and point:
                told = f"{number(x)}: {number(value)}" + ("" if error is None else f" ± {number(error)}")
                ends = [_y(value + sign * (error or 0.0), low, high) for sign in (-1, 1)]
                bar = _stroke(f"error {line.tone}", point[0], ends[0], point[0], ends[1])
                drawn.append(tag("g", tag("title", told), bar, _stroke(f"point {line.tone}", *point, *point)))
    legend = [key(f"curve {line.tone}", line.name) for line in lines]
    feet = (number(across[0]), name, number(across[-1]))
    return _figure(title, _drawing(*drawn, class_="plot"), (low, high), feet, legend)


def spread(title: str, edges: Sequence[float], counts: Sequence[float], name: str) -> Element:
    """Draw how many rows lie between each two of n + 1 ascending edges."""
    low, span = edges[0], (edges[-1] - edges[0]) or 1.0
    _, high = scale(counts, zero=True)
    drawn = []
    for (left, right), count in zip(pairwise(edges), counts, strict=True):
        x, width, height = HEIGHT * (left - low) / span, HEIGHT * (right - left) / span, HEIGHT * count / high
        told = tag("title", f"{number(left)} to {number(right)}: {number(count)}")
        drawn.append(tag("g", told, tag("rect", x=x, y=HEIGHT - height, width=width, height=height, class_="current")))
    feet = (number(edges[0]), name, number(edges[-1]))
    return _figure(title, _drawing(*drawn, class_="plot"), (0.0, high), feet, [key("current", "rows")])


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT * (high - value) / (high - low)


def _places(times: Sequence[Any]) -> list[float]:
    """Return where times lie from left to right; evenly, where one cannot be read."""
    try:
        moments = [seconds(time) for time in times]
    except (TypeError, ValueError):
        moments = [float(at) for at in range(len(times))]
    first, span = min(moments, default=0.0), max(moments, default=0.0) - min(moments, default=0.0)
    return [HEIGHT * (each - first) / span if span else HEIGHT / 2 for each in moments]


def _ends(times: Sequence[Any]) -> list[str]:
    return [moment(time) for time in dict.fromkeys((times[0], times[-1]))]


def _stroke(kind: str, x1: float, y1: float, x2: float, y2: float) -> Element:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind, vector_effect="non-scaling-stroke")


def _drawing(*parts: Element, class_: str) -> Element:
    return tag(
        "svg", *parts, class_=class_, viewBox=f"0 0 {HEIGHT:g} {HEIGHT:g}", preserveAspectRatio="none", role="img"
    )


def _figure(
    title: str, drawing: Element, ends: tuple[float, float], feet: Sequence[str], legend: Sequence[Element]
) -> Element:
    low, high = ends
    axis = tag("div", tag("span", number(high)), tag("span", number(low)), class_="axis")
    below = tag("div", *(tag("span", text) for text in feet), class_="dates")
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", axis, drawing, class_="frame"),
        below,
        tag("div", *legend, class_="legend"),
    )
