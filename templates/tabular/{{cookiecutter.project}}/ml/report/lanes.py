"""Lanes: drawings that share one axis of time, each with its name before it; the time line is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.report.markup import tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

    from ml.report.axes import Dates

SHAPES = {
    "dot": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "up": "M0-6 6 5H-6z",
    "down": "M0 6 6-5H-6z",
    "cross": "M-5-5 5 5M5-5-5 5",
    "square": "M-4.5-4.5H4.5V4.5H-4.5z",
    "diamond": "M0-6 6 0 0 6-6 0z",
    "bolt": "M2-7-5 1H0L-2 7 5-1H0z",
    "letter": "M-6.5-4.5H6.5V4.5H-6.5zM-6.5-4.5 0 1 6.5-4.5",
}
"""Paths around the middle, in pixels. They differ in form, so that nobody needs the colours."""
HOLLOW = {"cross", "letter"}
LETTER = 2.8
"""A bar of fewer per cent of the width for each character has no room for its text."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A moment."""

    at: str
    """ISO."""
    shape: str
    """A key of `SHAPES`."""
    tone: str
    """The class that colours it: `good`, `watch`, `bad`, `now` or `before`."""
    told: str
    filled: bool = True


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A stretch of time."""

    start: str
    until: str | None
    """None: it is not over."""
    tone: str
    told: str
    text: str = ""
    """Stands in the bar where there is room."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A line of the time line."""

    name: str
    bars: Sequence[Bar] = ()
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A drawing over the whole width of the axis."""

    name: str
    drawing: Element
    value: str = ""
    """What stands behind it."""


def timeline(title: str, dates: Dates, lanes: Iterable[Lane], legend: Sequence[Element]) -> Element:
    """Draw what happened, one lane below the other, with its number behind it; all that is drawn tells what it is."""
    rows = [
        Row(name=lane.name, drawing=_lane(dates, lane), value=str(max(len(lane.bars), len(lane.marks))))
        for lane in lanes
    ]
    return over_time(title, dates, rows, legend)


def over_time(title: str, dates: Dates, rows: Sequence[Row], legend: Sequence[Element]) -> Element:
    """Set drawings below each other, over one axis of time."""
    cells: list[Element] = []
    for row in rows:
        cells += [tag("span", row.name, class_="name", title=row.name), row.drawing]
        cells.append(tag("span", row.value, class_="value"))
    cells += [tag("span"), _feet(dates), tag("span")]
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", *legend, class_="legend"),
        tag("div", *cells, class_="lanes"),
    )


def grid(dates: Dates) -> list[Element]:
    """Return the lines of the axis's dates, for the ground of a drawing."""
    return [upright(place, "tick") for place, _ in dates.ticks()]


def upright(place: float, kind: str, told: str = "") -> Element:
    """Draw a line from the top to the bottom."""
    x = f"{place:.2f}%"
    return tag("line", *([tag("title", told)] if told else []), x1=x, x2=x, y1="0", y2="100%", class_=kind)


def sign(place: float, mark: Mark, height: str = "50%") -> Element:
    """Draw a mark at so many per cent from the left; its form stays as it is however wide the drawing gets."""
    path = tag("path", tag("title", mark.told), d=SHAPES[mark.shape])
    return tag("svg", path, x=f"{place:.2f}%", y=height, class_=_kind(mark))


def signed(mark: Mark) -> Element:
    """Return an entry of a legend: the mark and what it tells."""
    path = tag("path", d=SHAPES[mark.shape])
    drawn = tag("svg", path, viewBox="-8 -8 16 16", class_=f"{_kind(mark)} key", aria_hidden="true")
    return tag("span", drawn, mark.told)


def _lane(dates: Dates, lane: Lane) -> Element:
    drawn = grid(dates)
    for bar in lane.bars:
        left, width = dates.stretch(bar.start, bar.until)
        box = {"x": f"{left:.2f}%", "width": f"{width:.2f}%", "y": "20%", "height": "60%"}
        told = tag("title", bar.told)
        drawn.append(tag("rect", told, rx=2, class_=bar.tone, **box))
        if bar.text and width >= LETTER * len(bar.text):
            drawn.append(tag("text", bar.text, x=f"{left + width / 2:.2f}%", y="50%", class_="inside"))
    drawn += [sign(dates.place(mark.at), mark) for mark in lane.marks]
    return tag("svg", *drawn, class_="lane", role="img", aria_label=lane.name)


def _feet(dates: Dates) -> Element:
    texts = [tag("text", text, x=f"{place:.2f}%", y="1.1em", text_anchor="middle") for place, text in dates.ticks()]
    return tag("svg", *texts, class_="feet", role="img", aria_label="dates")


def _kind(mark: Mark) -> str:
    return f"mark {mark.tone}" + ("" if mark.filled and mark.shape not in HOLLOW else " hollow")
