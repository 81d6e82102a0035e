"""Periods: quality, drift and rows over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.report.charts import Line, over_time, stacked
from ml.report.findings import part
from ml.report.markup import known, number, percent, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    Documents = Sequence[Mapping[str, Any]]


def ordered(document: Mapping[str, Any], history: Documents) -> Documents:
    """Return the documents of all periods, the oldest first and each period once: the latest document of it counts."""
    by_start = {_start(each): each for each in (*history, document) if _start(each)}
    return [by_start[start] for start in sorted(by_start)] or [document]


def quality(document: Mapping[str, Any]) -> list[Element]:
    """Return the loss where labels have landed, and its CUSUM."""
    found, limits = part(document, "quality"), part(document, "limits")
    cohorts = [each for each in found.get("cohorts") or [] if each.get("from")]
    if not cohorts:
        return [tag("p", "No labels have landed yet that are old enough to be judged.")]
    times = [each["from"] for each in cohorts]
    losses, scores = ([known(each.get(key)) for each in cohorts] for key in ("loss", "cusum"))
    mean, limit = known(found.get("baseline_mean")), known(limits.get("cusum_limit"))
    drawn = [
        over_time("Mean loss", times, losses, _lines(mean, "of the baseline"), zero=False),
        over_time("CUSUM of the loss", times, scores, _lines(limit, "limit", limit=True)),
    ]
    landed = sum(known(each.get("labelled")) or 0.0 for each in cohorts)
    rows = sum(known(each.get("rows")) or 0.0 for each in cohorts)
    told = f"{number(landed)} of {number(rows)} rows have their label; coverage {percent(found.get('coverage'))}"
    age = known(found.get("age_days"))
    return [
        tag("p", told + (f", the newest answer with a label is {number(age)} days old." if age is not None else ".")),
        *drawn,
    ]


def drift(documents: Documents) -> list[Element]:
    """Return how far the feature that moved furthest is from the baseline; nothing where one period knows."""
    scores = [known(part(each, "metrics").get("DriftScore")) for each in documents]
    if len([score for score in scores if score is not None]) < 2:  # noqa: PLR2004 - one point is no curve
        return []
    line = Line(value=1.0, label="limit", limit=True)
    return [over_time("Largest move of an input", [_start(each) for each in documents], scores, [line])]


def rows(documents: Documents) -> list[Element]:
    """Return accepted and refused rows."""
    if not any(known(each.get("rows")) for each in documents):
        return [tag("p", "There were none.")]
    counts = [[known(each.get(key)) or 0.0 for each in documents] for key in ("accepted", "refused")]
    layers = [("accepted", "accepted", counts[0]), ("refused", "refused", counts[1])]
    return [stacked("Rows of each period", [_start(each) for each in documents], layers)]


def _start(document: Mapping[str, Any]) -> str:
    return str(part(document, "window").get("from") or "")


def _lines(value: float | None, label: str, *, limit: bool = False) -> list[Line]:
    return [] if value is None else [Line(value=value, label=label, limit=limit)]
