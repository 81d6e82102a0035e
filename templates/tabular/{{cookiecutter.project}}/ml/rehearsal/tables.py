"""What is read rather than looked at: every retraining, rollout, version, month and event, and what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.rehearsal.overview import day
from ml.rehearsal.steps import steps
from ml.report.markup import NOTHING, decimal, key, moment, number, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    Document = Mapping[str, Any]

PARTS = ("endpoint", "monitor", "training", "other")
"""What is spent on."""
ROOM = 1.05
"""The longest bar is shorter than its drawing by this factor."""
LONG = 30
"""Rows of a table that is shown at once; a longer one is unfolded."""


def retrainings(document: Document) -> list[Element]:
    """Return every retraining with its probe and its gates."""
    runs = document["retrainings"]
    heads = ("started", "reason", "outcome", "version", "gain", "needed", "gates", "because")
    rows = [
        (
            moment(each["at"]),
            str(each["reason"]),
            str(each["outcome"]),
            _version(each["version"]),
            number(each["gain"]),
            number(each["needed"]),
            _gates(each["gates"]),
            str(each["because"]),
        )
        for each in runs
    ]
    return _shown(heads, rows, "No retraining was started.")


def rollouts(document: Document) -> list[Element]:
    """Return every rollout with the shares of the traffic that its version got over time."""
    heads = ("version", "started", "ended", "outcome", "share of the traffic", "because")
    rows = [
        (
            _version(each["version"]),
            moment(each["at"]),
            moment(each["ended"]),
            str(each["outcome"]),
            _shares(each),
            str(each["because"]),
        )
        for each in document["rollouts"]
    ]
    return _shown(heads, rows, "No version was rolled out.")


def versions(document: Document) -> list[Element]:
    """Return every model version."""
    heads = ("version", "registered", "trained until", "rows", "approval", "status", "served")
    rows = [
        (
            _version(each["version"]),
            moment(each["registered"]),
            str(each["train_until"]),
            number(each["rows"]),
            str(each["approval"]),
            str(each["status"]).replace("_", " "),
            ", ".join(map(_stretch, each["serving"])) or NOTHING,
        )
        for each in document["versions"]
    ]
    return _shown(heads, rows, "No version was registered.")


def spend(document: Document) -> list[Element]:
    """Return what each month costs, against the budget."""
    months, budget = document["spend"]["months"], document["spend"]["budget_usd"]
    if not months:
        return [tag("p", "Nothing was spent.")]
    longest = ROOM * max(budget, *(each["total"] for each in months))
    lines: list[Element] = []
    for each in months:
        told = tag("span", decimal(each["total"]) + (" over" if each["total"] > budget else ""))
        lines += [tag("span", str(each["month"]), class_="name"), _month(each, budget, longest), told]
    caption = f"USD a month; the line is the budget of {number(budget)}."
    legend = tag("div", *(key(f"spent {part}", part) for part in PARTS), class_="legend")
    heads = ("month", *PARTS, "total", "of the budget")
    rows = [
        (
            str(each["month"]),
            *(decimal(each[part]) for part in (*PARTS, "total")),
            percent(each["total"] / budget if budget else None),
        )
        for each in months
    ]
    return [
        tag("figure", tag("figcaption", caption), legend, tag("div", *lines, class_="bars")),
        tag("details", tag("summary", "In numbers"), table(heads, rows)),
    ]


def events(document: Document) -> list[Element]:
    """Return everything that happened, the latest last."""
    found = document["events"]
    rows = [
        (moment(each["at"]), str(each["who"]), str(each["kind"]), _version(each["version"]), str(each["what"]))
        for each in found
    ]
    shown = table(("at", "who", "kind", "version", "what"), rows, numbers=5)
    told = tag("summary", f"All {number(len(found))} events")
    return [tag("details", told, shown, class_="record")] if found else []


def assumptions(document: Document) -> list[Element]:
    """Return what the rehearsal takes for granted."""
    found = document["assumptions"]
    return [tag("ul", *(tag("li", str(each)) for each in found))] if found else []


def _shown(heads: Sequence[str], rows: Sequence[Sequence[Element | str]], nothing: str) -> list[Element]:
    if not rows:
        return [tag("p", nothing)]
    made = tag("div", table(heads, rows, numbers=len(heads)), class_="record")
    return [made] if len(rows) <= LONG else [tag("details", tag("summary", f"All {len(rows)}"), made, open="")]


def _gates(gates: Sequence[Mapping[str, Any]]) -> Element | str:
    """Return the gates by name, and of those that refused what they said."""
    entries = [
        tag(
            "li",
            f"✓ {each['name']}" if each["passed"] else f"✕ {each['name']}: {each['said']}",
            class_="passed" if each["passed"] else "broken",
            title=str(each["said"]),
        )
        for each in gates
    ]
    return tag("ul", *entries, class_="gates") if entries else NOTHING


def _shares(rollout: Mapping[str, Any]) -> Element:
    shares = rollout["shares"]
    told = ", ".join(f"{percent(share)} at {moment(at)[11:]}" for at, share in shares)
    return tag("div", steps(shares, rollout["ended"]), tag("small", told), class_="shares")


def _month(month: Mapping[str, Any], budget: float, longest: float) -> Element:
    drawn: list[Element] = []
    left = 0.0
    for part in PARTS:
        width = 100 * month[part] / longest
        told = tag("title", f"{month['month']}: {part} {decimal(month[part])} USD")
        drawn.append(tag("rect", told, x=f"{left:.2f}%", width=f"{width:.2f}%", height="100%", class_=f"spent {part}"))
        left += width
    limit = f"{100 * budget / longest:.2f}%"
    drawn.append(tag("line", x1=limit, x2=limit, y1="0", y2="100%", class_="mark"))
    return tag("svg", *drawn, class_="bar", role="img", aria_label=str(month["month"]))


def _version(version: int | None) -> str:
    return NOTHING if version is None else str(version)


def _stretch(stretch: Mapping[str, Any]) -> str:
    return f"{day(stretch['from'])} to {day(stretch['to']) if stretch['to'] else 'the end'}"
