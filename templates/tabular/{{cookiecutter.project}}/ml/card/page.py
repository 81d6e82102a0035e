"""A card as a page: one file of HTML that needs no script and nothing else, in the dress of the monitor's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.card.parts import Chart, Points, Table, Text
from ml.report.html import html
from ml.report.markup import table, tag

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ml.card.parts import Card, Part, Section


def page(card: Card) -> str:
    """Return the page of a card; all text is escaped."""
    tone, word = ("good", "Passed") if card.passed else ("bad", "Refused")
    return html(
        card.title,
        tag("header", tag("h1", card.title)),
        tag("p", tag("b", f"{word}:"), " ", card.verdict, class_=f"verdict {tone}"),
        *map(_section, card.sections),
    )


def _section(section: Section) -> Element:
    return tag("section", tag("h2", section.title), *(each for part in section.parts for each in _part(part)))


def _part(part: Part) -> list[Element]:
    match part:
        case Text(text=text):
            return [tag("p", text)]
        case Points(points=points):
            return [tag("ul", *(tag("li", point) for point in points))]
        case Chart(drawing=drawing):
            return [drawing]
        case Table():
            title = [tag("h3", part.title)] if part.title else []
            return [*title, table(part.heads, part.rows, numbers=part.numbers)]
