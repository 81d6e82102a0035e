"""The loop: the controller's decision, the monitor's CUSUM and the probe's verdict, by the project's own code.

What is not played: the drift alarm, which can only ask for more probes; budget, pauses, failures, gates and canaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ml.challengers import FEWEST_SINCE, Candidate, best
from ml.contest import FALLEN
from ml.gain import Gain, gain, needed
from ml.logged import DAYS
from ml.losses import Quality
from ml.quality import Cohort, cusum, since
from mlops.handlers.history import SUCCEEDED, Execution, Probe
from mlops.handlers.retraining import State, decide

from .days import NOTHING, Model, Step, joined

if TYPE_CHECKING:
    from mlops.handlers.retraining import Policy

    from .days import Past

__all__ = ["Asked", "Chart", "Loop", "chart", "judged", "probed"]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for day 0 where only the order of days counts."""


class Chart(NamedTuple):
    """The CUSUM of a champion."""

    score: float
    since: int | None
    """The day with which its rise began."""


class Asked(NamedTuple):
    """What a probe is told."""

    windows: tuple[int, ...]
    """To try, in days."""
    min_gain: float | Literal["auto"]
    fallen: bool
    """Whether the champion got worse: without a comparison, nothing is made then."""
    rise: int | None
    """The day with which its losses began to rise; one more challenger learns from there on."""


@dataclass
class Loop:
    """Probes when the controller says so, and retrains when the probe says so."""

    policy: Policy
    """What the controller decides by."""
    min_gain: float | Literal["auto"]
    cusum_limit: float
    """Infinite: the quality alarm is off."""
    start: datetime
    """When day 0 begins (UTC)."""
    executions: tuple[Execution, ...] = ()
    firing: bool = False
    changed: datetime | None = None
    """When the quality alarm last changed."""

    def look(self, past: Past, champion: Model) -> Step:
        """Ask the controller, and the probe if it starts one."""
        now = self.moment(past.today + 1)
        if not self.executions:
            self.executions = (_ran(self.moment(champion.day + 1), "schedule"),)
        told = chart(past, champion)
        if (told.score > self.cusum_limit) != self.firing:
            self.firing, self.changed = not self.firing, now
        decision = decide(self._state(), self.policy, now)
        if not decision.start:
            return NOTHING
        fallen = decision.reason in FALLEN
        asked = Asked(self.policy.windows_days, self.min_gain, fallen, told.since if fallen else None)
        window, probe = probed(past, champion, asked)
        self.executions = (_ran(now, decision.reason, probe), *self.executions)
        return Step(probed=True, retrain=window)

    def moment(self, day: int) -> datetime:
        """Return when a day begins."""
        return self.start + timedelta(days=day)

    def _state(self) -> State:
        alarms = {"drift": "OK", "quality": "ALARM" if self.firing else "OK", "data": "OK"}
        changed = self.changed or self.start
        return State(alarms=alarms, quality_since=changed, executions=self.executions, spend_usd=0.0)


def _ran(started: datetime, reason: str, probe: Probe | None = None) -> Execution:
    return Execution(arn=f"{started:%Y-%m-%d}", status=SUCCEEDED, started=started, reason=reason, probe=probe)


def chart(past: Past, champion: Model) -> Chart:
    """Return the CUSUM of the champion's own answers whose labels have landed."""
    found, days, counts = past.scored(champion), past.answered(champion), past.matrix.counts
    if counts[days].sum() < past.matrix.least:
        return Chart(0.0, None)
    blocks = joined(days, counts, past.matrix.least)
    cohorts = []
    for block in blocks:
        rows = int(counts[block].sum())
        loss = float(found.loss[block] @ counts[block]) / rows
        cohorts.append(Cohort(start=EPOCH + timedelta(block[0]), rows=rows, labelled=rows, loss=loss))
    rows, mean, deviation, between, of_base = found.quality
    base = Quality(loss="", rows=int(rows), mean=mean, deviation=deviation, between=between, blocks=int(of_base))
    scores = cusum(base, cohorts)
    began = since(scores)
    return Chart(scores[-1], None if began is None else blocks[began][0])


def probed(past: Past, champion: Model, asked: Asked) -> tuple[int | None, Probe]:
    """Return the window to retrain on, None if no challenger is better by enough, and what the probe reports."""
    judges, windows = judged(past, champion), asked.windows
    if not judges:
        kept, go = min((days for days in windows if days >= champion.window), default=max(windows)), not asked.fallen
        return kept if go else None, Probe(go=go, gain=None, needed=None, explanation="no labelled answers")
    tried = _tried(past, windows, judges[0] - 1, asked.rise)
    chosen = best(_candidate(past, champion, one, judges) for one in tried)
    if chosen is None or chosen.gain is None or chosen.standard_error is None:
        return None, Probe(go=False, gain=None, needed=None, explanation="nothing to learn from")
    least = needed(asked.min_gain, _loss(past, champion, judges), chosen.standard_error)
    go = chosen.gain > least
    # A window since a change begins there, whenever it ends.
    window = int(chosen.window_days) if chosen.window_days in windows else past.known - int(asked.rise or 0) + 1
    probe = Probe(go=go, gain=chosen.gain, needed=least, explanation=f"{chosen.window_days} days")
    return window if go else None, probe


def judged(past: Past, champion: Model) -> list[int]:
    """Return the days whose answers judge: the newest `DAYS`, or so many more as hold enough rows, if any do."""
    newest = past.answered(champion)[::-1]
    rows = np.cumsum(past.matrix.counts[newest])
    if not newest or rows[-1] < past.matrix.least:
        return []
    enough = int(np.searchsorted(rows, past.matrix.least)) + 1
    return newest[: max(min(DAYS, len(newest)), enough)][::-1]


def _tried(past: Past, windows: tuple[int, ...], until: int, rise: int | None) -> list[Model]:
    """Return the challengers that can be trained with what was known before the judged days."""
    day = past.matrix.newest(until)
    if day is None:
        return []
    tried = [Model(day, window) for window in windows]
    last = day - past.matrix.delay
    if rise is not None and past.matrix.counts[rise : last + 1].sum() >= FEWEST_SINCE:
        tried.append(Model(day, last - rise + 1))
    return [one for one in tried if past.matrix.learned(*one) >= past.matrix.least]


def _loss(past: Past, one: Model, days: list[int]) -> float:
    counts = past.matrix.counts[days]
    return float(past.scored(one).loss[days] @ counts) / float(counts.sum())


def _candidate(past: Past, champion: Model, one: Model, days: list[int]) -> Candidate:
    better, loss, rows = _gain(past, champion, one, days), _loss(past, one, days), past.matrix.learned(*one)
    return Candidate(
        window_days=one.window, rows=rows, loss=loss, gain=better.mean, standard_error=better.standard_error
    )


def _gain(past: Past, champion: Model, challenger: Model, days: list[int]) -> Gain:
    """Compare two models on some days.

    With days as clusters only the sum of a day's differences counts, so each row may stand for the mean of its day. Of
    a single day the rows themselves are needed.
    """
    counts = past.matrix.counts[days]
    if len(days) == 1:
        difference = _loss(past, champion, days) - _loss(past, challenger, days)
        return Gain(mean=difference, standard_error=past.matrix.error(champion, challenger, days[0]))
    first, second = (np.repeat(past.scored(one).loss[days].astype(float), counts) for one in (champion, challenger))
    return gain(first, second, np.repeat(days, counts))
