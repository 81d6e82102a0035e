"""Loss matrices whose staleness is known, as a project leaves them, and loops that need no project."""

from __future__ import annotations

import json

import numpy as np

from loopwright.backtest.play.days import play
from loopwright.backtest.play.matrix import Kept
from loopwright.backtest.play.schedules import Every

WINDOWS = (30, 60)
FRESH, SLOPE, ROWS = 0.5, 0.004, 240


def header(  # noqa: PLR0913 - one parameter per property of the history
    folder, *, days=300, every=7, delay=2, slope=SLOPE, noise=0.0, worse=0.02, poisoned_from=None, seed=1
):
    """Write the models of a history and return what it is about.

    The loss of a model of the shorter window is `FRESH` + ``slope`` x its age; the longer window loses ``worse`` more.
    From ``poisoned_from`` on, every loss is another.
    """
    rng = np.random.default_rng(seed)
    weather = rng.normal(0, noise, days)
    lines = []
    for day in range(delay + WINDOWS[0], days - 1, every):
        for window in WINDOWS:
            later = np.arange(day + 1, days)
            loss = FRESH + slope * (later - day) + weather[later] + worse * (window != WINDOWS[0])
            if poisoned_from is not None:
                loss = np.where(later >= poisoned_from, rng.random(len(later)) * 9, loss)
            one = {"day": day, "window": window, "rows": window * ROWS, "quality": [900, FRESH, 0.3, 0.0, 4]}
            lines.append(json.dumps(one | {"loss": loss.tolist(), "spread": [0.3] * len(later)}))
    path = folder / "models.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    return {
        "project": "shop",
        "task": "classification",
        "target": "bought",
        "loss": "log_loss",
        "start": "2025-01-01T00:00:00",
        "counts": [ROWS] * days,
        "begin": delay + WINDOWS[0],
        "every": every,
        "windows": list(WINDOWS),
        "delay": delay,
        "min_rows": 200,
        "judges": 2000,
        "contract": {"schedule": "auto", "windows_days": list(WINDOWS), "min_gain": "auto"},
        "models": str(path),
        "trained": len(lines),
    }


def loops(about):
    """Return what plays a loop as a schedule: of its interval, or of 7 days where it stays as it is."""
    matrix = Kept.read(about)

    def played(asked):
        return [
            play(
                matrix,
                Every(days=each.get("schedule_days", 7), window=each["window"]),
                range(each["span"][0], each["span"][1] + 1),
                each["window"],
            )
            for each in asked
        ]

    return played
