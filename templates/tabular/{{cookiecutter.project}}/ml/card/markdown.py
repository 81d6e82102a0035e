"""A card as Markdown: CommonMark with the tables of GitHub and GitLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml.card.parts import Chart, Points, Table, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.card.parts import Card, Part

MEANT = re.compile(r"([\\`*\[\]<>|&~$@]|(?<![^\W_])_|_(?![^\W_]))")
"""Characters that Markdown, or its dialects, would read as more than themselves."""
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""How those are written that a reader of HTML would take for a tag, too."""
LINKED = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)")
"""Where the dialects would begin to make an address into a link."""


def markdown(card: Card) -> str:
    """Return the text of a card; whatever name the data holds, it stands there as itself."""
    lines = [f"# {escaped(card.title)}", f"**{'Passed' if card.passed else 'Refused'}:** {escaped(card.verdict)}"]
    for section in card.sections:
        lines.append(f"## {escaped(section.title)}")
        lines += [written for part in section.parts if (written := _part(part))]
    return "\n\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return LINKED.sub(r"\\", MEANT.sub(lambda found: ENTITIES.get(found[0], f"\\{found[0]}"), text))


def _part(part: Part) -> str:
    match part:
        case Text(text=text):
            return escaped(text)
        case Points(points=points):
            return "\n".join(f"- {escaped(point)}" for point in points)
        case Chart(table=table):
            return _table(table)
        case Table():
            return _table(part)


def _table(table: Table) -> str:
    line = ["---:" if at >= table.numbers else "---" for at in range(len(table.heads))]
    rows = [_row(list(map(escaped, cells))) for cells in (table.heads, *table.rows)]
    title = [f"### {escaped(table.title)}", ""] if table.title else []
    return "\n".join([*title, rows[0], _row(line), *rows[1:]])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
