"""The document of a rehearsal: everything that the report shows, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loopwright import __version__
from loopwright.rehearsal import sentences
from loopwright.rehearsal.pipelines import STEP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopwright.rehearsal.chronicle import Rollout, Version
    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.scenarios.scenario import Scenario
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["document"]

DIGITS = 6
"""Of a figure: sums may differ in the last bits."""
STATUS = {"Rejected": "rejected", "PendingManualApproval": "waiting", "Approved": "waiting"}


def document(
    rehearsal: Rehearsal, *, scenario: Scenario | None, stretch: Stretch | None, seconds: float
) -> dict[str, Any]:
    """Return the document.

    Args:
        rehearsal: It is over.
        scenario: What was broken, if anything.
        stretch: When.
        seconds: How long it took.
    """
    asked, cut, chronicle = rehearsal.asked, rehearsal.cut, rehearsal.chronicle
    made: dict[str, Any] = {
        "version": 1,
        "project": rehearsal.stack.graph.project,
        "stack": rehearsal.stack.graph.stack,
        "seed": asked.seed,
        "scenario": _scenario(rehearsal, scenario, stretch),
        "data": {"source": cut["source"], "rows": cut["rows"], "sha256": cut["sha256"]},
        "window": {
            "from": _time(rehearsal.begins),
            "to": _time(rehearsal.ends),
            "step_hours": asked.step.total_seconds() / 3600,
            "steps": len(cut["steps"]),
        },
        "metric": _metric(rehearsal),
        "quality": _quality(rehearsal),
        "drift": _drift(rehearsal),
        "alarms": list(_alarms(rehearsal)),
        "events": [
            {"at": _time(each.at), "who": each.who, "kind": each.kind, "what": each.what, "version": each.version}
            for each in [*chronicle.happenings, *rehearsal.pages()]
        ],
        "retrainings": [_retraining(each) for each in chronicle.retrainings.values()],
        "rollouts": [_rollout(rehearsal, each) for each in chronicle.rollouts],
        "versions": [_version(rehearsal, each) for each in chronicle.versions.values()],
        "spend": {"budget_usd": rehearsal.bill.budget, "months": list(_months(rehearsal))},
        "pages": [{"at": _time(each.at), "what": each.what} for each in rehearsal.pages()],
        "traffic": vars(rehearsal.traffic.counts),
        "assumptions": list(_assumptions(rehearsal)),
        "stamps": {
            "written": _time(datetime.now(UTC)),
            "seconds": round(seconds, 1),
            "loopwright": __version__,
        },
    }
    made["events"].sort(key=lambda each: each["at"])
    return {"version": made.pop("version"), "sentences": list(sentences.sentences(made)), **made}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _scenario(rehearsal: Rehearsal, scenario: Scenario | None, stretch: Stretch | None) -> dict[str, Any] | None:
    if scenario is None or stretch is None:
        return None
    promises = [vars(each) for each in scenario.promises(rehearsal, stretch)]
    began, ended = _time(stretch.begins), _time(stretch.ends)
    return {"name": scenario.name, "what": scenario.what, "began": began, "ended": ended, "promises": promises}


def _metric(rehearsal: Rehearsal) -> dict[str, Any]:
    metric = rehearsal.stack.agreed("metric") or {}
    minimum = metric.get("minimum")
    limit = minimum if minimum is not None else metric.get("maximum")
    return {"name": metric.get("name", ""), "greater_is_better": minimum is not None, "minimum": limit}


def _quality(rehearsal: Rehearsal) -> dict[str, Any]:
    found = rehearsal.quality
    if found is None:
        none = {"name": "", "with": None, "without": None}
        return {"periods": [], "with": None, "without": None, "loss": none}
    periods = [
        {"from": f"{each['from']}Z", "to": f"{each['to']}Z", "rows": each["rows"]}
        | {side: _rounded(each[side]) for side in ("with", "without")}
        for each in found["periods"]
    ]
    loss = {"name": found["loss"]["name"]} | {side: _rounded(found["loss"][side]) for side in ("with", "without")}
    return {"periods": periods, "with": _rounded(found["with"]), "without": _rounded(found["without"]), "loss": loss}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _drift(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return what the monitor's reports say of each input."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in _reports(rehearsal)]
    times = [str(each["window"]["from"]).replace("+00:00", "Z") for each in reports]
    scores: dict[str, list[float | None]] = {}
    for number, report in enumerate(reports):
        for name, value in _scores(report):
            scores.setdefault(name, [None] * len(reports))[number] = _rounded(value)
    features = [{"name": name, "scores": found} for name, found in sorted(scores.items())]
    return {"times": times, "threshold": 1.0, "features": features}


def _reports(rehearsal: Rehearsal) -> list[Path]:
    folder = rehearsal.objects.path(rehearsal.places.report)
    return sorted(path for path in folder.glob("*/monitor.json") if path.parent.name != "latest")


def _scores(report: dict[str, Any]) -> Iterator[tuple[str, float]]:
    inputs = (report.get("drift") or {}).get("inputs") or {}
    for each in inputs.get("features", ()):
        if each.get("ratio") is not None:
            yield str(each["name"]), float(each["ratio"])


def _alarms(rehearsal: Rehearsal) -> Iterator[dict[str, Any]]:
    prefix = f"{rehearsal.stack.graph.project}-{rehearsal.stack.graph.stack}-"
    for name, changes in sorted(rehearsal.chronicle.alarms.items()):
        spans: list[dict[str, str | None]] = []
        for at, value in changes:
            if spans and spans[-1]["to"] is None:
                spans[-1]["to"] = _time(at)
            if value == "ALARM":
                spans.append({"from": _time(at), "to": None})
        if spans:
            yield {"name": name, "role": name.removeprefix(prefix), "spans": spans}


def _retraining(each: Any) -> dict[str, Any]:
    return {
        "at": _time(each.at),
        "ended": _time(each.ended) if each.ended else None,
        "reason": each.reason,
        "status": each.status,
        "gain": _rounded(each.probe.get("gain")),
        "needed": _rounded(each.probe.get("needed")),
        "gates": [{"name": gate.gate, "passed": gate.passed, "said": gate.note} for gate in each.gates],
        "version": each.version,
        "outcome": each.outcome,
        "because": each.because,
    }


def _rollout(rehearsal: Rehearsal, each: Rollout) -> dict[str, Any]:
    shares = rehearsal.cloud.endpoints.endpoint(rehearsal.places.endpoint).shares
    until = each.ended or rehearsal.cloud.clock.now
    found = [[_time(at), round(split.get(each.config, 0.0), 3)] for at, split in shares if each.at <= at <= until]
    ended = _time(each.ended) if each.ended else None
    told = {"outcome": each.outcome, "because": each.because}
    return {"version": each.version or 0, "at": _time(each.at), "ended": ended, "shares": found, **told}


def _version(rehearsal: Rehearsal, each: Version) -> dict[str, Any]:
    spans: list[dict[str, str | None]] = []
    configs = {one.config for one in rehearsal.chronicle.rollouts if one.version == each.number}
    for at, split in rehearsal.cloud.endpoints.endpoint(rehearsal.places.endpoint).shares:
        serves = any(split.get(config, 0.0) == 1.0 for config in configs)
        if serves and (not spans or spans[-1]["to"]):
            spans.append({"from": _time(at), "to": None})
        elif not serves and spans and spans[-1]["to"] is None:
            spans[-1]["to"] = _time(at)
    status = STATUS[each.approval]
    if spans:
        status = "live" if spans[-1]["to"] is None else "replaced"
    if any(one.version == each.number and one.outcome == "rolled back" for one in rehearsal.chronicle.rollouts):
        status = "rolled_back"
    return {
        "version": each.number,
        "registered": _time(each.registered),
        "train_until": each.train_until,
        "approval": rehearsal.stack.agreed("approval") or "manual",
        "status": status,
        "serving": spans,
        "rows": rehearsal.traffic.answered.get(each.config, 0),
    }


def _months(rehearsal: Rehearsal) -> Iterator[dict[str, Any]]:
    for month, parts in rehearsal.bill.months(rehearsal.cloud.clock.now):
        rounded = {part: round(usd, 2) for part, usd in parts.items()}
        yield {"month": month, **rounded, "total": round(sum(parts.values()), 2)}


def _assumptions(rehearsal: Rehearsal) -> Iterator[str]:
    minutes = STEP.total_seconds() / 60
    yield f"a job of a pipeline takes {minutes:g} minutes; a laptop cannot tell how long it takes on AWS"
    yield "an answer takes 20 ms, unless a fault makes it slower, for the same reason"
    yield f"{rehearsal.traffic.load} requests a minute arrive while a version is rolled out, and are not captured"
    hours = rehearsal.asked.step.total_seconds() / 3600
    yield f"the requests of a step of {hours:g} hours come with the newest of their rows, up to 1,000 at once"
    yield "prices are those of `loopwright preview`; a second fleet during a rollout is not counted"
