"""What may happen to an account, one small function each."""

from __future__ import annotations

from datetime import timedelta

import invariants
import worlds

TICK = {"source": "aws.scheduler"}


def happen(loop, account, step):
    """Let one step happen: things that cannot happen now do not."""
    act, _ = STEPS[step.name]
    act(loop, account, step.number)


# Waking


def tick(loop, account, _number):
    """The hourly schedule wakes both."""
    account.later(hours=1)
    for to in ("controller", "deployer"):
        loop.wake(account, worlds.Event(to, TICK))


def deliver(loop, account, number):
    """Any event that is on its way arrives: the oldest or not, which makes it late and out of order."""
    if account.events:
        loop.wake(account, account.events.pop(number % len(account.events)))


def doubled(loop, account, number):
    """An event arrives, and will arrive again."""
    if account.events:
        loop.wake(account, account.events[number % len(account.events)])


def drop(_loop, account, number):
    """An event never arrives."""
    if account.events:
        account.events.pop(number % len(account.events))


def ask(loop, account, number):
    """A person asks for a retraining, or the contract's clock does."""
    loop.wake(account, worlds.Event("controller", {"reason": ("manual", "schedule")[number % 2]}))


# Faults


def fault(_loop, account, number):
    """One of the next calls meets a fault: any, or the next of one kind, because some are rare."""
    number, kind = divmod(number, len(worlds.FAULTS))
    number, aimed = divmod(number, 2)
    aim, nth = (worlds.AIMS[number % len(worlds.AIMS)], 1) if aimed else ("", number % 40 + 1)
    account.faults.append(worlds.Fault(worlds.FAULTS[kind], nth, aim))


def lag(_loop, account, number):
    """The listing of executions begins to lag behind by some minutes, or is put right."""
    account.lag = timedelta(minutes=number % 10)


def skew(_loop, account, number):
    """The functions' clock steps back by up to an hour, or is put right."""
    account.skew = -timedelta(minutes=number % 61) if number % 3 else timedelta()


# Time


def minutes(_loop, account, number):
    account.later(minutes=number % 60)


def hours(_loop, account, number):
    account.later(hours=number % 30)


def days(_loop, account, number):
    account.later(days=number % 9)


# The pipeline


def pipeline_ends(_loop, account, number):
    """An execution ends: well, with a package that is approved or not yet or with none, or badly."""
    if account.in_flight:
        ending = ("Better", "Rejected", "Rejected", "Succeeded", "Failed", "Failed", "Stopped")[number % 7]
        end_execution(account, account.in_flight[0], ending)
        if ending in {"Better", "Succeeded"}:
            register(account, number // 7)


def end_execution(account, execution, ending):
    """End an execution; `Better` and `Rejected` leave what their probe found, and `Succeeded` does not."""
    status = "Succeeded" if ending in {"Better", "Rejected"} else ending
    execution["PipelineExecutionStatus"] = status
    if ending in {"Better", "Rejected"}:
        account.probed(execution["PipelineExecutionArn"], go=ending == "Better")
    if ending == "Rejected":
        account.rejected.add(execution["PipelineExecutionArn"])
    account.emit("controller", source="aws.sagemaker", status=status)


def look(loop, account, number):
    """Days go by, and what starts then ends: what else would take a schedule many steps."""
    number, span = divmod(number, 9)
    days(loop, account, span)
    tick(loop, account, number)
    pipeline_ends(loop, account, number)


def package_appears(_loop, account, number):
    """Somebody registers a package without the pipeline."""
    register(account, number)


def register(account, number):
    """Add a package: mostly approved, sometimes pending, and rarely with an artefact that was changed since."""
    version = max(account.packages, default=0) + 1
    account.package(version, ("Approved", "Approved", "PendingManualApproval")[number % 3])
    content = b"something else" if number % 10 == 0 else b"model %d" % version
    account.store(f"artifacts/models/{version}/model.tar.gz", content, checksum=number % 7 > 0)
    account.forged |= {version} if number % 10 == 0 else set()
    account.emit("deployer", source="aws.sagemaker", version=version, approval=account.approval(version))


def person_decides(_loop, account, number):
    """A person approves, rejects or sets back one of the newest packages."""
    if account.packages:
        version = max(max(account.packages) - number % 4, 1)
        status = ("Approved", "Approved", "Rejected", "PendingManualApproval")[number // 4 % 4]
        account.packages[version]["ModelApprovalStatus"] = status
        account.emit("deployer", source="aws.sagemaker", version=version, approval=status)


def person_starts(_loop, account, _number):
    """A person starts the pipeline past the controller."""
    account.execution("Executing")


def person_stops(_loop, account, _number):
    if account.in_flight:
        account.in_flight[0]["PipelineExecutionStatus"] = "Stopping"


# The endpoint


def update_ends(_loop, account, number):
    """An update that is under way ends well, goes back by itself, or breaks the endpoint."""
    ending = ("well", "well", "back", "going back", "broken")[number % 5]
    if ending == "well" and account.endpoint["EndpointStatus"] == "Updating":
        settle_endpoint(account, account.endpoint["PendingDeploymentSummary"]["EndpointConfigName"])
    elif account.moving:
        account.condemned.add(account.under_way)
        go_back(account, ending)


def go_back(account, ending):
    """Let an update fail: the endpoint serves what it served before, at once or later, or is broken."""
    if ending == "going back":
        account.endpoint["EndpointStatus"] = "RollingBack"
        return
    settle_endpoint(account, account.endpoint["EndpointConfigName"])
    if ending == "broken":
        account.endpoint["EndpointStatus"] = "UpdateRollbackFailed"


def settle_endpoint(account, config):
    """Let the endpoint serve a configuration, and say so."""
    account.later(minutes=10)
    account.endpoint.pop("PendingDeploymentSummary", None)
    account.endpoint |= {"EndpointStatus": "InService", "EndpointConfigName": config, "LastModifiedTime": account.now}
    account.emit("deployer", source="aws.sagemaker", endpoint="InService")


def canary(loop, account, number):
    """A version is approved, deployed, and stays or goes back: what else would take a schedule many steps."""
    package_appears(loop, account, number - number % 30 + 1)
    deliver(loop, account, len(account.events) - 1)
    update_ends(loop, account, number % 3)
    tick(loop, account, number)


def person_changes_endpoint(_loop, account, number):
    """A person scales the endpoint, or has it serve something older, by our configuration or by one of their own."""
    names = list(account.configs)
    config = account.endpoint["EndpointConfigName"] if number % 2 else names[number % len(names)]
    if account.endpoint["EndpointStatus"] != "InService" or invariants.missing(account, config):
        return
    dispute(account)
    if number % 3 == 0:
        own = f"churn-dev-by-hand-{number}"
        account.configs[own] = account.configs[config] | {"EndpointConfigName": own}
        config = own
    settle_endpoint(account, config)


def mend_endpoint(_loop, account, _number):
    """A person makes a broken endpoint anew, as it was before the first model."""
    if account.endpoint["EndpointStatus"] == "UpdateRollbackFailed":
        dispute(account)
        account.later(minutes=10)
        account.serve()


def dispute(account):
    """Note what had been asked for and not yet settled when a person changed the endpoint."""
    account.disputed |= {number for number in account.packages if (account.marks(number) or "").startswith("started:")}


# Alarms, money, the switch


def drift(_loop, account, number):
    """The drift alarm fires or stops; it is an event only where it changes."""
    turn(account, worlds.ALARMS["drift"], firing=number % 3 > 0)


def quality(_loop, account, number):
    """The quality alarm fires or stops."""
    turn(account, worlds.ALARMS["quality"], firing=number % 2 > 0)


def other_alarm(_loop, account, number):
    names = [worlds.ALARMS["data"], *worlds.ROLLBACK_ALARMS]
    turn(account, names[number % len(names)], firing=number // 4 % 2 > 0)


def turn(account, name, *, firing):
    """Let an alarm fire or stop."""
    state = "ALARM" if firing else "OK"
    if account.alarms[name] != state:
        account.alarms[name] = state
        account.turned[name] = account.now
        account.emit("controller", source="aws.cloudwatch", alarm=name, state=state)


def spend(_loop, account, number):
    account.budget = {"Amount": str((12, 250, 300, 410)[number % 4])}


def switch(_loop, account, number):
    """A person pauses the loop or lets it go on."""
    account.parameter = "true" if number % 3 == 0 else "false"


STEPS = {
    "tick": (tick, 8),
    "deliver": (deliver, 6),
    "doubled": (doubled, 3),
    "drop": (drop, 3),
    "ask": (ask, 1),
    "fault": (fault, 8),
    "lag": (lag, 1),
    "skew": (skew, 1),
    "minutes": (minutes, 2),
    "hours": (hours, 4),
    "days": (days, 2),
    "pipeline ends": (pipeline_ends, 5),
    "look": (look, 1),
    "package appears": (package_appears, 3),
    "person decides": (person_decides, 4),
    "person starts": (person_starts, 1),
    "person stops": (person_stops, 1),
    "update ends": (update_ends, 5),
    "canary": (canary, 3),
    "person changes endpoint": (person_changes_endpoint, 1),
    "mend endpoint": (mend_endpoint, 2),
    "drift": (drift, 4),
    "quality": (quality, 2),
    "other alarm": (other_alarm, 2),
    "spend": (spend, 1),
    "switch": (switch, 1),
}
