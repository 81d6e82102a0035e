"""When to retrain: the controller's decision, as a pure function of what is.

Nothing here reads or changes anything, so that tests, the simulation and the rehearsal can ask it millions of times.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import history
from .history import FAILED, IN_FLIGHT, STOPPED, SUCCEEDED, Execution, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["REASONS", "Decision", "Execution", "Policy", "Probe", "State", "decide", "token"]

LONGEST_EXECUTION = timedelta(hours=24)
LONGEST_BACK_OFF_DAYS = 28
MOST_DOUBLINGS = 10
DRIFT_AGAIN_DAYS = 7
"""So long a new model is waited for to show whether the drift that it was made for is over; longer where the schedule
is: a traffic of once a week, or none, says nothing before."""
PAGE_AFTER, NEWS = 3, timedelta(days=1)
REASONS = ("quality", "recovery", "drift", "new-data", "schedule", "age", "manual")
"""Why a retraining starts, the strongest first."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When retraining may happen: `triggers`, `retraining`, `approval` and `budget` of `loop.yaml`."""

    schedule_days: float | None
    """The age at which the last look for a better model is due for another, doubled with each that found none."""
    max_age_days: float | None
    """The age at which another is due whatever the last ones found; None: never."""
    windows_days: tuple[int, ...]
    cooldown_hours: float
    max_per_month: int
    monthly_usd: float
    new_data: bool
    approval: str
    """Kept in the record beside each decision."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The world as it was read."""

    unreadable: tuple[str, ...] = ()
    """What could not be read, with the reason; its field then says nothing."""
    paused: bool = False
    alarms: Mapping[str, str] = field(default_factory=dict)
    """States by role."""
    quality_since: datetime | None = None
    """When the quality alarm last changed its state. Where that is not known, it never counts as a new alarm."""
    drift_since: datetime | None = None
    """When the drift alarm last changed its state. Where that is not known, it counts as a new alarm."""
    executions: tuple[Execution, ...] = ()
    """The newest first."""
    spend_usd: float | None = None
    champion: str | None = None
    newest_data: datetime | None = None
    manual: bool = False
    """Whether a person asked."""
    scheduled: bool = False
    """Whether this is the contract's own time: a cron expression says when, and not how long after the last."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows from a state."""

    start: bool
    reason: str
    """Why it starts, or what is in the way."""
    explanation: str
    wanted: tuple[str, ...] = ()
    """All reasons to retrain that hold, also while something is in the way."""
    page: str = ""
    """The matter that a person must look at, if any."""


def decide(state: State, policy: Policy, now: datetime) -> Decision:
    """Return what follows from a state: the same state, policy and time give the same decision."""
    asked = _asked(state, policy, now)
    wanted = tuple(asked)
    for guard in (_paused, _unreadable, _in_flight, _broken_data, _over_budget, _month_full):
        if blocked := guard(state, policy, now):
            # A limit that stands in nobody's way is not worth waking somebody for.
            urgent = wanted or blocked.reason not in {"budget", "month-full"}
            return replace(blocked, wanted=wanted, page=blocked.page if urgent else "")
    if not wanted:
        return Decision(start=False, reason="no-reason", explanation="nothing, because nothing asks for a retraining")
    ripe = [reason for reason, until in asked.items() if until <= now]
    if not ripe:
        until = min(asked.values())
        settles = asked.get("drift") == until == _settled(state, policy, now)
        return replace(_settling(until) if settles else _waiting(state, until, now), wanted=wanted)
    return Decision(start=True, reason=ripe[0], explanation=f"retrain, because of {', '.join(ripe)}", wanted=wanted)


def _nothing(reason: str, because: str, page: str = "") -> Decision:
    return Decision(start=False, reason=reason, explanation=f"nothing, because {because}", page=page)


def _paused(state: State, _policy: Policy, _now: datetime) -> Decision | None:
    return _nothing("paused", "a person paused the loop") if state.paused else None


def _unreadable(state: State, _policy: Policy, _now: datetime) -> Decision | None:
    odd = [f"execution {each.arn} is {each.status}" for each in state.executions if not _known(each.status)]
    # Sorted: JSON knows no order of names, and the record has to give the same words again.
    gone = [f"the {role} alarm does not exist" for role, value in sorted(state.alarms.items()) if value == "MISSING"]
    spent = state.spend_usd is not None and math.isfinite(state.spend_usd)
    found = [*state.unreadable, *gone, *odd] or ([] if spent else ["the spend is not known"])
    if found:
        return _nothing("unreadable", f"the state cannot be read: {'; '.join(found)}", "the controller is blind")
    return None


def _known(status: str) -> bool:
    return status in IN_FLIGHT | FAILED | {STOPPED, SUCCEEDED}


def _in_flight(state: State, _policy: Policy, now: datetime) -> Decision | None:
    running = [each for each in state.executions if each.status in IN_FLIGHT]
    if not running:
        return None
    oldest = min(each.started for each in running)
    page = "a retraining does not end" if now - oldest > LONGEST_EXECUTION else ""
    return _nothing("in-flight", f"a retraining has been under way since {oldest:%Y-%m-%d %H:%M} UTC", page)


def _broken_data(state: State, _policy: Policy, _now: datetime) -> Decision | None:
    if state.alarms.get("data") != "ALARM":
        return None
    return _nothing("broken-data", "the data is broken, and a model must not learn that", "broken data")


def _over_budget(state: State, policy: Policy, _now: datetime) -> Decision | None:
    spend = state.spend_usd or 0.0
    if spend < policy.monthly_usd:
        return None
    because = f"this month's {spend:.2f} USD have reached the budget of {policy.monthly_usd:.2f} USD"
    return _nothing("budget", because, "the budget stops retraining")


def _month_full(state: State, policy: Policy, now: datetime) -> Decision | None:
    started = [each for each in state.executions if (each.started.year, each.started.month) == (now.year, now.month)]
    if len(started) < policy.max_per_month:
        return None
    because = f"{len(started)} retrainings started this month, of at most {policy.max_per_month}"
    return _nothing("month-full", because, "max_per_month stops retraining")


def _settling(until: datetime) -> Decision:
    because = "the new model has to show whether the drift is over"
    return _nothing("settling", f"{because}: it waits until {until:%Y-%m-%d %H:%M} UTC")


def _waiting(state: State, until: datetime, now: datetime) -> Decision:
    streak = history.fruitless(state.executions)
    reason, because = "cool-down", "the last retraining has to show its effect"
    if streak:
        # A model that did not pass its gates is a failure too: the same data would give the same answer.
        reason, because = "back-off", f"the last {len(streak)} retrainings failed or found no better model"
    return _nothing(reason, f"{because}: it waits until {until:%Y-%m-%d %H:%M} UTC", _hopeless(state.executions, now))


def _hopeless(executions: Sequence[Execution], now: datetime) -> str:
    """Return what a person is told of the last failures, on the day of each: broken, or no model is good enough.

    A back-off lasts for weeks, and to hear each day that it lasts teaches people not to listen.
    """
    failed, broken = history.failed(executions), history.broken(executions)
    if len(failed) < PAGE_AFTER or now - failed[0].started >= NEWS:
        return ""
    if broken >= PAGE_AFTER:
        return f"{broken} retrainings failed in a row"
    return f"no model passed the gates, {len(failed)} retrainings in a row"


def _asked(state: State, policy: Policy, now: datetime) -> dict[str, datetime]:
    """Return the reasons to retrain that hold now, the strongest first, and when each may be answered.

    The cool-down and the back-off after failures are in the way of each but a person's. What found no better model
    slows down all that would only look for the same again; it is in the way neither of a recovery nor of the age.
    Drift that goes on after a new model was made waits until more than a few rows can have been seen of that.
    """
    streak = history.fruitless(state.executions)
    rejections = sum(each.rejected for each in streak)
    steady = _after(state, policy, now, len(history.failed(state.executions)) - 1)
    slowed = _after(state, policy, now, rejections + max(len(streak) - rejections - 1, 0))
    spaced = max([steady, *(each.started + history.RECOVERY_EVERY for each in state.executions[:1])])
    # Measured from the last look: what a failed retraining was to answer is still asked.
    looked, newest = history.looked(state.executions), state.newest_data
    fresh = policy.new_data and newest is not None and (looked is None or newest > looked)
    firing = state.alarms.get("quality") == "ALARM"
    recovering = history.recovering(state.executions, now)
    new = firing and not recovering and history.is_new(state.quality_since, state.executions, now)
    found = {
        "quality": steady if new else None,
        "recovery": spaced if recovering else max(spaced, slowed) if firing and not new else None,
        "drift": max(slowed, _settled(state, policy, now)) if state.alarms.get("drift") == "ALARM" else None,
        "new-data": slowed if fresh else None,
        "schedule": slowed if state.scheduled or _due(looked, _stretched(policy, rejections), now) else None,
        "age": steady if _due(looked, policy.max_age_days, now) else None,
        "manual": now if state.manual else None,
    }
    return {reason: until for reason in REASONS if (until := found[reason]) is not None}


def _after(state: State, policy: Policy, now: datetime, doublings: int) -> datetime:
    """Return when the cool-down of the last retraining ends, doubled so many times where that is any."""
    if not state.executions:
        return now
    hours = policy.cooldown_hours
    if doublings > 0:
        doubled = max(hours, 1.0) * 2 ** min(doublings, MOST_DOUBLINGS)
        hours = min(doubled, max(hours, LONGEST_BACK_OFF_DAYS * 24.0))
    return state.executions[0].started + timedelta(hours=hours)


def _settled(state: State, policy: Policy, now: datetime) -> datetime:
    """Return from when on drift that has not ended counts again, after a model was made."""
    answered = history.answered(state.drift_since, state.executions)
    return answered + timedelta(days=max(policy.schedule_days or 0, DRIFT_AGAIN_DAYS)) if answered else now


def _stretched(policy: Policy, rejections: int) -> float | None:
    """Return the days between scheduled looks: doubled with each that found nothing, to 28 unless they are more."""
    days = policy.schedule_days
    if days is None:
        return None
    return min(days * 2 ** min(rejections, MOST_DOUBLINGS), max(days, LONGEST_BACK_OFF_DAYS))


def _due(looked: datetime | None, days: float | None, now: datetime) -> bool:
    return days is not None and (looked is None or now - looked >= timedelta(days=days))


def token(pipeline: str, state: State, now: datetime) -> str:
    """Return the request token of the start that follows the last execution.

    Wake-ups that see the same last execution ask for the same start: EventBridge repeats an event for 24 hours. Days
    are counted from that execution, because a start falls due whole hours after it: two wake-ups a moment before and
    after midnight would otherwise ask for two. The day after, a start that was lost on the way may be asked for again.
    """
    last = state.executions[0] if state.executions else None
    after = f"{last.arn} {(now - last.started).days}" if last else f"first {now:%Y-%m-%d}"
    return hashlib.sha256(f"{pipeline} {after}".encode()).hexdigest()
