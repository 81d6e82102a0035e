"""Telling: the report of a period, as `monitor.json` and as a page, and what the log keeps of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml.serving import telemetry
from ml.signals import FEATURE_EVENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml.places import Place

DOCUMENT, PAGE, LATEST = "monitor.json", "monitor.html", "latest"
HISTORY = 30
"""So many earlier periods are shown on the page."""


def write(report: Place, document: Mapping[str, Any]) -> None:
    """Write the report below the name of its period, and again as the latest."""
    from ml.page import page  # noqa: PLC0415 - what draws it is slow to read, and the counts come first

    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    made = {DOCUMENT: text, PAGE: page(document, _history(report, document["period"]))}
    for folder in (document["period"], LATEST):
        for name, content in made.items():
            report.write(f"{folder}/{name}", content.encode())


def _history(report: Place, period: str) -> list[dict[str, Any]]:
    earlier = [name for name in report.level()[0] if name < period and name != LATEST][-HISTORY:]
    there = [name for name in earlier if any(file.name == f"{name}/{DOCUMENT}" for file in report.level(name)[1])]
    return [json.loads(report.read(f"{name}/{DOCUMENT}")) for name in there]


def log(document: Mapping[str, Any], scores: Iterable[tuple[str, float]]) -> None:
    """Write a line for the whole, without what only the report can show, and one for each input."""
    whole = {name: value for name, value in document.items() if name not in {"drift", "quality"}}
    telemetry.line("warning" if document["refused"] or document["breaks"] else "info", "monitor", **whole)
    for name, score in scores:
        telemetry.line("info", FEATURE_EVENT, endpoint=document["endpoint"], feature=name, score=score)
