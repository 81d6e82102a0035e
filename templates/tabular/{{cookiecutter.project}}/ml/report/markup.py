"""Markup: HTML as a tree of elements, so that every text is escaped by whoever writes it out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, tostring

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Child = Element | str | None
NOTHING = "\N{EN DASH}"
"""What stands for a number that is not known."""
LARGE, HUGE = 1e3, 1e15
"""Numbers whose decimals nobody reads, and those whose digits nobody counts."""


def tag(name: str, /, *children: Child, **attributes: str | float) -> Element:
    """Return an element; ``class_`` stands for the attribute class, and an underscore for a hyphen in all others."""
    made = Element(name, {key.rstrip("_").replace("_", "-"): _plain(value) for key, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child and len(made):
            made[-1].tail = (made[-1].tail or "") + child
        elif child:
            made.text = (made.text or "") + child
    return made


def table(heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: int = 1) -> Element:
    """Return a table that scrolls by itself; from column ``numbers`` on, cells are numbers."""
    head = tag("tr", *(tag("th", text, scope="col", class_=_kind(at, numbers)) for at, text in enumerate(heads)))
    lines = [
        tag("tr", *(tag("td", cell, class_=_kind(at, numbers)) for at, cell in enumerate(cells))) for cells in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), class_="scroll")


def tile(title: str, value: str, told: str) -> Element:
    """Return a figure that stands out, with what it is and what is to be known of it."""
    return tag("div", tag("b", value), tag("span", title, class_="title"), tag("small", told), class_="tile")


def key(tone: str, text: str) -> Element:
    """Return an entry of a legend: what is drawn with a colour."""
    return tag("span", tag("i", class_=f"key {tone}"), text)


def written(root: Element) -> str:
    """Return the text of a page."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def known(value: Any) -> float | None:
    """Return a finite number, or None for whatever else stands there."""
    finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if finite else None


def number(value: Any) -> str:
    """Write a number with three digits, and all digits before the point of a whole or a large one."""
    found = known(value)
    if found is None:
        return NOTHING
    whole = (found.is_integer() or abs(found) >= LARGE) and abs(found) < HUGE
    return f"{found:,.0f}" if whole else f"{found:,.3g}"


def percent(value: Any) -> str:
    """Write a share as percent."""
    found = known(value)
    return NOTHING if found is None else f"{100 * found:.3g} %"


def decimal(value: Any, places: int = 2) -> str:
    """Write a number with so many decimals."""
    found = known(value)
    return NOTHING if found is None else f"{found:,.{places}f}"


def moment(value: Any) -> str:
    """Write an ISO time of UTC to the minute."""
    return str(value).replace("T", " ")[:16] if value else NOTHING


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _kind(at: int, numbers: int) -> str:
    return "number" if at >= numbers else "name"
