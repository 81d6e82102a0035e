"""Findings: what a period comes to in one sentence, what broke in it, and its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ml.report.markup import decimal, known, moment, number, percent, table, tag, tile
from ml.signals import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

MOST_REASONS = 20
SHARES = {"BrokenShare", "DriftedShare", "LabelCoverage"}
"""Metrics that are written as percent."""


class Verdict(NamedTuple):
    """The most important thing to know of a period."""

    tone: str
    """`good`, `watch` or `bad`."""
    word: str
    sentence: str


def part(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return what stands at a path of keys, and an empty mapping where anything on the way is absent or null."""
    found: Any = document
    for key in path:
        found = found.get(key) if hasattr(found, "get") else None
    return found if hasattr(found, "get") else {}


def verdict(document: Mapping[str, Any]) -> Verdict:
    """Say what matters most: broken data, then answers that got worse, then drift, then that all is as it was."""
    metrics = part(document, "metrics")
    broken, cusum = (known(metrics.get(name)) or 0.0 for name in ("BrokenShare", "QualityCusum"))
    most, limit = (_limit(document, name) for name in ("max_broken", "cusum_limit"))
    if breaks := document.get("breaks"):
        more = f", and {len(breaks) - 1} more" if len(breaks) > 1 else ""
        return Verdict("bad", "Broken", f"{breaks[0]}{more}. Nothing is learned from this data.")
    if broken > most:
        said = f"{percent(broken)} of the rows break the data contract; more than {percent(most)} is too much."
        return Verdict("bad", "Broken", said)
    if cusum > limit:
        said = f"The answers got worse: the CUSUM of the loss is {number(cusum)}, and {number(limit)} is its limit."
        return Verdict("bad", "Worse", said)
    return _of_drift(document)


def _limit(document: Mapping[str, Any], name: str) -> float:
    found = known(part(document, "limits").get(name))
    return math.inf if found is None else found


def _of_drift(document: Mapping[str, Any]) -> Verdict:
    metrics, inputs = part(document, "metrics"), part(document, "drift", "inputs")
    features = inputs.get("features") or []
    moved = [each for each in features if each.get("drifting")]
    if moved:
        said = f"{len(moved)} of {len(features)} features drift, most of all {moved[0].get('name')}: "
        return Verdict("watch", "Drift", said + f"{decimal(moved[0].get('ratio'))} times its limit.")
    answers = known(metrics.get("PredictionDrift")) or 0.0
    if answers > 1:
        said = f"No input drifts, but the predictions do: {decimal(answers)} times their limit."
        return Verdict("watch", "Drift", said)
    if not known(document.get("rows")):
        return Verdict("watch", "Silent", "Nobody asked for a prediction.")
    if not inputs:
        said = "There are too few rows, or no baseline, to say whether anything moved."
        return Verdict("watch", "Unknown", said)
    return Verdict("good", "Quiet", "Nothing moved more than it does by itself.")


def broken(document: Mapping[str, Any]) -> list[Element]:
    """Return what broke: inputs more likely at fault than drifting, far too few rows, rows that were refused."""
    found = [str(each) for each in document.get("breaks") or []]
    refused, rows = known(document.get("refused")) or 0.0, known(document.get("rows")) or 0.0
    if refused:
        share = percent(refused / max(rows, refused))
        found.append(f"{number(refused)} of {number(rows)} rows break the data contract ({share})")
    if not found:
        return [tag("p", "Nothing.")]
    return [tag("ul", *(tag("li", text) for text in found))]


def reasons(document: Mapping[str, Any]) -> list[Element]:
    """Return why rows were refused, the most frequent reason first."""
    found = sorted(part(document, "reasons").items(), key=lambda each: (-(known(each[1]) or 0.0), str(each[0])))
    if not found:
        return []
    lines = [(str(reason), number(rows)) for reason, rows in found[:MOST_REASONS]]
    more = [tag("p", f"And {len(found) - MOST_REASONS} more reasons.")] if len(found) > MOST_REASONS else []
    return [tag("h3", "Why rows were refused"), table(("reason", "rows"), lines), *more]


def tiles(document: Mapping[str, Any]) -> Element:
    """Return the metrics, each with what it means."""
    metrics, quality = part(document, "metrics"), part(document, "quality")
    made = [
        tile(name, percent(metrics[name]) if name in SHARES else number(metrics[name]), signal.meaning)
        for name, signal in METRICS.items()
        if name in metrics
    ]
    if known(quality.get("estimate")) is not None:
        told = "log loss if the probabilities are right; not measured, and blind to a change of concept"
        made.append(tile("Estimate", number(quality["estimate"]), told))
    return tag("div", *made, class_="tiles") if made else tag("p", "None was computed.")


def window(document: Mapping[str, Any]) -> str:
    """Return the period in words."""
    found = part(document, "window")
    return f"{moment(found.get('from'))} to {moment(found.get('until'))} UTC"
