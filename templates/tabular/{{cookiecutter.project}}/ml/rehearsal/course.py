"""The time line: every decision of the loop, and what it was decided on, below each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.report.axes import Dates
from ml.report.lanes import Bar, Lane, Mark, signed, timeline
from ml.report.markup import moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    Document = Mapping[str, Any]

RETRAINED = {
    "registered": ("dot", "good", True),
    "no better model": ("dot", "before", False),
    "refused": ("square", "watch", True),
    "failed": ("cross", "bad", True),
    "under way": ("diamond", "now", False),
}
"""Shape, tone and filling of the outcomes of a retraining."""
ROLLED = {"live": ("up", "good", True), "rolled back": ("down", "bad", True), "under way": ("diamond", "now", False)}
"""Those of a rollout."""
TOLD = {
    "held": ("square", "before", False),
    "failed": ("cross", "bad", True),
    "rejected": ("square", "watch", True),
    "refused": ("square", "watch", True),
    "approved": ("dot", "good", True),
    "revoked": ("down", "bad", True),
}
"""Those of events that are neither of a retraining nor of a rollout."""
FAULTS = {"fault": ("bolt", "bad", True), "mended": ("bolt", "good", False)}
ALARMS = {"drift": "watch", "quality": "bad"}
"""Tones of the alarms by role; all others are grey."""


def dates(document: Document) -> Dates:
    """Return the axis of all drawings."""
    return Dates(document["window"]["from"], document["window"]["to"])


def course(document: Document) -> list[Element]:
    """Return the time line."""
    lanes = [
        _serving(document),
        *_retrainings(document),
        Lane(name="rollouts", bars=_shifting(document), marks=_rollouts(document)),
        *_events(document),
        *(_alarm(document, each) for each in document["alarms"] if each["spans"]),
        *_faults(document),
        Lane(name="pages", marks=_pages(document)),
    ]
    return [
        timeline(
            "Every decision; a number is how often. Each mark and each bar tells what it is.",
            dates(document),
            lanes,
            _legend(document),
        )
    ]


def _serving(document: Document) -> Lane:
    bars = [
        Bar(
            start=stretch["from"],
            until=stretch["to"],
            tone="serves" if each["version"] % 2 else "serves other",
            text=str(each["version"]),
            told=f"version {each['version']} serves, {_stretch(stretch)}; trained until {each['train_until']}",
        )
        for each in document["versions"]
        for stretch in each["serving"]
    ]
    return Lane(name="serving", bars=bars)


def _retrainings(document: Document) -> list[Lane]:
    runs = document["retrainings"]
    return [
        Lane(name=f"{reason}: retrained", marks=[_retraining(each) for each in runs if each["reason"] == reason])
        for reason in dict.fromkeys(each["reason"] for each in runs)
    ] or [Lane(name="retrained")]


def _retraining(run: Mapping[str, Any]) -> Mark:
    told = f"{moment(run['at'])}: retrained because of {run['reason']}: {run['outcome']}. {run['because']}"
    return _mark(run["at"], RETRAINED[run["outcome"]], told)


def _shifting(document: Document) -> list[Bar]:
    return [
        Bar(start=each["at"], until=each["ended"], tone="shift", told=_rollout(each)) for each in document["rollouts"]
    ]


def _rollouts(document: Document) -> list[Mark]:
    return [
        _mark(each["ended"] or each["at"], ROLLED[each["outcome"]], _rollout(each)) for each in document["rollouts"]
    ]


def _rollout(rollout: Mapping[str, Any]) -> str:
    when = _stretch({"from": rollout["at"], "to": rollout["ended"]})
    return f"{when}: version {rollout['version']}, {rollout['outcome']}. {rollout['because']}"


def _events(document: Document) -> list[Lane]:
    """Return a lane for each of those who decided something; what the pipeline did is told by the retrainings."""
    found = [each for each in document["events"] if each["kind"] in TOLD and each["who"] != "pipeline"]
    return [
        Lane(
            name=str(who),
            marks=[_mark(each["at"], TOLD[each["kind"]], _event(each)) for each in found if each["who"] == who],
        )
        for who in dict.fromkeys(each["who"] for each in found)
    ]


def _event(event: Mapping[str, Any]) -> str:
    return f"{moment(event['at'])}: {event['who']}, {event['kind']}. {event['what']}"


def _alarm(document: Document, alarm: Mapping[str, Any]) -> Lane:
    """Return when an alarm was on; its name without what all names begin with."""
    bars = [
        Bar(
            start=each["from"],
            until=each["to"],
            tone=f"alarm {ALARMS.get(alarm['role'], 'before')}",
            told=f"{alarm['name']} in ALARM, {_stretch(each)}",
        )
        for each in alarm["spans"]
    ]
    name = str(alarm["name"]).removeprefix(f"{document['project']}-{document['stack']}-")
    return Lane(name=f"{name} alarm", bars=bars)


def _faults(document: Document) -> list[Lane]:
    scenario = document["scenario"]
    marks = [
        _mark(each["at"], FAULTS[each["kind"]], _event(each)) for each in document["events"] if each["kind"] in FAULTS
    ]
    if not scenario and not marks:
        return []
    told = scenario and f"{scenario['name']}, {_stretch({'from': scenario['began'], 'to': scenario['ended']})}"
    bars = [Bar(start=scenario["began"], until=scenario["ended"], tone="fault", told=told)] if scenario else []
    return [Lane(name="faults", bars=bars, marks=marks)]


def _pages(document: Document) -> list[Mark]:
    return [
        Mark(at=each["at"], shape="letter", tone="bad", told=f"{moment(each['at'])}: {each['what']}")
        for each in document["pages"]
    ]


def _legend(document: Document) -> list[Element]:
    """Return what the marks mean that occur."""
    kinds = {each["kind"] for each in document["events"] if each["who"] != "pipeline"}
    used = [
        *(("retraining " + name, RETRAINED[name]) for name in _used(document["retrainings"], RETRAINED)),
        *(("rollout " + name, ROLLED[name]) for name in _used(document["rollouts"], ROLLED)),
        *((name, look) for name, look in {**TOLD, **FAULTS}.items() if name in kinds),
    ]
    entries = [signed(_mark("", look, name)) for name, look in used]
    page = [signed(Mark(at="", shape="letter", tone="bad", told="page"))] if document["pages"] else []
    return [*entries, *page]


def _used(found: list[Mapping[str, Any]], names: Mapping[str, Any]) -> list[str]:
    outcomes = {each["outcome"] for each in found}
    return [name for name in names if name in outcomes]


def _mark(at: str, look: tuple[str, str, bool], told: str) -> Mark:
    shape, tone, filled = look
    return Mark(at=at, shape=shape, tone=tone, filled=filled, told=told)


def _stretch(stretch: Mapping[str, Any]) -> str:
    return f"{moment(stretch['from'])} to {moment(stretch['to']) if stretch['to'] else 'the end'}"
