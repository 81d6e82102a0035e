"""A drill: one schedule played to a loop, with the invariants after every step and the way out at the end."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import happenings
import invariants
import waits
import worlds
from handlers import aws, controller, deployer
from strict_client import Crash
from wakeups import Context

HANDLERS = {"controller": controller.handler, "deployer": deployer.handler}
MOST_TICKS = 60


class Loopwright:
    """The two handlers as they are."""

    def __init__(self):
        self.said, self.called, self.met = Counter(), set(), set()

    def wake(self, account, event):
        """Deliver an event to its handler; a wake-up that fails is one that Lambda tries again."""
        account.wakes += 1
        account.later(seconds=1)
        known = event.retry_of or f"wake-{account.wakes}"
        account.wake = wake = worlds.Wake(event.to, known, event.detail.get("reason", ""))
        try:
            wake.told, wake.ended = HANDLERS[event.to](event.detail, Context(known)), "returned"
        except Crash:
            wake.ended = "crashed"
        except aws.FAULTS:
            wake.ended = "failed"
        account.outage = False
        if wake.ended != "returned" and not event.retry_of:
            account.events.append(worlds.Event(event.to, event.detail, retry_of=known))
        self.said[event.to, wake.told["reason"] if wake.told else wake.ended] += 1
        self.called |= wake.called
        self.met |= wake.met
        account.check(invariants.WAKE)


@dataclass
class Stage:
    """Where one account after another meets the handlers."""

    account: worlds.Account = field(default_factory=worlds.Account)

    def client(self, service):
        return self.account.client(service)

    def clock(self):
        return self.account.clock()

    def log(self, message, **facts):
        self.account.heard(message, **facts)


def stage_for_handlers(patch):
    """Give the handlers their variables and a stage; return the stage."""
    for name, value in worlds.VARIABLES.items():
        patch.setenv(name, value if isinstance(value, str) else json.dumps(value))
    controller.settings.cache_clear()
    deployer.settings.cache_clear()
    stage = Stage()
    for name in ("client", "clock", "log"):
        patch.setattr(aws, name, getattr(stage, name))
    return stage


def play(loop, schedule, stage, *, strict=False, faults=()):
    """Play a schedule to a loop in an account of its own, which notes the invariants that break; return it."""
    stage.account = account = worlds.Account(strict=strict, faults=[*faults])
    for step in schedule:
        happenings.happen(loop, account, step)
        account.check(invariants.STEP)
    end(loop, account)
    return account


def end(loop, account):
    """Stop the faults, let late events arrive, have people answer their pages; then the loop must get there."""
    calm(account)
    arrive(loop, account)
    for _ in range(MOST_TICKS):
        if not advance(loop, account):
            break
    account.check((invariants.the_newest_good_version_serves,))
    for ending in ("Failed", "Rejected", "Failed"):
        outlast(loop, account, ending)


def arrive(loop, account):
    """Let all events arrive that are on their way, the newest first."""
    for event in [*reversed(account.events)]:
        account.events.remove(event)
        loop.wake(account, event)
        account.check(invariants.STEP)


def calm(account):
    """End all faults and all that people had in the way."""
    account.faults, account.lag, account.skew = [], timedelta(), timedelta()
    account.shown_from = dict.fromkeys(account.shown_from, account.now)
    account.parameter, account.budget = "false", {}
    account.alarms = dict.fromkeys(account.alarms, "OK")


def advance(loop, account):
    """Let an hour pass; return whether anything happened to the endpoint in it."""
    happenings.mend_endpoint(loop, account, 0)
    before = (account.live, dict(account.endpoint), len(account.packages))
    happenings.tick(loop, account, 0)
    account.check(invariants.STEP)
    answered = answer(account)
    if account.moving:
        back = account.endpoint["EndpointStatus"] == "RollingBack"
        happenings.update_ends(loop, account, 2 if back else 0)
    account.check(invariants.STEP)
    told = account.wake.told
    return answered or not told or told["marks"] or before != (account.live, account.endpoint, len(account.packages))


def answer(account):
    """Do what a page of the deployer asks a person for; return whether it asked."""
    told = account.wake.told or {}
    versions = {"refused": invariants.best(account), "no-downgrade": account.live}
    version = versions.get(told.get("reason", ""))
    if version:
        account.packages[version]["ModelApprovalStatus"] = "Rejected"
    return bool(version)


def outlast(loop, account, ending):
    """Let what is in flight end in vain and drift go on, and see that a retraining starts as soon as one may."""
    happenings.turn(account, worlds.ALARMS["drift"], firing=True)
    arrive(loop, account)
    for each in account.in_flight:
        happenings.end_execution(account, each, ending)
    due = first_chance(account)
    for at in (due - timedelta(minutes=1), due + timedelta(minutes=1)):
        account.now = max(account.now, at)
        loop.wake(account, worlds.Event("controller", happenings.TICK))
        account.check(invariants.STEP)
    account.check((invariants.drift_is_answered,))


def first_chance(account) -> datetime:
    """Return when the waits and the month next allow a retraining; where the month is full, the next one begins."""
    due = max(waits.due(account), account.now)
    starts = [(each["StartTime"].year, each["StartTime"].month) for each in account.executions]
    if starts.count((due.year, due.month)) < worlds.POLICY["max_per_month"]:
        return due
    # By then a recovery may be over.
    account.now = (due.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return max(waits.due(account), account.now)
