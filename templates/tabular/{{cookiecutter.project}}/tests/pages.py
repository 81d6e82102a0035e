"""What all pages are asked: that they can be read, escape every text, and need nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

NASTY = "<script>alert('\"x\"')</script>&"
VOID = {"meta"}


class Reader(HTMLParser):
    """Reads a page as a browser does, and refuses tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.titles: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)
        if self.open[-1:] == ["h2"]:
            self.titles.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())

    def classes(self, tag: str) -> list[str | None]:
        return [attributes.get("class") for name, attributes in self.tags if name == tag]


def assert_whole(text: str) -> None:
    """Assert that a page runs nothing, fetches nothing, and is light or dark as its reader is."""
    read = Reader(text)
    assert not {name for name, _ in read.tags} & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    outside = {"src", "href", "xlink:href", "action", "data", "background"}
    for name, attributes in read.tags:
        assert not {key for key in attributes if key in outside or key.startswith("on")}, name
    assert not re.search(r"url\(|@import|https?:", text)
    assert "prefers-color-scheme: dark" in text
