"""An account with SageMaker alone, for the tests of its emulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.endpoint import World
from loopwright.rehearsal.aws.endpoints import Endpoints
from loopwright.rehearsal.aws.hosting import Hosting
from loopwright.rehearsal.aws.source import Source

ACCOUNT, REGION = "123456789012", "eu-central-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
START = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
PROVISIONING, TERMINATING, ROLLING_BACK = timedelta(minutes=6), timedelta(minutes=2), timedelta(minutes=4)
NAME = "churn-dev"
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}


def minutes(number):
    return timedelta(minutes=number)


@dataclass
class Account:
    """The emulated parts on one clock, and what was told."""

    events: list = field(default_factory=list)
    alarms: dict = field(default_factory=dict)
    sick: set = field(default_factory=set)

    def __post_init__(self):
        self.clock = Clock(START)
        self.source = Source(self.clock, account=ACCOUNT, region=REGION, emit=self.events.append)
        self.hosting = Hosting(self.source)
        self.world = World(
            provisioning=PROVISIONING,
            terminating=TERMINATING,
            rolling_back=ROLLING_BACK,
            healthy=lambda config: config not in self.sick,
            alarm=lambda name: self.alarms.get(name, "MISSING"),
        )
        self.endpoints = Endpoints(self.source, self.hosting, self.world)

    def later(self, span):
        self.clock.run(self.clock.now + span)

    def set(self, name, state, after):
        """Let an alarm change its state some time from now."""
        self.clock.after(after, lambda: self.alarms.__setitem__(name, state))

    def config(self, name, variant=None, **more):
        """Make a configuration and its model."""
        shape = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2} if variant is None else variant
        self.hosting.create_model(ModelName=name, PrimaryContainer={"Image": "x"}, ExecutionRoleArn=ROLE)
        self.hosting.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "main", "ModelName": name, **shape}],
            **more,
        )

    def serving(self, *configs, **given):
        """Make configurations, and an endpoint that serves the first of them."""
        for name in configs:
            self.config(name, **given)
        self.endpoints.create_endpoint(EndpointName=NAME, EndpointConfigName=configs[0])
        self.later(PROVISIONING)
        assert self.status == "InService"
        self.events.clear()

    def update(self, config, deployment=None, **more):
        asked = {} if deployment is None else {"DeploymentConfig": deployment}
        self.endpoints.update_endpoint(EndpointName=NAME, EndpointConfigName=config, **asked, **more)

    @property
    def endpoint(self):
        return self.endpoints.describe_endpoint(EndpointName=NAME)

    @property
    def status(self):
        return self.endpoint["EndpointStatus"]

    def share(self, after=None):
        return self.endpoints.share(NAME, self.clock.now if after is None else START + after)

    def told(self, kind):
        """Return the events of a kind."""
        return [each for each in self.events if each["detail-type"] == f"SageMaker {kind}"]


ROLE = f"arn:aws:iam::{ACCOUNT}:role/serving"


def canary(percent=10, wait=600, last=300, limit=None, alarms=("errors",)):
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    return policy("CANARY", wait, last, limit, alarms, CanarySize=size)


def policy(kind, wait=0, last=0, limit=None, alarms=("errors",), **sizes):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    blue_green = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}
    if limit is not None:
        blue_green["MaximumExecutionTimeoutInSeconds"] = limit
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": blue_green, **watched}
