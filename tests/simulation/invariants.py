"""What has to hold, one small function each: it returns what is wrong, or nothing.

They say it in the words of `loop.yaml` and of the account, and share no line with the handlers.
"""

from __future__ import annotations

import waits
import worlds

RECOVERS = ("quality", "recovery")

# When an execution of the training pipeline starts


def within_the_budget(account):
    """No retraining starts once the month's spend has reached the budget."""
    spend = float(account.budget.get("Amount", 12.5))
    return spend >= worlds.POLICY["monthly_usd"] and f"started at {spend} USD"


def within_the_month(account):
    """No more retrainings start in a calendar month than `max_per_month`; people's count too."""
    count = started_in_month(account)
    return count >= worlds.POLICY["max_per_month"] and f"{count} had started this month"


def not_while_paused(account):
    """Nothing starts while a person has paused the loop."""
    return account.parameter == "true" and "started while paused"


def not_from_broken_data(account):
    """Nothing is learned from data that is known to be broken."""
    return account.alarm("data") and "started from broken data"


def cool_down_and_back_off_kept(account):
    """Only a person may start one before the last had time to show its effect, or so soon after failures."""
    early = account.wake.asked != "manual" and account.clock() < waits.steady(account)
    return early and f"started {waits.steady(account) - account.clock()} too early"


def rejections_are_backed_off(account):
    """After looks that found nothing, only a recovery, an old model or a person looks again as soon as after others."""
    early = account.clock() < waits.slowed(account) and account.reason not in {*RECOVERS, "age", "manual"}
    return early and f"{account.reason} after {waits.rejections(account)} rejections"


def a_recovery_is_spaced(account):
    """A recovery looks every three days, and not more often."""
    early = account.reason == "recovery" and account.clock() < waits.spaced(account)
    return early and f"looked {waits.spaced(account) - account.clock()} too early"


def a_recovery_ends(account):
    """After 28 days or three rejections in a row it looks as rarely as for drift, and only while the alarm fires."""
    if account.reason != "recovery" or waits.recovering(account):
        return ""
    over = f"began on {waits.began(account)}, {waits.rejections(account)} rejections"
    return (not account.alarm("quality") or account.clock() < waits.slowed(account)) and over


def a_recovery_begins_with_a_new_alarm(account):
    """One alarm begins one recovery, and there is at most one in 28 days."""
    return account.reason == "quality" and not waits.alarm_is_new(account) and f"began on {waits.began(account)}"


def nothing_without_a_reason(account):
    """What asks for a retraining by its own account does: an alarm, the age of the last look, a clock or a person."""
    asking = {*waits.asking(account), account.wake.asked}
    return account.reason not in asking and f"started for {account.reason}, and what asks is {sorted(asking)}"


START = (
    within_the_budget,
    within_the_month,
    not_while_paused,
    not_from_broken_data,
    cool_down_and_back_off_kept,
    rejections_are_backed_off,
    a_recovery_is_spaced,
    a_recovery_ends,
    a_recovery_begins_with_a_new_alarm,
    nothing_without_a_reason,
)

# When the endpoint is asked to serve a version


def only_approved_is_deployed(account, version):
    """What is deployed is approved at that moment."""
    return account.approval(version) != "Approved" and f"version {version} is {account.approval(version)}"


def never_what_was_rolled_back(account, version):
    """A version that the endpoint went back from is never tried again, whatever anybody approves."""
    return version in account.condemned and f"version {version} had been rolled back"


def no_downgrade_by_itself(account, version):
    """An older version takes the place of a newer one only where a person rejected that one."""
    lower = version < account.live and account.approval(account.live) != "Rejected"
    return lower and f"version {version} in place of {account.live}, which is {account.approval(account.live)}"


def only_what_was_registered_is_deployed(account, version):
    """An artefact that is not the one that passed the gates is never deployed."""
    return version in account.forged and f"version {version} has another artefact"


def no_canary_into_an_alarm(account, version):
    """No deployment begins that a firing alarm would take back at once: it would condemn a good version."""
    firing = [name for name in worlds.ROLLBACK_ALARMS if account.alarms[name] == "ALARM"]
    return bool(account.live and firing) and f"version {version} began while {firing} fired"


DEPLOY = (
    only_approved_is_deployed,
    never_what_was_rolled_back,
    no_downgrade_by_itself,
    only_what_was_registered_is_deployed,
    no_canary_into_an_alarm,
)

# After each step


def one_in_flight(account):
    """At most one execution is in flight that the loop started."""
    ours = [each for each in account.in_flight if each["PipelineExecutionArn"] in account.ours]
    return len(ours) > 1 and f"{len(ours)} executions of the loop are in flight"


def what_serves_exists(account):
    """The configuration, model and artefact of what serves, and of what is under way, exist."""
    pending = account.endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    names = [account.endpoint["EndpointConfigName"], *([pending] if pending else [])]
    return ", ".join(filter(None, (missing(account, name) for name in names)))


def rollback_targets_exist(account):
    """What the endpoint served before the loop's last deployment exists: one must be able to go back to it."""
    last = account.packages.get(number_of_last(account))
    marks = last["CustomerMetadataProperties"] if last else {}
    kept = marks.get("deploy") == "live" or marks.get("deploy", "").startswith("started:")
    return kept and missing(account, marks["deploy_previous"])


def only_what_went_back_is_condemned(account):
    """No version is rejected as rolled back that the endpoint never went back from."""
    marked = {number for number in account.packages if account.marks(number) == "rolled_back"}
    wrong = marked - account.condemned - account.disputed
    return bool(wrong) and f"versions {sorted(wrong)} never went back"


STEP = (one_in_flight, what_serves_exists, rollback_targets_exist, only_what_went_back_is_condemned)

# After each wake-up


def recorded_once_or_said_to_be_lost(account):
    """A wake-up that returned left one record; another left at most one, and said that it failed if it could."""
    wake, count = account.wake, len(account.wake.records)
    if wake.ended == "returned":
        return count != 1 and f"{wake.request_id} returned with {count} records"
    silent = wake.ended == "failed" and not wake.errors
    return (count > 1 or silent) and f"{wake.request_id} {wake.ended} with {count} records and {wake.errors}"


def the_record_says_what_began(account):
    """Where a retraining began, the record says so or what the service answered instead."""
    wake = account.wake
    if wake.to != "controller" or not wake.records or not wake.started:
        return ""
    return not (wake.records[0]["start"] or wake.records[0]["outcome"]) and "a retraining began unrecorded"


def the_stated_reason_is_true(account):
    """A controller that does not retrain says what is in the way, and that is so: nothing is ever just stuck."""
    wake = account.wake
    if wake.to != "controller" or wake.ended != "returned" or wake.started:
        return ""
    return not reason_holds(account, wake.told) and f"said {wake.told['reason']}: {wake.told['explanation']}"


def looked_within_the_age(account):
    """Where the last look is older than `max_age_days`, only a limit or failures may be in the way of the next."""
    wake = account.wake
    if wake.to != "controller" or wake.ended != "returned" or account.clock() < waits.aged(account):
        return ""
    idle = wake.told["reason"] in {
        "no-reason",
        "settling",
        "cool-down",
        "back-off",
    } and account.clock() >= waits.steady(account)
    return idle and f"looked on {waits.looked(account)}, and said {wake.told['reason']}"


WAKE = (
    recorded_once_or_said_to_be_lost,
    the_record_says_what_began,
    the_stated_reason_is_true,
    looked_within_the_age,
)

# In the end, when faults have stopped and people have answered their pages


def the_newest_good_version_serves(account):
    """The newest version serves that is approved and never went back."""
    number = best(account)
    return bool(number) and number != account.live and f"version {account.live} serves, and {number} should"


def drift_is_answered(account):
    """Drift that goes on has started a retraining by the first tick at which one may start."""
    return not account.in_flight and "no retraining is in flight"


# What they are made of


def best(account):
    """Return the version that should serve, or 0."""
    fit = [number for number in account.packages if account.approval(number) == "Approved"]
    return max((number for number in fit if account.marks(number) != "rolled_back"), default=0)


def missing(account, config):
    """Return what of a configuration does not exist, or nothing."""
    if config not in account.configs:
        return f"configuration {config}"
    model = account.configs[config]["ProductionVariants"][0]["ModelName"]
    if model not in account.models:
        return f"model {model} of {config}"
    place = account.models[model]["PrimaryContainer"].get("ModelDataUrl", "").removeprefix("s3://")
    return f"artefact {place}" if place and place not in account.objects else ""


def number_of_last(account):
    """Return the version that the loop asked for last, or 0."""
    return worlds.number_of(account.deployments[-1]["EndpointConfigName"]) if account.deployments else 0


def started_in_month(account):
    """Return how many executions started in the month that the functions' clock shows."""
    now = account.clock()
    starts = [each["StartTime"] for each in account.visible()]
    return sum((each.year, each.month) == (now.year, now.month) for each in starts)


def reason_holds(account, told):
    """Tell whether a reason for not retraining is so."""
    if told["start"]:
        # The service knew the token: an earlier attempt started it, and the listing does not show it yet.
        return told["outcome"] in account.ours
    asking = waits.asking(account)
    # What an event itself asks waits like drift; a person does not wait.
    asking |= {"schedule": waits.slowed(account)} if account.wake.asked == "schedule" else {}
    waiting = bool(asking) and min(asking.values()) > account.clock() and account.wake.asked != "manual"
    holds = {
        "paused": account.parameter == "true",
        "unreadable": bool(account.wake.met),
        "in-flight": bool(account.in_flight),
        "broken-data": account.alarm("data"),
        "budget": bool(within_the_budget(account)),
        "month-full": bool(within_the_month(account)),
        "settling": waiting and account.alarm("drift") and min(asking.values()) == waits.settled(account),
        "cool-down": waiting and not waits.in_vain(account),
        "back-off": waiting and bool(waits.in_vain(account)),
        "no-reason": not asking and account.wake.asked != "manual",
    }
    # Any other reason is one to retrain, and then the service refused the start.
    return holds.get(told["reason"], bool(told["outcome"]))
