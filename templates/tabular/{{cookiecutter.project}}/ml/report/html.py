"""A document: one file of HTML with its style in it, light and dark, for the screen and for paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ml.report.markup import tag, written

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

STYLE = Path(__file__).with_name("style.css")


def html(title: str, *body: Element) -> str:
    """Return the text of a document that needs no script and nothing from elsewhere."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", STYLE.read_text(encoding="utf-8")),
    )
    return written(tag("html", head, tag("body", *body), lang="en"))
