"""`docs/metrics.md` says what the sources publish, what the alarms read, and what that costs by our price list."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from functools import cache

import pytest
import yaml

from loopwright.cost.prices import prices
from loopwright.wiring.metrics import seconds
from loopwright.wiring.sources import Sources
from stacks import ROOT, TEMPLATE

sys.path.append(str(ROOT / "infra"))

from mlops.alarms import ODD_ANSWERS, ROLLBACK, WAKING, Alarm, Expression, Limits, Metric, alarms
from mlops.naming import Names

PAGE = ROOT / "docs" / "metrics.md"
NAMES = Names(project="PROJECT", stack="STACK", partition="aws", account="0" * 12, region="eu-west-1")
HANDLERS = {
    "ControllerHeartbeat": "the controller decided; 1 a wake-up",
    "FailedRetrainings": "how many of the last retrainings failed in a row by a fault; a refusal by the gates is none",
    "Retrainings": "1 where the wake-up started a retraining, else 0",
    "SpendUsd": "what the stack has cost this month, as its budget knows it; absent where that cannot be read",
    "BudgetUsd": "`budget.monthly_usd` of the contract",
    "ChallengerGain": "gain of the newest probe's best challenger, in units of the loss; absent before the first probe",
    "DeployerHeartbeat": "the deployer decided; 1 a wake-up",
    ODD_ANSWERS: "requests with an answer that cannot be (`ml/sanity.py`), as the server logs them",
    "ServingVersion": "version of the model that serves, 0 before the first; absent while the endpoint changes",
}
"""What the metrics of both handlers mean; the code holds their names alone."""
SYMBOLS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
COMPARED_FEATURES, COMPARED_STATISTICS = 100, 5


@cache
def signals():
    spec = importlib.util.spec_from_file_location("signals_of_the_template", TEMPLATE / "ml" / "signals.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.METRICS


def published():
    """Return who publishes each of the loop's own metrics."""
    sources = Sources(ROOT)
    found = dict.fromkeys(signals(), "monitor")
    found |= {name: word for word in ("controller", "deployer") for name in sorted(sources.published(word))}
    return found | {ODD_ANSWERS: "a filter of the endpoint's log"}


def declared():
    """Return all alarms, with the limits of the template's contract."""
    contract = yaml.safe_load((TEMPLATE / "loop.yaml").read_text(encoding="utf-8"))
    drift, quality, rollback = contract["drift"], contract["quality"], contract["rollout"]["rollback"]
    limits = Limits(
        drift=True,
        quality=True,
        drift_datapoints=drift["datapoints"],
        drift_periods=drift["periods"],
        every_seconds=seconds(drift["every"]),
        cusum_limit=quality["cusum_limit"],
        max_broken=quality["max_broken"],
        p99_ms=rollback["p99_ms"],
        error_rate=rollback["error_rate"],
        min_requests=rollback["min_requests"],
        monthly_usd=contract["budget"]["monthly_usd"],
    )
    return alarms(NAMES, limits)


def read(alarm: Alarm) -> list[Metric]:
    return list(alarm.watches.metrics.values()) if isinstance(alarm.watches, Expression) else [alarm.watches]


def duration(period: int) -> str:
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if period % size == 0:
            return f"{period // size} {word}{'s' if period > size else ''}"
    return f"{period} seconds"


def own_rows() -> list[str]:
    rows = []
    for name, who in published().items():
        signal = signals().get(name)
        unit, meaning = (signal.unit, signal.meaning) if signal else ("None", HANDLERS[name])
        often = "each `drift.every`" if who == "monitor" else "each wake-up, at least hourly"
        dimensions = NAMES.dimensions
        if name == ODD_ANSWERS:
            unit, often, dimensions = "Count", "each minute with requests", ["none"]
        readers = [alarm.role for alarm in declared() if name in {metric.name for metric in read(alarm)}]
        rows.append(
            f"| `{name}` | {', '.join(dimensions)} | {unit} | {meaning} | {who} | {often} "
            f"| {', '.join(f'`{role}`' for role in readers) or 'none'} |"
        )
    return rows


def aws_rows() -> list[str]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for alarm in declared():
        for metric in read(alarm):
            if metric.namespace != NAMES.namespace:
                key = (metric.name, metric.namespace, ", ".join(metric.dimensions))
                found.setdefault(key, []).append(alarm.role)
    return [
        f"| `{name}` | {namespace} | {dimensions} | {', '.join(f'`{role}`' for role in dict.fromkeys(roles))} |"
        for (name, namespace, dimensions), roles in found.items()
    ]


def alarm_rows() -> list[str]:
    rows = []
    for alarm in declared():
        watched = alarm.watches
        what = (
            f"`{watched.formula}` ({watched.label})"
            if isinstance(watched, Expression)
            else f"`{watched.name}` ({watched.statistic})"
        )
        period = duration(read(alarm)[0].period)
        periods = period if alarm.periods == 1 else f"{alarm.datapoints} of {alarm.periods} periods of {period}"
        acts = (
            "takes a rollout back"
            if alarm.role in ROLLBACK
            else "the controller reads it"
            if alarm.role in WAKING
            else ""
        )
        rows.append(
            f"| `{alarm.role}` | {what} {SYMBOLS[alarm.comparison]} {alarm.threshold:g} | {periods} | {alarm.missing} "
            f"| {', '.join(filter(None, ('tells people', acts)))} | {alarm.description} |"
        )
    return rows


def price(name: str) -> float:
    found = {prices().find(name, region) for region in prices().regions}
    assert len(found) == 1, f"{name} has a price of its own in each region: the page needs a column for each"
    (only,) = found
    return only.usd


def cost_rows() -> list[str]:
    watched, own = sum(len(read(alarm)) for alarm in declared()), len(published())
    lines = [
        ("own metrics", own, price("cloudwatch.metric")),
        (f"metrics watched by {len(declared())} alarms", watched, price("cloudwatch.alarm")),
        ("dashboard", 1, price("cloudwatch.dashboard")),
    ]
    rows = [f"| {what} | {count} | {usd:.2f} | {count * usd:.2f} |" for what, count, usd in lines]
    rows.append(f"| **a model** | | | **{sum(count * usd for _, count, usd in lines):.2f}** |")
    compared, usd = COMPARED_FEATURES * COMPARED_STATISTICS, price("cloudwatch.metric")
    what = f"for comparison: {COMPARED_STATISTICS} statistics of each of {COMPARED_FEATURES} features as metrics"
    return [*rows, f"| {what} | {compared} | {usd:.2f} | {compared * usd:.2f} |"]


def current(text: str) -> str:
    """Return the page with its tables as the sources have them."""
    tables = {"own": own_rows(), "aws": aws_rows(), "alarms": alarm_rows(), "cost": cost_rows()}
    for name, lines in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, _, rest = text.partition(start)
        old, _, tail = rest.partition(end)
        text = head + start + "\n".join([*old.splitlines()[:2], *lines, ""]) + end + tail
    return text


def test_the_page_is_what_is_published_watched_and_paid(update_golden):
    if update_golden:
        PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    assert current(text) == text, "run pytest --update-golden on this test"
    assert all(f"<!-- {name} -->" in text for name in ("own", "aws", "alarms", "cost"))


def test_every_metric_of_a_handler_has_a_meaning():
    assert {name for name, who in published().items() if who != "monitor"} == set(HANDLERS)


def test_what_an_alarm_reads_of_ours_is_published():
    ours = {metric.name for alarm in declared() for metric in read(alarm) if metric.namespace == NAMES.namespace}
    assert ours <= set(published())


def test_the_page_changes_with_the_sources(monkeypatch):
    text = PAGE.read_text(encoding="utf-8")
    changed = [replace(alarm, threshold=alarm.threshold + 1) for alarm in declared()]
    monkeypatch.setattr(sys.modules[__name__], "declared", lambda: changed)
    assert current(text) != text


@pytest.mark.parametrize(
    ("period", "text"), [(86_400, "1 day"), (10_800, "3 hours"), (300, "5 minutes"), (10, "10 seconds")]
)
def test_periods_in_words(period, text):
    assert duration(period) == text
