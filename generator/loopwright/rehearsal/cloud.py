"""The cloud: the emulated services of one stack, wired as its graph declares and not otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from loopwright.rehearsal.aws.alarms import Alarm
from loopwright.rehearsal.aws.budgets import Budgets
from loopwright.rehearsal.aws.changes import state_change
from loopwright.rehearsal.aws.client import Client
from loopwright.rehearsal.aws.cloudwatch import CloudWatch
from loopwright.rehearsal.aws.endpoint import World
from loopwright.rehearsal.aws.endpoints import Endpoints
from loopwright.rehearsal.aws.events import Bus
from loopwright.rehearsal.aws.executions import Executions
from loopwright.rehearsal.aws.hosting import Hosting
from loopwright.rehearsal.aws.lambdas import Functions
from loopwright.rehearsal.aws.logs import Filter, Filters
from loopwright.rehearsal.aws.metrics import Metrics
from loopwright.rehearsal.aws.parameters import Parameters
from loopwright.rehearsal.aws.queues import Queues
from loopwright.rehearsal.aws.registry import Registry
from loopwright.rehearsal.aws.retrying import DeliveryError
from loopwright.rehearsal.aws.scheduler import Schedules
from loopwright.rehearsal.aws.source import Source
from loopwright.rehearsal.aws.store import Store
from loopwright.rehearsal.aws.topics import Topics
from loopwright.wiring.stack import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopwright.rehearsal.aws.alarms import State
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.executions import Execution
    from loopwright.rehearsal.aws.retrying import Event
    from loopwright.wiring.stack import Stack

__all__ = ["Cloud", "Outside"]

PROVISIONING, TERMINATING = timedelta(minutes=5), timedelta(minutes=2)
ROLLING_BACK, STOPPING = timedelta(minutes=3), timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the emulated services ask of whoever runs them."""

    run: Callable[[str, Event], timedelta]
    """Runs a function, by its name, on an event; see ``aws.lambdas.Functions``."""
    begin: Callable[[Execution], None]
    """Begins an execution of a pipeline; see ``aws.executions.Executions``."""
    healthy: Callable[[str], bool]
    """Whether the containers of a configuration answer their health check."""
    spent: Callable[[], float]
    """What this month has cost so far, in USD."""
    told: Callable[[Event], None] = field(default=lambda _: None)
    """Sees each event that a service sends, before anything may happen to it."""
    changed: Callable[[Alarm, State, State], None] = field(default=lambda *_: None)
    """Sees each change of an alarm."""


class Cloud:
    """The services.

    Args:
        stack: The stack.
        clock: The simulated clock.
        root: The folder of the buckets.
        outside: What happens in the stack's own code, and who watches.
        seed: Fixes what AWS leaves to chance.

    Raises:
        UnknownError: The stack has something that is not emulated.
    """

    def __init__(self, stack: Stack, clock: Clock, root: Path, outside: Outside, *, seed: int = 0) -> None:
        self.stack, self.clock, self._outside = stack, clock, outside
        self.metrics = Metrics()
        self.filters = Filters((Filter.of(stack.inputs(node)) for node in stack.of("log-filter")), self.metrics)
        self.queues = Queues(stack, clock, self.metrics)
        self.bus = Bus(stack, clock, self._deliver, self.queues, seed=seed, metrics=self.metrics)
        self.store = Store(root, clock, account=ACCOUNT_ID, region=stack.region, notify=self._emit)
        self.topics = Topics(stack, clock)
        alarms = [Alarm.of(stack.inputs(node)) for node in stack.of("alarm")]
        self.cloudwatch = CloudWatch(clock, self.metrics, self.filters, alarms, changed=self._changed)
        source = Source(clock, account=ACCOUNT_ID, region=stack.region, emit=self._emit)
        self._sagemaker(source, outside)
        self.parameters = Parameters(stack, clock)
        self.budgets = Budgets(stack, clock, outside.spent, seed=seed)
        self.functions = Functions(stack, clock, self.queues, outside.run, self.metrics)
        self.clients = {
            "budgets": Client("budgets", self.budgets),
            "cloudwatch": Client("cloudwatch", self.cloudwatch),
            "s3": Client("s3", self.store),
            "sagemaker": Client("sagemaker", self.hosting, self.endpoints, self.registry, self.executions),
            "sns": Client("sns", self.topics),
            "ssm": Client("ssm", self.parameters),
        }

    def start(self) -> Schedules:
        """Begin the schedules, as the last of all that is made."""
        return Schedules(self.stack, self.clock, self._deliver, self.queues)

    def _sagemaker(self, source: Source, outside: Outside) -> None:
        world = World(
            provisioning=PROVISIONING,
            terminating=TERMINATING,
            rolling_back=ROLLING_BACK,
            healthy=outside.healthy,
            alarm=self.cloudwatch.state,
        )
        pipelines = {
            name: {each["Name"]: each.get("DefaultValue") for each in body.get("Parameters", ())}
            for name, (_, body) in self.stack.definitions.items()
        }
        self.hosting = Hosting(source)
        self.endpoints = Endpoints(source, self.hosting, world)
        self.registry = Registry(source)
        self.executions = Executions(source, pipelines, outside.begin, stopping=STOPPING)

    def _emit(self, event: Event) -> None:
        self._outside.told(event)
        self.bus.put(event)

    def _changed(self, alarm: Alarm, old: State, new: State) -> None:
        self._outside.changed(alarm, old, new)
        self._emit(state_change(alarm, old, new, account=ACCOUNT_ID, region=self.stack.region))
        self.topics.tell(alarm, old, new)

    def _deliver(self, arn: str, event: Event) -> None:
        node = self.stack.arns.get(arn)
        if node is not None and node in self.stack.of("pipeline"):
            self._start(arn, event)
        else:
            self.functions.invoke(arn, event)

    def _start(self, arn: str, event: Event) -> None:
        """Start a pipeline for Scheduler, which names each attempt anew."""
        token = hashlib.sha256(f"{arn} {self.clock.now.isoformat()}".encode()).hexdigest()
        request: dict[str, Any] = {"PipelineName": arn, "ClientRequestToken": token}
        if parameters := event.get("PipelineParameters"):
            request["PipelineParameters"] = parameters
        try:
            self.executions.start_pipeline_execution(**request)
        except ClientError as error:
            raise DeliveryError("ERROR_FROM_TARGET", str(error)) from error
