"""What is measured over time: quality with and without the loop, and the drift of every feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.rehearsal.course import dates
from ml.report import heat
from ml.report.lanes import Mark, over_time, signed
from ml.report.markup import key, known, moment, number, tag
from ml.report.versus import Pair, versus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    Document = Mapping[str, Any]

MOST = 40
"""So many features, those that moved furthest, are drawn."""


def quality(document: Document) -> list[Element]:
    """Return the metric over time, with and without the loop."""
    periods = document["quality"]["periods"]
    if not periods:
        return [tag("p", "No labels landed in this time: nothing can be said of the quality.")]
    metric = document["metric"]
    name = str(metric["name"])
    pair = Pair(
        stretches=[(each["from"], each["to"]) for each in periods],
        weights=[float(each["rows"]) for each in periods],
        ours=[known(each["with"]) for each in periods],
        other=[known(each["without"]) for each in periods],
        up=bool(metric["greater_is_better"]),
        told=[_told(each, name) for each in periods],
    )
    limit = known(metric["minimum"])
    row = versus(name, dates(document), pair, _changes(document), limit)
    return [over_time(_caption(name, pair, periods), dates(document), [row], _legend(pair, limit))]


def drift(document: Document) -> list[Element]:
    """Return the drift of the features that moved furthest."""
    found = document["drift"]
    scored = sorted(
        ((max((known(score) or 0.0 for score in each["scores"]), default=0.0), each) for each in found["features"]),
        key=lambda pair: -pair[0],
    )
    if not scored or not found["times"]:
        return [tag("p", "Nothing was compared.")]
    axis, threshold = dates(document), float(found["threshold"])
    rows = [
        heat.heat(axis, found["times"], str(each["name"]), [known(score) for score in each["scores"]], threshold)
        for _, each in scored[:MOST]
    ]
    moved = sum(most > threshold for most, _ in scored)
    caption = (
        f"Features above the threshold of {number(threshold)} at some time: {moved} of {len(scored)}. "
        "The higher a cell, the further its feature had moved; the number is its furthest."
    )
    more = len(scored) - MOST
    rest = [tag("p", f"{more} more moved less than these; rehearsal.json has them.")] if more > 0 else []
    return [over_time(caption, axis, rows, heat.legend(threshold)), *rest]


def _changes(document: Document) -> list[tuple[Mark, str]]:
    """Return when a version went live or was rolled back."""
    looks = {"live": ("up", "good"), "rolled back": ("down", "bad")}
    made = []
    for each in document["rollouts"]:
        shape, tone = looks.get(each["outcome"], ("", ""))
        if shape and each["ended"]:
            what = "went live" if each["outcome"] == "live" else "was rolled back"
            told = f"{moment(each['ended'])}: version {each['version']} {what}. {each['because']}"
            made.append((Mark(at=each["ended"], shape=shape, tone=tone, told=told), str(each["version"])))
    return made


def _told(period: Mapping[str, Any], name: str) -> str:
    start = moment(period["from"])
    ours, other = number(period["with"]), number(period["without"])
    return f"{start}: {name} {ours} with the loop, {other} without; {number(period['rows'])} rows"


def _caption(name: str, pair: Pair, periods: list[Mapping[str, Any]]) -> str:
    told = f"{name} of {len(periods)} periods"
    return f"{told}, as moving means of {pair.width} of them" if pair.width > 1 else told


def _legend(pair: Pair, limit: float | None) -> list[Element]:
    return [
        key("curve now", "with the loop"),
        key("curve before", "without it"),
        key("gain", "better with it"),
        key("worse", "worse with it"),
        *([key("single", "single periods, with the loop")] if pair.width > 1 else []),
        *([] if limit is None else [key("limit", f"{'least' if pair.up else 'most'} that is asked ({number(limit)})")]),
        signed(Mark(at="", shape="up", tone="good", told="version live")),
        signed(Mark(at="", shape="down", tone="bad", told="rolled back")),
    ]
