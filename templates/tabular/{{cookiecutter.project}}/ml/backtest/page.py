"""The page of a backtest: one file of HTML, drawn from the document that `loopwright backtest` leaves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.report.charts import Curve, bar, curves
from ml.report.html import html
from ml.report.markup import number, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

HALVES = (("first", "before"), ("second", "now"))
"""The halves, and the tone of each."""
WORST = 1.0
"""A bar ends at this share above the optimum; the number beside it goes on."""
PARTS = ("loss", "retrainings", "probes", "above")
INTERVALS = {7, 14, 28, 56}
"""Days of the schedules that get a bar; the table has all."""


def main(arguments: Sequence[str] = ()) -> None:
    """Draw the page."""
    parser = argparse.ArgumentParser(prog="python -m ml backtest")
    parser.add_argument("document", type=Path, help="backtest.json")
    parser.add_argument("page", type=Path, help="the file of HTML to write")
    told = parser.parse_args(list(arguments))
    told.page.write_text(page(json.loads(told.document.read_text(encoding="utf-8"))), encoding="utf-8")


def page(document: Mapping[str, Any]) -> str:
    """Return the page: the same document gives the same bytes, and all text is escaped."""
    history, *found, verdict = document["sentences"]
    title, said = f"Backtest of {document['project']}", verdict.partition(": ")
    return html(
        title,
        tag("header", tag("h1", title), tag("p", history)),
        tag("p", tag("b", said[0]), f": {said[2]}", class_=f"verdict {'good' if document['proposal'] else 'watch'}"),
        _section("Proposed lines of loop.yaml", _proposal(document)),
        _section("What was found", [tag("ul", *(tag("li", each) for each in found))]),
        _section("How fast the model goes stale", [_staleness(document)]),
        _section("Which window", [_windows(document)]),
        _section("How often", _intervals(document)),
        _section("What each policy costs", [*_bars(document), _policies(document)]),
    )


def _section(title: str, parts: Sequence[Element]) -> Element:
    return tag("section", tag("h2", title), *parts)


def _proposal(document: Mapping[str, Any]) -> list[Element]:
    lines = [str(each["line"]) for each in document["proposal"]]
    return [tag("pre", "\n".join(lines))] if lines else [tag("p", "None: they stay as they are.")]


def _staleness(document: Mapping[str, Any]) -> Element:
    found = document["staleness"]
    lines = [
        Curve(name=f"{name} half", points=[(each["value"], each["error"]) for each in half["excess"]], tone=tone)
        for half, (name, tone) in zip(found["halves"], HALVES, strict=True)
    ]
    loss = str(document["loss"]).replace("_", " ")
    title = f"By how much the {loss} of a model is above that of the newest one, with its standard error"
    return curves(title, found["ages"], lines, "days older")


def _windows(document: Mapping[str, Any]) -> Element:
    heads = ("window", *(f"{what}, {half} half" for half, _ in HALVES for what in ("loss", "behind the best")))
    rows = [
        [f"{each['days']} days"]
        + [
            cell
            for half, _ in HALVES
            for cell in (
                number(each[half]["loss"]),
                f"{number(each[half]['behind']['value'])} ± {number(each[half]['behind']['error'])}",
            )
        ]
        for each in document["windows"]
    ]
    return table(heads, rows)


def _intervals(document: Mapping[str, Any]) -> list[Element]:
    schedules = sorted(
        (each for each in document["policies"] if each["kind"] == "schedule"), key=lambda one: float(one["interval"])
    )
    days = [each["interval"] for each in schedules]
    lines = [
        Curve(name=f"{half} half", points=[(100 * each[half]["above"], None) for each in schedules], tone=tone)
        for half, tone in HALVES
    ]
    title = "Cost of a fixed schedule above the optimum, in per cent"
    return [curves(title, days, lines, "days between retrainings")] if len(days) > 1 else []


def _bars(document: Mapping[str, Any]) -> list[Element]:
    shown = [
        each
        for each in _ordered(document)
        if each["kind"] not in {"schedule", "optimum"} or each["interval"] in INTERVALS | {document["interval"]}
    ]
    longest = min(WORST, max((each["second"]["above"] for each in shown), default=0.0) or WORST)
    lines: list[Element] = []
    for each in shown:
        above = each["second"]["above"]
        drawing = bar(above / longest, tone="current" if each["name"] == document["proposed"] else "still")
        beyond = " »" if above > longest else ""
        lines += [tag("span", each["name"], class_="name"), drawing, tag("span", percent(round(above, 4)) + beyond)]
    caption = "Cost above the optimum on the second half; the optimum knows the future."
    return [tag("figure", tag("figcaption", caption), tag("div", *lines, class_="bars"))]


def _policies(document: Mapping[str, Any]) -> Element:
    money = document["cost"]["value_of_loss_usd"] is not None
    parts = (*PARTS, "usd_a_month") if money else PARTS
    names = {"above": "above optimum", "usd_a_month": "USD a month"}
    heads = ["policy", *(f"{names.get(part, part)}, {half}" for half, _ in HALVES for part in parts)]
    rows = [
        [each["name"]]
        + [
            percent(round(each[half][part], 4)) if part == "above" else number(each[half][part])
            for half, _ in HALVES
            for part in parts
        ]
        for each in _ordered(document)
    ]
    return tag("details", tag("summary", "All policies, both halves"), table(heads, rows), open="")


def _ordered(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(document["policies"], key=lambda each: float(each["second"]["cost"]))
