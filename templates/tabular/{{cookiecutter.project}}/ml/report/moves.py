"""Moves: how far each feature is from the baseline, and where its rows went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.report.charts import bar
from ml.report.findings import part
from ml.report.markup import NOTHING, decimal, known, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

MOST = 50
"""So many features, those that moved furthest, are shown; the others stand in `monitor.json`."""
LONGEST = 4.0
"""A bar ends at this ratio; the number beside it goes on."""
HEADS = ("feature", "status", "ratio", "JS", "PSI", "critical PSI", "null change", "new values")


def moves(document: Mapping[str, Any]) -> list[Element]:
    """Return how far inputs and predictions moved, each against its own limit."""
    found = []
    for which, title in (("inputs", "Inputs"), ("predictions", "Predictions")):
        features = part(document, "drift", which).get("features") or []
        if features:
            found += [tag("h3", title), _bars(features[:MOST]), _details(features[:MOST])]
        if len(features) > MOST:
            found.append(tag("p", f"{len(features) - MOST} more moved less than these; monitor.json has them."))
    return found or [tag("p", "Nothing was compared.")]


def distributions(document: Mapping[str, Any]) -> list[Element]:
    """Return the shares of rows by group of values, now and in the baseline, of the features that moved furthest."""
    features = [
        each
        for which in ("inputs", "predictions")
        for each in part(document, "drift", which).get("features") or []
        if part(each, "cells").get("labels")
    ]
    if not features:
        return [tag("p", "Nothing was compared.")]
    legend = tag(
        "div", *(tag("span", tag("i", class_=f"key {tone}"), tone) for tone in ("baseline", "current")), class_="legend"
    )
    return [legend, tag("div", *map(_distribution, features), class_="cards")]


def _bars(features: Sequence[Mapping[str, Any]]) -> Element:
    longest = min(LONGEST, max(1.25, *(known(each.get("ratio")) or 0.0 for each in features)))
    lines = []
    for each in features:
        ratio = known(each.get("ratio")) or 0.0
        drawing = bar(ratio / longest, tone="drifting" if each.get("drifting") else "still", mark=1 / longest)
        beyond = " »" if ratio > longest else ""
        lines += [tag("span", str(each.get("name")), class_="name"), drawing, tag("span", decimal(ratio) + beyond)]
    caption = "Move of each feature as a multiple of the largest one that is no drift; the line is at 1."
    return tag("figure", tag("figcaption", caption), tag("div", *lines, class_="bars"))


def _details(features: Sequence[Mapping[str, Any]]) -> Element:
    lines = [
        (
            str(each.get("name")),
            _status(each),
            decimal(each.get("ratio")),
            *(decimal(each.get(key), 3) for key in ("js", "psi", "psi_critical")),
            *(percent(each.get(key)) for key in ("null_change", "new_share")),
        )
        for each in features
    ]
    return tag("details", tag("summary", "Statistics"), table(HEADS, lines, numbers=2), open="")


def _status(feature: Mapping[str, Any]) -> str:
    said = "drifts" if feature.get("drifting") else str(feature.get("status", NOTHING))
    return ", ".join([said, *map(str, feature.get("breaks") or ())])


def _distribution(feature: Mapping[str, Any]) -> Element:
    cells = feature["cells"]
    lines = list(zip(cells["labels"], cells["baseline"], cells["current"], strict=True))
    longest = max((max(before, now) for _, before, now in lines), default=0.0) or 1.0
    drawn = []
    for label, before, now in lines:
        both = tag("div", bar(before / longest, tone="baseline"), bar(now / longest, tone="current"), class_="pair")
        shares = tag("span", f"{percent(round(before, 3))} → {percent(round(now, 3))}")
        drawn += [tag("span", str(label), class_="name"), both, shares]
    title = f"{feature.get('name')} ({decimal(feature.get('ratio'))})"
    return tag("figure", tag("figcaption", title), tag("div", *drawn, class_="bars"), class_="card")
