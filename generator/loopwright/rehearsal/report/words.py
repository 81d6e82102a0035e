"""The report in words: for the terminal, and as Markdown; both from the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from loopwright.escape import FILTERS, markdown_cell, one_line
from loopwright.rehearsal.report.figures import NOTHING, figures, moment, number, period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Document = Mapping[str, Any]

__all__ = ["lines", "markdown"]

PARTS = ("endpoint", "monitor", "training", "other", "total")
KEPT = {True: "kept", False: "BROKEN"}


class Table(NamedTuple):
    """A table with a title."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def lines(document: Document) -> Iterator[str]:
    """Yield what is told on a terminal: the answer, what was promised, the figures."""
    yield from map(one_line, document["sentences"])
    if document["scenario"]:
        yield ""
        for each in document["scenario"]["promises"]:
            yield f"{KEPT[each['kept']]:<6}  {one_line(each['what'])}: {one_line(each['because'])}"
    yield ""
    found = [(one_line(name), one_line(told)) for name, told in figures(document)]
    width = max(len(name) for name, _ in found)
    yield from (f"{name.ljust(width)}  {told}" for name, told in found)


def markdown(document: Document) -> str:
    """Return the report as Markdown; no text of the document can be markup in it."""
    window, data, stamps = document["window"], document["data"], document["stamps"]
    told = (
        f"{period(window['from'], window['to'])}, {number(window['steps'])} x {number(window['step_hours'])} hours; "
        f"stack {document['stack']}; {data['source']}, {number(data['rows'])} rows, SHA-256 {data['sha256']}; "
        f"seed {document['seed']}. All moments are UTC."
    )
    made = [f"# Rehearsal of {markdown_cell(document['project'])}", "", _inline(told), ""]
    made += _points(document["sentences"])
    for table in tables(document):
        made += [f"## {table.title}", "", *_table(table), ""] if table.rows else []
    made += ["## Assumptions", "", *_points(document["assumptions"])] if document["assumptions"] else []
    written = (
        f"Written {moment(stamps['written'])} by loopwright {stamps['loopwright']} in {number(stamps['seconds'])} s."
    )
    return "\n".join([*made, _inline(written), ""])


def tables(document: Document) -> Iterator[Table]:
    """Yield everything but the single periods and events, which are for the page and for programs."""
    scenario = document["scenario"]
    if scenario:
        title = markdown_cell(f"Scenario {scenario['name']}: {scenario['what']}")
        rows = [(each["what"], KEPT[each["kept"]], each["because"]) for each in scenario["promises"]]
        yield Table(title, ("promise", "kept", "because"), rows)
    yield Table("Figures", ("what", "found"), list(figures(document)))
    yield _retrainings(document)
    yield _rollouts(document)
    yield _versions(document)
    yield _alarms(document)
    yield Table("Pages", ("at", "what"), [(moment(each["at"]), each["what"]) for each in document["pages"]])
    months = [(each["month"], *(f"{each[part]:,.2f}" for part in PARTS)) for each in document["spend"]["months"]]
    yield Table("Spend in USD", ("month", *PARTS), months)


def _retrainings(document: Document) -> Table:
    rows = [
        (
            moment(each["at"]),
            each["reason"],
            each["outcome"],
            number(each["version"]),
            number(each["gain"]),
            number(each["needed"]),
            ", ".join(each["name"] if each["passed"] else f"not {each['name']}" for each in each["gates"]) or NOTHING,
            each["because"],
        )
        for each in document["retrainings"]
    ]
    heads = ("started", "reason", "outcome", "version", "gain", "needed", "gates", "because")
    return Table("Retrainings", heads, rows)


def _rollouts(document: Document) -> Table:
    rows = [
        (
            number(each["version"]),
            moment(each["at"]),
            moment(each["ended"]),
            each["outcome"],
            ", ".join(f"{share:.0%} at {moment(at)[11:]}" for at, share in each["shares"]) or NOTHING,
            each["because"],
        )
        for each in document["rollouts"]
    ]
    return Table("Rollouts", ("version", "started", "ended", "outcome", "share of the traffic", "because"), rows)


def _versions(document: Document) -> Table:
    rows = [
        (
            number(each["version"]),
            moment(each["registered"]),
            each["train_until"],
            number(each["rows"]),
            each["approval"],
            each["status"].replace("_", " "),
            ", ".join(period(one["from"], one["to"]) for one in each["serving"]) or NOTHING,
        )
        for each in document["versions"]
    ]
    return Table("Versions", ("version", "registered", "trained until", "rows", "approval", "status", "served"), rows)


def _alarms(document: Document) -> Table:
    rows = [
        (each["name"], each["role"], ", ".join(period(one["from"], one["to"]) for one in each["spans"]))
        for each in document["alarms"]
        if each["spans"]
    ]
    return Table("Alarms that came", ("alarm", "role", "in ALARM"), rows)


def _points(sentences: Iterable[str]) -> list[str]:
    return [*(f"- {_inline(each)}" for each in sentences), ""]


def _table(table: Table) -> list[str]:
    return [_row(table.heads), _row(["---"] * len(table.heads)), *(_row(map(markdown_cell, row)) for row in table.rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _inline(text: str) -> str:
    return FILTERS["markdown"](text)
