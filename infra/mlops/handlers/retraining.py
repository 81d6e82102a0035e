"""When to retrain: the controller's decision, as a pure function of what is.

Nothing here reads or changes anything, so that tests, the simulation and the rehearsal can ask it millions of times.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_FLIGHT, FAILED = frozenset({"Executing", "Stopping"}), frozenset({"Failed", "CompletedWithFailures"})
# Somebody stopped it: it cost money and starts the cool-down, but says nothing about whether retraining works.
STOPPED, SUCCEEDED = "Stopped", "Succeeded"

LONGEST_EXECUTION = timedelta(hours=24)
LONGEST_BACK_OFF = timedelta(days=28)
PAGE_AFTER_FAILURES = 3


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When retraining may happen: `triggers`, `retraining`, `approval` and `budget` of `loop.yaml`."""

    schedule_days: float | None
    """The age at which the last successful retraining is due for another; None: never by age."""
    windows_days: tuple[int, ...]
    cooldown_hours: float
    max_per_month: int
    monthly_usd: float
    new_data: bool
    approval: str
    """Kept in the record beside each decision."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One execution of the training pipeline."""

    arn: str
    status: str
    started: datetime


@dataclass(frozen=True, kw_only=True)
class State:
    """The world as it was read."""

    unreadable: tuple[str, ...] = ()
    """What could not be read, with the reason; its field then says nothing."""
    paused: bool = False
    alarms: Mapping[str, str] = field(default_factory=dict)
    """States by role."""
    executions: tuple[Execution, ...] = ()
    """The newest first."""
    spend_usd: float | None = None
    champion: str | None = None
    newest_data: datetime | None = None
    manual: bool = False
    """Whether a person asked."""


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
    wanted = _wanted(state, policy, now)
    for guard in (_paused, _unreadable, _in_flight, _broken_data, _over_budget, _month_full):
        if blocked := guard(state, policy, now):
            # A limit that stands in nobody's way is not worth waking somebody for.
            urgent = wanted or blocked.reason not in {"budget", "month-full"}
            return replace(blocked, wanted=wanted, page=blocked.page if urgent else "")
    wait = _waiting(state, policy, now)
    if wait and not state.manual:
        return replace(wait, wanted=wanted)
    if not wanted:
        return Decision(start=False, reason="no-reason", explanation="nothing, because nothing asks for a retraining")
    reason = "manual" if wait else wanted[0]
    return Decision(start=True, reason=reason, explanation=f"retrain, because of {', '.join(wanted)}", wanted=wanted)


def _nothing(reason: str, because: str, page: str = "") -> Decision:
    return Decision(start=False, reason=reason, explanation=f"nothing, because {because}", page=page)


def _paused(state: State, _policy: Policy, _now: datetime) -> Decision | None:
    return _nothing("paused", "a person paused the loop") if state.paused else None


def _unreadable(state: State, _policy: Policy, _now: datetime) -> Decision | None:
    odd = [f"execution {each.arn} is {each.status}" for each in state.executions if not _known(each.status)]
    gone = [f"the {role} alarm does not exist" for role, value in state.alarms.items() if value == "MISSING"]
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


def _waiting(state: State, policy: Policy, now: datetime) -> Decision | None:
    if not state.executions:
        return None
    last, cooldown = state.executions[0], timedelta(hours=policy.cooldown_hours)
    failures = _failures(state)
    if failures:
        # A model that did not pass its gates is such a failure too: the same data would give the same answer.
        doubled = max(cooldown, timedelta(hours=1)) * 2 ** min(failures - 1, 10)
        until = last.started + min(doubled, max(cooldown, LONGEST_BACK_OFF))
        reason, because = "back-off", f"the last {failures} retrainings failed or were refused"
    else:
        until, reason, because = last.started + cooldown, "cool-down", "the last retraining has to show its effect"
    page = f"{failures} retrainings failed in a row" if failures >= PAGE_AFTER_FAILURES else ""
    return _nothing(reason, f"{because}: it waits until {until:%Y-%m-%d %H:%M} UTC", page) if now < until else None


def _failures(state: State) -> int:
    ended = (each.status for each in state.executions if each.status not in IN_FLIGHT | {STOPPED})
    return len(list(takewhile(FAILED.__contains__, ended)))


def _wanted(state: State, policy: Policy, now: datetime) -> tuple[str, ...]:
    """Return the reasons to retrain that hold now, the strongest first."""
    # Measured from the last success: what a failed retraining was to answer is still asked.
    success = next((each.started for each in state.executions if each.status == SUCCEEDED), None)
    days, newest = policy.schedule_days, state.newest_data
    due = days is not None and (success is None or now - success >= timedelta(days=days))
    fresh = policy.new_data and newest is not None and (success is None or newest > success)
    holds = {
        "quality": state.alarms.get("quality") == "ALARM",
        "drift": state.alarms.get("drift") == "ALARM",
        "new-data": fresh,
        "schedule": due,
        "manual": state.manual,
    }
    return tuple(reason for reason, held in holds.items() if held)


def token(pipeline: str, state: State, now: datetime) -> str:
    """Return the request token of the start that follows the last execution.

    Wake-ups that see the same last execution ask for the same start: EventBridge repeats an event for 24 hours. Days
    are counted from that execution, because a start falls due whole hours after it: two wake-ups a moment before and
    after midnight would otherwise ask for two. The day after, a start that was lost on the way may be asked for again.
    """
    last = state.executions[0] if state.executions else None
    after = f"{last.arn} {(now - last.started).days}" if last else f"first {now:%Y-%m-%d}"
    return hashlib.sha256(f"{pipeline} {after}".encode()).hexdigest()
