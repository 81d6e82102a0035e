"""The parts of a card, apart from how they are written: what `card.md` and `card.html` say is the same."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

MOST = 50
"""So many rows of a table are written; the files that the card is made of have all."""
LONGEST, LONGEST_SENTENCE = 80, 400
"""So many characters of a name, and of a sentence with names in it, are written."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Points:
    """A list of sentences."""

    points: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts; from column ``numbers`` on, they are numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing, and the numbers that are written where nothing can be drawn."""

    drawing: Element
    table: Table


Part = Text | Points | Table | Chart


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter of the card."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model card."""

    title: str
    passed: bool
    verdict: str
    """A sentence."""
    sections: Sequence[Section]


def name(value: object, longest: int = LONGEST) -> str:
    """Return a text of the data as a card shows it: on one line, not too long, and without a character that hides."""
    text = "".join(" " if _hides(each) else each for each in str(value))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def listed(values: Sequence[object], most: int = MOST) -> str:
    """Return names with commas between; of very many, the first ones and how many more there are."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(name, values[:most])) + more


def shortened(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Return the first rows of a table, and a last one that says how many more there are."""
    if len(rows) <= MOST:
        return [*rows]
    return [*rows[:MOST], [f"and {len(rows) - MOST} more", *[""] * (len(rows[0]) - 1)]]


def _hides(character: str) -> bool:
    """Tell whether a character is none that one sees, such as a control or a change of the writing direction."""
    return unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
