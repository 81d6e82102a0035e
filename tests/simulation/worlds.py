"""One account for both handlers, with faults in it and people, and with the truth that no handler can read."""
# ruff: noqa: N803 - the arguments have the services' own names

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import invariants
import waits
from botocore.exceptions import ReadTimeoutError
from fakes import World, refused
from strict_client import Client, Crash
from wakeups import CONTROLLER, DEPLOYER

# A month that fills and a model that ages within a schedule; everything else is as in the handlers' own tests.
POLICY = CONTROLLER["POLICY"] | {"max_per_month": 4, "max_age_days": 12}
VARIABLES = DEPLOYER | CONTROLLER | {"POLICY": POLICY}
ALARMS, ROLLBACK_ALARMS = CONTROLLER["ALARMS"], DEPLOYER["ROLLBACK_ALARMS"]
IN_FLIGHT, MOVING = ("Executing", "Stopping"), ("Updating", "RollingBack")

FAULTS = ("throttled", "outage", "lost", "timed out", "crash before", "crash after")
"""What a call may meet. An outage is a throttling that lasts for the rest of the wake-up; `lost` is a time-out of a
request that never arrived, `timed out` one of a request that did."""
SERVICES = ("budgets", "cloudwatch", "s3", "sagemaker", "sns", "ssm")
CALLS = [name.partition("_")[2] for name in sorted(vars(World)) if name.partition("_")[0] in SERVICES]
AIMS = [f"{to} {call}" for to in ("controller", "deployer") for call in CALLS]
"""All that a handler may call."""


@dataclass
class Fault:
    """What a call will meet: the n-th from here, of all calls or of those of one handler to one operation."""

    kind: str
    nth: int
    aim: str = ""


@dataclass(frozen=True)
class Event:
    """A message on its way to one of the two handlers."""

    to: str
    detail: dict[str, Any]
    retry_of: str = ""
    """The request that failed, if this is Lambda's second attempt."""


@dataclass
class Wake:
    """What one wake-up did, as seen from outside."""

    to: str
    request_id: str
    asked: str
    """The reason that the event itself gives, if any."""
    told: dict[str, Any] | None = None
    ended: str = ""
    """`returned`, `failed` with an error of a service, or `crashed`."""
    called: set[str] = field(default_factory=set)
    met: set[tuple[str, str]] = field(default_factory=set)
    """Which call met which fault."""
    records: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """The lines that it logged as errors."""
    started: bool = False
    """Whether an execution began that was not there before."""


@dataclass
class Account(World):
    """What is, who changes it, and which invariants it has seen broken."""

    strict: bool = False
    """Whether each request and answer is held against the services' own models: exact, and four times slower."""
    skew: timedelta = timedelta()
    """How far the functions' clock is from AWS's."""
    faults: list[Fault] = field(default_factory=list)
    """What is still to come."""
    outage: bool = False
    lag: timedelta = timedelta()
    """How long it takes now until the listing of executions shows a new one."""
    shown_from: dict[str, Any] = field(default_factory=dict)
    """When the listing begins to show an execution; once shown, it stays."""
    ours: set[str] = field(default_factory=set)
    """Executions that the loop started."""
    rejected: set[str] = field(default_factory=set)
    """Executions that ended well and without a model: their probe found none that is better."""
    reason: str = ""
    """Why the loop starts what it starts just now."""
    condemned: set[int] = field(default_factory=set)
    """Versions from which the endpoint went back, or with which it failed."""
    disputed: set[int] = field(default_factory=set)
    """Versions under way when a person changed the endpoint: it cannot be told any more what became of them."""
    forged: set[int] = field(default_factory=set)
    """Versions whose artefact is not the one that was registered."""
    events: list[Event] = field(default_factory=list)
    wake: Wake = field(default_factory=lambda: Wake("nobody", "", ""))
    wakes: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    """Invariants that did not hold, with what was seen the first time."""

    def __post_init__(self):
        self.alarms = dict.fromkeys([*ALARMS.values(), *ROLLBACK_ALARMS], "OK")
        self.clients: dict[str, Any] = {}
        self.serve()

    # What the handlers call

    def client(self, name):
        if name not in self.clients:
            self.clients[name] = Wire(self, name)
        return self.clients[name]

    def clock(self):
        return self.now + self.skew

    def heard(self, message, level="", **_facts):
        """Stand in for the log, which `tests/infra` reads line by line."""
        if level == "ERROR":
            self.wake.errors.append(message)

    def before(self, call):
        """Meet what a call meets on its way to the service; return what it meets on the way back."""
        here = f"{self.wake.to} {call}"
        self.wake.called.add(here)
        fault = "outage" if self.outage else self.armed(here)
        if not fault:
            return ""
        self.wake.met.add((here, fault))
        self.outage = fault == "outage"
        if fault in {"outage", "throttled"}:
            raise refused("ThrottlingException", "Rate exceeded")
        if fault == "crash before":
            raise Crash
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url="https://example.invalid")
        return fault

    def armed(self, here):
        """Count a call; return the fault whose turn has come, if one has."""
        for fault in self.faults:
            fault.nth -= fault.aim in {"", here}
        due = next((fault for fault in self.faults if fault.nth <= 0), None)
        if due:
            self.faults.remove(due)
        return due.kind if due else ""

    # What is different from the world of the handlers' own tests

    def visible(self):
        """Return the executions that a listing shows, the newest first."""
        shown = sorted(self.executions, key=lambda each: each["StartTime"], reverse=True)
        return [each for each in shown if self.shown_from[each["PipelineExecutionArn"]] <= self.now]

    def execution(self, status="Succeeded", reason="", **age):
        arn = super().execution(status, reason, **age)
        self.shown_from[arn] = self.now + self.lag
        return arn

    def sagemaker_list_pipeline_executions(self, **request):
        everything, self.executions = self.executions, self.visible()
        try:
            return super().sagemaker_list_pipeline_executions(**request)
        finally:
            self.executions = everything

    def sagemaker_start_pipeline_execution(self, ClientRequestToken, **request):
        known = ClientRequestToken in self.tokens
        self.reason = waits.reason_of(request)
        if not known:
            self.check(invariants.START)
        answer = super().sagemaker_start_pipeline_execution(ClientRequestToken, **request)
        if not known:
            self.ours.add(answer["PipelineExecutionArn"])
            self.wake.started = True
            self.emit("controller", source="aws.sagemaker", status="Executing")
        return answer

    def sagemaker_update_endpoint(self, EndpointName, EndpointConfigName, **request):
        if self.endpoint["EndpointStatus"] == "InService":
            self.check(invariants.DEPLOY, number_of(EndpointConfigName))
        self.emit("deployer", source="aws.sagemaker", endpoint="Updating")
        return super().sagemaker_update_endpoint(EndpointName, EndpointConfigName, **request)

    def s3_put_object(self, Bucket, Key, Body, **request):
        super().s3_put_object(Bucket, Key, Body, **request)
        if Key.endswith(".json"):
            self.wake.records.append(json.loads(Body))
        return {}

    # The truth

    def check(self, rules, *facts):
        """Note each rule that does not hold now."""
        for rule in rules:
            if rule.__name__ not in self.broken and (seen := rule(self, *facts)):
                self.broken[rule.__name__] = seen

    def emit(self, to, **detail):
        self.events.append(Event(to, detail))

    def approval(self, version):
        return self.packages[version]["ModelApprovalStatus"] if version in self.packages else "Gone"

    @property
    def in_flight(self):
        return [each for each in self.executions if each["PipelineExecutionStatus"] in IN_FLIGHT]

    @property
    def moving(self):
        return self.endpoint["EndpointStatus"] in MOVING

    @property
    def under_way(self):
        """The version that the endpoint is going to, or 0."""
        return number_of(self.endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""))

    @property
    def live(self):
        """The version that serves, or 0."""
        config = self.configs.get(self.endpoint["EndpointConfigName"])
        return number_of(config["ProductionVariants"][0]["ModelName"]) if config else 0

    def alarm(self, role):
        return self.alarms[ALARMS[role]] == "ALARM"


def number_of(name):
    """Return the version in the name of a model or configuration that the loop made, or 0."""
    head, found, tail = name.partition("-v")
    return int(tail.partition("-")[0]) if found and head == "churn-dev" else 0


class Wire:
    """A client of one service whose calls meet the account's faults."""

    def __init__(self, account, service):
        self.account, self.service = account, service

    def __getattr__(self, method):
        account = self.account
        effect = getattr(account, f"{self.service}_{method}")
        if account.strict:
            effect = getattr(Client(account, self.service), method)

        def call(**request):
            fault = account.before(method)
            answer = effect(**request)
            if fault == "timed out":
                raise ReadTimeoutError(endpoint_url="https://example.invalid")
            if fault == "crash after":
                raise Crash
            return answer

        setattr(self, method, call)
        return call
