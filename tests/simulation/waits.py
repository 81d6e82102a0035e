"""When a retraining is asked for and when it may start, in the words of `loop.yaml`. No line of it is the handlers'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import worlds

DAY = timedelta(days=1)
LONGEST_WAIT, RECOVERY, RECOVERY_EVERY = 28 * DAY, 28 * DAY, 3 * DAY
MOST_REJECTIONS = 3
ALWAYS = datetime.min.replace(tzinfo=UTC)


def reason_of(execution):
    """Return why the loop started an execution; nothing for those of others."""
    return execution.get("PipelineExecutionDisplayName", "")[: -len("-2026-03-10")]


def in_vain(account, since=ALWAYS):
    """Return how the last executions ended in a row without a model; one that a person stopped says nothing."""
    found = []
    for each in account.visible():
        status = each["PipelineExecutionStatus"]
        rejected = each["PipelineExecutionArn"] in account.rejected
        if each["StartTime"] < since or (status == "Succeeded" and not rejected):
            break
        if rejected or status == "Failed":
            found.append("rejected" if rejected else "failed")
    return found


def failures(account):
    """Return how many of the last executions failed in a row."""
    return [*in_vain(account), "rejected"].index("rejected")


def rejections(account, since=ALWAYS):
    """Return how many of those that ended without a model had looked for one."""
    return in_vain(account, since).count("rejected")


def steady(account):
    """Return when the next may start: a day after the last, doubled with each failure after the first."""
    return _after_last(account, max(failures(account) - 1, 0))


def slowed(account):
    """Return when it may where it would look for the same again: doubled with each rejection too."""
    failed = in_vain(account).count("failed")
    return _after_last(account, rejections(account) + max(failed - 1, 0))


def settled(account):
    """Return when drift counts again that was there before the last model was made: not within a week."""
    made = (
        each["StartTime"]
        for each in account.visible()
        if each["PipelineExecutionStatus"] == "Succeeded" and each["PipelineExecutionArn"] not in account.rejected
    )
    last = max(made, default=ALWAYS)
    turned = account.turned.get(worlds.ALARMS["drift"], ALWAYS)
    return last + max(worlds.POLICY["schedule_days"], 7) * DAY if turned <= last > ALWAYS else ALWAYS


def spaced(account):
    """Return when it may in a recovery."""
    return max([steady(account), *(each["StartTime"] + RECOVERY_EVERY for each in account.visible()[:1])])


def _after_last(account, doublings):
    shown = account.visible()
    if not shown:
        return ALWAYS
    hours = worlds.POLICY["cooldown_hours"] * 2**doublings
    return shown[0]["StartTime"] + min(timedelta(hours=hours), LONGEST_WAIT)


def looked(account):
    """Return when the last execution that ended well started, whatever it found; always ago, if there is none."""
    good = (each["StartTime"] for each in account.visible() if each["PipelineExecutionStatus"] == "Succeeded")
    return max(good, default=ALWAYS)


def scheduled(account):
    """Return when the next look is due by schedule: twice as late with each that found nothing, 28 days at most."""
    days = min(worlds.POLICY["schedule_days"] * 2 ** rejections(account), 28)
    return looked(account) + days * DAY


def aged(account):
    """Return when the last look is too old."""
    return looked(account) + worlds.POLICY["max_age_days"] * DAY


def began(account):
    """Return when the last recovery began; always ago, if there was none."""
    return max((each["StartTime"] for each in account.visible() if reason_of(each) == "quality"), default=ALWAYS)


def recovering(account):
    """Tell whether a recovery goes on: for 28 days, until three looks in a row found nothing."""
    start = began(account)
    return account.clock() - start < RECOVERY and rejections(account, start) < MOST_REJECTIONS


def alarm_is_new(account):
    """Tell whether the quality alarm asks for a recovery: it fires for the first time, or again after the last one."""
    start = began(account)
    turned = account.turned.get(worlds.ALARMS["quality"], start)
    again = turned > start and account.clock() - start >= RECOVERY
    return account.alarm("quality") and not recovering(account) and (start == ALWAYS or again)


def asked(account):
    """Return what asks for a retraining: by reason, from when on it asks, and when it may be answered."""
    found = {"schedule": (scheduled(account), slowed(account)), "age": (aged(account), steady(account))}
    if account.alarm("drift"):
        found["drift"] = (ALWAYS, max(slowed(account), settled(account)))
    if recovering(account):
        found["recovery"] = (ALWAYS, spaced(account))
    elif alarm_is_new(account):
        found["quality"] = (ALWAYS, steady(account))
    elif account.alarm("quality"):
        found["recovery"] = (ALWAYS, max(spaced(account), slowed(account)))
    return found


def asking(account):
    """Return the reasons that ask now, and when each may be answered."""
    return {reason: may for reason, (since, may) in asked(account).items() if since <= account.clock()}


def due(account):
    """Return when the next retraining may start, as things are now."""
    ends = began(account) + RECOVERY if recovering(account) else None
    moments = {reason: max(since, may) for reason, (since, may) in asked(account).items()}
    return min(at for reason, at in moments.items() if reason != "recovery" or ends is None or at < ends)
