"""Documents that no rehearsal made: of a year in which everything happens, and of a day on which nothing does."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp, sin

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NASTY = "<script>alert('\"x\"')</script>&|"
OUTCOMES = ("registered", "no better model", "refused", "registered", "failed", "registered")
REASONS = ("schedule", "drift", "quality", "new data")
BREAKS = (0.3, 0.62)
"""When the world changes, as parts of the time."""


def iso(at: datetime) -> str:
    return at.isoformat()


def full(days: int = 365, features: int = 40, events: int = 600, *, scenario: bool = True, seed: int = 7) -> dict:
    """Return the document of a time with everything in it; ``scenario`` tells whether a fault was played."""
    chance = random.Random(seed)  # noqa: S311 - numbers to draw
    end = START + days * DAY
    runs, rollouts, versions = _history(days)
    return {
        "version": 1,
        "project": "shop",
        "stack": "dev",
        "seed": seed,
        "scenario": _scenario(days) if scenario else None,
        "data": {"source": "data/history.parquet", "rows": 182_500, "sha256": "9f2c" * 16},
        "window": {"from": iso(START), "to": iso(end), "step_hours": 24.0, "steps": days},
        "metric": {"name": "f1", "greater_is_better": True, "minimum": 0.48},
        "sentences": [
            f"With the loop, f1 was 0.612 over {days} days; without it, 0.541.",
            f"It retrained {len(runs)} times; {len(versions) - 1} versions came of it.",
            "It cost 1,318 USD, 37 % of the budget.",
        ],
        "quality": _quality(days, chance),
        "drift": _drift(days, features, chance),
        "alarms": [
            {"name": "shop-dev-drift", "role": "drift", "spans": _spans(days, (0.3, 0.05), (0.62, 0.04))},
            {"name": "shop-dev-quality", "role": "quality", "spans": _spans(days, (0.33, 0.03), (0.64, None))},
            {"name": "shop-dev-no-monitoring", "role": "silence", "spans": _spans(days, (0.8, 0.01))},
            {"name": "shop-dev-broken", "role": "broken", "spans": []},
        ],
        "events": _events(events, days, chance),
        "retrainings": runs,
        "rollouts": rollouts,
        "versions": versions,
        "spend": {"budget_usd": 120.0, "months": _months(days)},
        "pages": [
            {"at": iso(START + part * days * DAY), "what": f"shop dev: {what}"}
            for part, what in (
                (0.335, "the quality alarm is on"),
                (0.47, "version 6 was rolled back"),
                (0.8, "no monitoring"),
            )
        ],
        "traffic": {"requests": 73_000, "rows": 182_500, "refused": 12, "failed": 3},
        "assumptions": ["Labels land 7 days late.", "A training takes 11 minutes, as it did on this machine."],
        "stamps": {"written": "2026-02-01T10:00:00+00:00", "seconds": 141.2, "loopwright": "0.1.0"},
    }


def empty() -> dict:
    """Return the document of a day on which nothing happened."""
    made = full(days=1, features=0, events=0, scenario=False)
    for key in ("alarms", "retrainings", "rollouts", "versions", "pages", "assumptions", "sentences"):
        made[key] = []
    nothing = {"with": None, "without": None}
    made["quality"] = {"periods": [], **nothing, "loss": {"name": "log loss", **nothing}}
    made["drift"]["times"] = []
    made["spend"]["months"] = []
    made["traffic"] = dict.fromkeys(made["traffic"], 0)
    return made


def _scenario(days: int) -> dict:
    return {
        "name": "failing-canary",
        "what": "A version answers with errors as soon as it gets traffic.",
        "began": iso(START + 0.45 * days * DAY),
        "ended": iso(START + 0.5 * days * DAY),
        "promises": [
            {"what": "the champion goes on serving", "kept": True, "because": "version 5 served all the time"},
            {"what": "a person is told", "kept": True, "because": "a page was sent 4 minutes after the rollback"},
            {"what": "the version is not tried again", "kept": False, "because": "it was deployed twice"},
        ],
    }


def _quality(days: int, chance: random.Random) -> dict:
    periods = []
    for day in range(days):
        since = [day / days - part for part in BREAKS if day / days >= part]
        lost = sum(0.05 + 0.1 * part for part in since)
        dip = sum(0.06 * exp(-(((part - 0.01) / 0.02) ** 2)) for part in since)
        noise, own = chance.gauss(0, 0.02), chance.gauss(0, 0.006)
        known = day not in range(days // 2, days // 2 + 5) and day < days - 7
        periods.append(
            {
                "from": iso(START + day * DAY),
                "to": iso(START + (day + 1) * DAY),
                "rows": chance.randrange(200, 800),
                "with": 0.62 + 0.01 * sin(day / 20) + noise + own - dip if known else None,
                "without": 0.62 + 0.01 * sin(day / 20) + noise - lost - dip / 2 if known else None,
            }
        )
    return {
        "periods": periods,
        "with": 0.612,
        "without": 0.541,
        "loss": {"name": "log loss", "with": 0.5012, "without": 0.6153},
    }


def _drift(days: int, features: int, chance: random.Random) -> dict:
    made = []
    for number in range(features):
        moving = number % 9 == 0
        scores = []
        for day in range(days):
            near = min((abs(day / days - part - 0.025) for part in BREAKS), default=1.0)
            score = abs(chance.gauss(0.35, 0.15)) + (2.4 - number / 20 if moving and near < 0.025 else 0.0)
            scores.append(None if day % 97 == 40 else round(score, 3))
        made.append(
            {"name": f"feature_{number:02}_of_the_order" if number % 4 else f"price_{number}", "scores": scores}
        )
    return {"times": [iso(START + day * DAY) for day in range(days)], "threshold": 1.0, "features": made}


def _spans(days: int, *spans: tuple[float, float | None]) -> list[dict]:
    return [
        {
            "from": iso(START + begun * days * DAY),
            "to": None if lasting is None else iso(START + (begun + lasting) * days * DAY),
        }
        for begun, lasting in spans
    ]


def _history(days: int) -> tuple[list[dict], list[dict], list[dict]]:
    """Return the retrainings, the rollouts and the versions."""
    runs, rollouts = [], []
    versions = [_version(1, START - DAY, START)]
    for index, at in enumerate(START + part * days * DAY / 18 for part in range(1, 18)):
        outcome = OUTCOMES[index % len(OUTCOMES)]
        reason = (
            "drift" if any(0 <= (at - START) / (days * DAY) - part < 0.06 for part in BREAKS) else REASONS[index % 4]
        )
        number = len(versions) + 1 if outcome == "registered" else None
        runs.append(_run(at, reason, outcome, number))
        if number:
            back = number == 6
            rollouts.append(_rollout(number, at + HOUR, back=back))
            versions.append(_version(number, at, None if back else at + 2 * HOUR))
    serving = [each for each in versions if each["serving"]]
    for one, other in pairwise(serving):
        one["serving"][0]["to"] = other["serving"][0]["from"]
        one["status"] = "replaced"
    return runs, rollouts, versions


def _run(at: datetime, reason: str, outcome: str, number: int | None) -> dict:
    judged = outcome in {"registered", "refused"}
    gates = [
        {"name": "metric", "passed": True, "said": "f1 0.62, at least 0.48"},
        {
            "name": "bias",
            "passed": outcome == "registered",
            "said": "f1 of country=DE is 0.14 below the best; 0.1 may be",
        },
        {"name": "latency", "passed": True, "said": "p99 8 ms, at most 50 ms"},
    ]
    because = {
        "registered": "it won",
        "no better model": "no window gained more than was needed",
        "refused": "refused",
        "failed": "train ended with exit code 1",
    }
    return {
        "at": iso(at),
        "ended": iso(at + timedelta(minutes=11)),
        "reason": reason,
        "status": "Failed" if outcome == "failed" else "Succeeded",
        "gain": None if outcome == "failed" else 0.0312 if judged else 0.0021,
        "needed": None if outcome == "failed" else 0.0102,
        "gates": gates if judged else [],
        "version": number,
        "outcome": outcome,
        "because": because[outcome],
    }


def _rollout(number: int, at: datetime, *, back: bool) -> dict:
    shares = [[iso(at), 0.1], [iso(at + HOUR / 2), 0.0 if back else 1.0]]
    return {
        "version": number,
        "at": iso(at),
        "ended": iso(at + HOUR),
        "outcome": "rolled back" if back else "live",
        "shares": shares,
        "because": "shop-dev-errors came" if back else "no alarm came in 30 minutes",
    }


def _version(number: int, at: datetime, served: datetime | None) -> dict:
    return {
        "version": number,
        "registered": iso(at),
        "train_until": at.date().isoformat(),
        "approval": "auto",
        "status": "live" if served else "rolled_back",
        "serving": [{"from": iso(served), "to": None}] if served else [],
        "rows": 14_000 + 321 * number,
    }


def _events(count: int, days: int, chance: random.Random) -> list[dict]:
    kinds = [
        ("controller", "retrain", "drift wakes the pipeline"),
        ("controller", "held", "the last retraining was 9 hours ago, and 24 are asked"),
        ("deployer", "deploy", "version 3 gets 10 per cent"),
        ("endpoint", "live", "version 3 serves all"),
        ("alarm", "alarm", "shop-dev-drift"),
        ("person", "approved", "version 4, by hand"),
    ]
    told = chance.choices(kinds, weights=(30, 2, 10, 10, 10, 1), k=count)
    if count:
        told[count // 2 - 10], told[count // 2] = (
            ("fault", "fault", "the image fails"),
            ("fault", "mended", "it answers again"),
        )
    return [
        {
            "at": iso(START + index * days * DAY / count),
            "who": who,
            "kind": kind,
            "what": what,
            "version": index % 5 or None,
        }
        for index, (who, kind, what) in enumerate(told)
    ]


def _months(days: int) -> list[dict]:
    months = sorted({(START + day * DAY).strftime("%Y-%m") for day in range(days)})
    made = []
    for index, month in enumerate(months):
        training = 3.1 + 14.0 * (index in {3, 7})
        made.append(
            {
                "month": month,
                "endpoint": 93.7,
                "monitor": 9.5,
                "training": training,
                "other": 1.0,
                "total": 93.7 + 9.5 + training + 1.0,
            }
        )
    return made
