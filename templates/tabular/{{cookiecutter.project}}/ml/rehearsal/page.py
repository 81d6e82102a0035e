"""The page of a rehearsal: one file of HTML that is looked at before it is read."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.rehearsal import course, curves, overview, tables
from ml.report.html import html
from ml.report.markup import tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(arguments: Sequence[str] = ()) -> None:
    """Draw the page."""
    parser = argparse.ArgumentParser(prog="python -m ml rehearsal")
    parser.add_argument("document", type=Path, help="rehearsal.json")
    parser.add_argument("page", type=Path, help="the file of HTML to write")
    told = parser.parse_args(list(arguments))
    told.page.write_text(page(json.loads(told.document.read_text(encoding="utf-8"))), encoding="utf-8")


def page(document: Mapping[str, Any]) -> str:
    """Return the page: the same document gives the same bytes, and all text is escaped."""
    sections = {
        "What was promised": overview.promises(document),
        "Quality": curves.quality(document),
        "What happened": course.course(document),
        "Drift": curves.drift(document),
        "Retrainings": tables.retrainings(document),
        "Rollouts": tables.rollouts(document),
        "Versions": tables.versions(document),
        "Spend": tables.spend(document),
        "Events": tables.events(document),
        "Assumptions": tables.assumptions(document),
    }
    return html(
        overview.title(document),
        overview.header(document),
        overview.verdict(document),
        overview.tiles(document),
        *overview.findings(document),
        *(tag("section", tag("h2", title), *parts) for title, parts in sections.items() if parts),
        overview.footer(document),
    )
