"""The page: a period of the monitor as people read it. One file of HTML that needs no script and nothing else.

It tells what `monitor.json` tells, which is the one to compute with. Nothing here writes anything or reads data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.report import findings, moves, periods
from ml.report.html import html
from ml.report.markup import tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element


def page(document: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the page of a period.

    Args:
        document: The monitor's (`monitor.json`); what is null or absent in it is said to be so.
        history: Those of earlier periods, in any order, for what is shown over time.

    Returns:
        HTML, the same for the same documents. All text is escaped, and none of it is a value of a single row.
    """
    name = str(document.get("endpoint") or "Monitor")
    found, documents = findings.verdict(document), periods.ordered(document, history)
    return html(
        f"{name}, {findings.window(document)}",
        tag("header", tag("h1", name), tag("p", findings.window(document))),
        tag("p", tag("b", found.word), " ", found.sentence, class_=f"verdict {found.tone}"),
        _section("What broke", findings.broken(document)),
        _section("Metrics", [findings.tiles(document)]),
        _section("Drift", [*moves.moves(document), *periods.drift(documents)]),
        _section("Where the rows went", moves.distributions(document)),
        _section("Quality", periods.quality(document)),
        _section("Rows", [*periods.rows(documents), *findings.reasons(document)]),
    )


def _section(title: str, parts: Sequence[Element]) -> Element:
    return tag("section", tag("h2", title), *parts)
