"""Our default policy: the controller's decision, the monitor's CUSUM and the probe's verdict, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ml.challengers import FEWEST_SINCE, Candidate, best
from ml.contest import FALLEN
from ml.gain import Gain, gain, needed
from ml.logged import DAYS
from ml.losses import Quality, name
from ml.quality import Cohort, cusum, since
from mlops.handlers.history import SUCCEEDED, Execution, Probe
from mlops.handlers.retraining import Policy, State, decide
from policy.matrix import WINDOWS
from policy.play import NOTHING, Model, Step
from policy.streams import MIN_ROWS, joined

if TYPE_CHECKING:
    from policy.play import Past

CUSUM_LIMIT = 4
"""`quality.cusum_limit` of a new repository."""
START = datetime(2026, 1, 1, tzinfo=UTC)


class Chart(NamedTuple):
    """The CUSUM of a champion."""

    score: float
    since: int | None
    """The day with which its rise began."""


def chart(past: Past, champion: Model) -> Chart:
    """Return the CUSUM of the champion's own answers whose labels have landed."""
    found = past.scored(champion)
    days = past.answered(champion)
    counts = past.stream.counts
    if counts[days].sum() < MIN_ROWS:
        return Chart(0.0, None)
    blocks = joined(days, counts)
    cohorts = []
    for block in blocks:
        rows = int(counts[block].sum())
        loss = float(found.loss[block] @ counts[block]) / rows
        cohorts.append(Cohort(start=moment(block[0]), rows=rows, labelled=rows, loss=loss))
    rows, mean, deviation, between, blocks_of_base = found.quality
    base = Quality(
        loss=name(past.stream.metric),
        rows=int(rows),
        mean=mean,
        deviation=deviation,
        between=between,
        blocks=int(blocks_of_base),
    )
    scores = cusum(base, cohorts)
    began = since(scores)
    return Chart(scores[-1], None if began is None else blocks[began][0])


def moment(day: int) -> datetime:
    """Return when a day begins."""
    return START + timedelta(days=day)


@dataclass
class Ours:
    """Probes when the controller says so, and retrains when the probe says so.

    What is not played: the drift alarm, which can only ask for more probes; budget, pauses and failures.
    """

    schedule_days: float
    min_gain: float | Literal["auto"]
    executions: tuple[Execution, ...] = ()
    firing: bool = False
    changed: datetime = START
    """When the quality alarm last changed."""

    def look(self, past: Past, champion: Model) -> Step:
        """Ask the controller, and the probe if it starts one."""
        now = moment(past.today + 1)
        if not self.executions:
            self.executions = (_ran(moment(champion.day + 1), "schedule"),)
        told = chart(past, champion)
        if (told.score > CUSUM_LIMIT) != self.firing:
            self.firing, self.changed = not self.firing, now
        decision = decide(self._state(), self._policy(), now)
        if not decision.start:
            return NOTHING
        window, probe = probed(past, champion, self.min_gain, decision.reason, told.since)
        self.executions = (_ran(now, decision.reason, probe), *self.executions)
        return Step(probed=True, retrain=window)

    def _state(self) -> State:
        alarms = {"drift": "OK", "quality": "ALARM" if self.firing else "OK", "data": "OK"}
        return State(alarms=alarms, quality_since=self.changed, executions=self.executions, spend_usd=0.0)

    def _policy(self) -> Policy:
        """Return the policy of a new repository, but for the interval."""
        return Policy(
            schedule_days=self.schedule_days,
            max_age_days=60,
            windows_days=WINDOWS,
            cooldown_hours=24,
            max_per_month=8,
            monthly_usd=300,
            new_data=False,
            approval="auto",
        )


def _ran(started: datetime, reason: str, probe: Probe | None = None) -> Execution:
    return Execution(arn=f"{started:%Y-%m-%d}", status=SUCCEEDED, started=started, reason=reason, probe=probe)


def probed(
    past: Past, champion: Model, min_gain: float | Literal["auto"], reason: str, risen: int | None
) -> tuple[int | None, Probe]:
    """Return the window to retrain on, None if no challenger is better by enough, and what the probe reports."""
    judges, fallen = judged(past, champion), reason in FALLEN
    risen = risen if fallen else None
    if not judges:
        kept = min((days for days in WINDOWS if days >= champion.window), default=WINDOWS[-1])
        return None if fallen else kept, Probe(go=not fallen, gain=None, needed=None, explanation="no labelled answers")
    tried = [Model(judges[0] - 1, window) for window in WINDOWS]
    last = tried[0].day - past.stream.delay
    if risen is not None and past.stream.counts[risen : last + 1].sum() >= FEWEST_SINCE:
        tried.append(Model(tried[0].day, last - risen + 1))
    chosen = best(_candidate(past, champion, one, judges) for one in tried if _learnable(past, one))
    if chosen is None or chosen.gain is None or chosen.standard_error is None:
        return None, Probe(go=False, gain=None, needed=None, explanation="nothing to learn from")
    least = needed(min_gain, _loss(past, champion, judges), chosen.standard_error)
    go = chosen.gain > least
    # A window since a change begins there, whenever it ends.
    window = int(chosen.window_days) if chosen.window_days in WINDOWS else past.known - int(risen or 0) + 1
    probe = Probe(go=go, gain=chosen.gain, needed=least, explanation=f"{chosen.window_days} days")
    return window if go else None, probe


def judged(past: Past, champion: Model) -> list[int]:
    """Return the days whose answers judge: the newest `DAYS`, or so many more as hold `MIN_ROWS` rows, if any do."""
    newest = past.answered(champion)[::-1]
    rows = np.cumsum(past.stream.counts[newest])
    if not newest or rows[-1] < MIN_ROWS:
        return []
    enough = int(np.searchsorted(rows, MIN_ROWS)) + 1
    return newest[: max(min(DAYS, len(newest)), enough)][::-1]


def _learnable(past: Past, one: Model) -> bool:
    return _rows(past, one) >= MIN_ROWS


def _rows(past: Past, one: Model) -> int:
    last = one.day - past.stream.delay
    rows = past.stream.rows(last - one.window + 1, last)
    return rows.stop - rows.start


def _loss(past: Past, one: Model, days: list[int]) -> float:
    counts = past.stream.counts[days]
    return float(past.scored(one).loss[days] @ counts) / float(counts.sum())


def _candidate(past: Past, champion: Model, one: Model, days: list[int]) -> Candidate:
    better = _gain(past, champion, one, days)
    loss = _loss(past, one, days)
    return Candidate(
        window_days=one.window, rows=_rows(past, one), loss=loss, gain=better.mean, standard_error=better.standard_error
    )


def _gain(past: Past, champion: Model, challenger: Model, days: list[int]) -> Gain:
    """Compare two models on some days.

    With days as clusters only the sum of a day's differences counts, so each row may stand for the mean of its day. Of
    a single day the rows themselves are needed.
    """
    counts = past.stream.counts[days]
    if len(days) == 1:
        first, second = (past.matrix.rows(*one, days[0]) for one in (champion, challenger))
    else:
        first, second = (np.repeat(past.scored(one).loss[days].astype(float), counts) for one in (champion, challenger))
    return gain(first, second, np.repeat(days, counts))
