"""The report as a document for programs, from which its page is drawn."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from loopwright.backtest.lines import changes
from loopwright.backtest.words import sentences

if TYPE_CHECKING:
    from loopwright.backtest.outcomes import Figures, Outcome
    from loopwright.backtest.play.plan import Mean
    from loopwright.backtest.study import Study

__all__ = ["document"]

FORMAT = 1
MONTH = 30
"""Days for which money is told."""


def document(study: Study) -> dict[str, Any]:
    """Return all that was found; the same history and the same call give the same document."""
    found = _found(study)
    return found | {"sentences": list(sentences(found))}


def _found(study: Study) -> dict[str, Any]:
    header, matrix, choice = study.header, study.matrix, study.choice
    return {
        "format": FORMAT,
        **{key: header[key] for key in ("project", "task", "target", "loss")},
        "history": {
            "from": _date(header["start"], 0),
            "days": matrix.days,
            "rows": int(matrix.counts.sum()),
            "label_delay_days": matrix.delay,
        },
        "matrix": {
            "every": matrix.every,
            "windows": list(matrix.windows),
            "untrainable": [each for each in header["windows"] if each not in matrix.windows],
            "models": len(matrix.models),
        },
        "halves": [
            {
                "from": _date(header["start"], span[0] + 1),
                "until": _date(header["start"], span[-1]),
                "days": len(span) - 1,
            }
            for span in (study.halves.first, study.halves.second)
        ],
        "cost": {
            "asked": study.cost.text,
            "of_a_retraining": study.price.each,
            "days_of_loss": study.price.each / choice.fresh if choice.fresh else None,
            "usd_of_a_retraining": study.price.usd(study.price.each),
            "value_of_loss_usd": study.cost.value_of_loss,
        },
        "staleness": {
            "window": choice.window,
            "fresh_loss": choice.fresh,
            "ages": list(choice.staleness.ages),
            "halves": [{"slope": each.slope, "excess": list(map(_mean, each.excess))} for each in study.staleness],
        },
        "windows": [
            {
                "days": first.days,
                "first": {"loss": first.loss, "behind": _mean(first.behind)},
                "second": {"loss": second.loss, "behind": _mean(second.behind)},
                "clearly_worse": first.clearly_worse,
            }
            for first, second in zip(*study.windows, strict=True)
        ],
        "interval": choice.interval(study.price.each),
        "policies": [_policy(study, each) for each in study.outcomes],
        "standing": study.standing.name,
        "chosen": study.chosen.name,
        "proposed": study.proposed.name,
        "proposal": [
            {"path": each.name, "before": each.before, "after": each.after, "line": each.line}
            for each in changes(study.settings[study.standing.name], study.settings[study.proposed.name])
        ],
    }


def _policy(study: Study, outcome: Outcome) -> dict[str, Any]:
    setting = study.settings.get(outcome.name)
    told: dict[str, Any] = {"name": outcome.name, "kind": outcome.kind, "interval": outcome.interval}
    if setting:
        told["setting"] = {
            "schedule": setting.schedule,
            "windows_days": list(setting.windows_days),
            "min_gain": setting.min_gain,
        }
    return told | {"first": _figures(study, outcome.first), "second": _figures(study, outcome.second)}


def _figures(study: Study, figures: Figures) -> dict[str, Any]:
    usd = study.price.usd(figures.cost, MONTH)
    return asdict(figures) | {"against": _mean(figures.against), "usd_a_month": usd}


def _mean(mean: Mean) -> dict[str, float | None]:
    return {key: None if math.isnan(value) else value for key, value in mean._asdict().items()}


def _date(start: str, day: int) -> str:
    return (datetime.fromisoformat(start) + timedelta(days=day)).date().isoformat()
