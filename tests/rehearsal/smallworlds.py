"""Worlds around the small stack: a bus and functions whose other side lasts, and fails, as it is told to."""

from __future__ import annotations

from datetime import timedelta

from smallstack import DAY, FUNCTION, QUEUE, START, Told

from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.events import Bus
from loopwright.rehearsal.aws.lambdas import FunctionError, Functions
from loopwright.rehearsal.aws.queues import Queues
from loopwright.rehearsal.aws.retrying import DeliveryError


class BusWorld:
    """A bus whose target fails as long as it is told to."""

    def __init__(self, stack, *, code=None, seed=0, faults=None):
        self.clock, self.told, self.code = Clock(START), Told(), code
        self.queues = Queues(stack, self.clock)
        self.taken, self.times = [], []
        self.bus = Bus(stack, self.clock, self._take, self.queues, seed=seed, faults=faults, metrics=self.told)

    def _take(self, arn, event):
        self.times.append(self.clock.now)
        if self.code:
            raise DeliveryError(self.code, "no")
        self.taken.append((arn, event))

    @property
    def keys(self):
        return [event["detail"]["object"]["key"] for _, event in self.taken]

    @property
    def dead(self):
        queue = self.queues.at(QUEUE)
        return self.queues.messages(queue) if queue else ()


class LambdaWorld:
    """A function that lasts, and fails, as it is told to."""

    def __init__(self, stack, *, lasts=timedelta(0), fails=0):
        self.clock, self.told = Clock(START), Told()
        self.lasts, self.fails, self.runs = lasts, fails, []
        self.queues = Queues(stack, self.clock)
        self.functions = Functions(stack, self.clock, self.queues, self._run, self.told)

    def _run(self, name, event):
        self.runs.append((name, event, self.clock.now))
        if len(self.runs) <= self.fails:
            raise FunctionError("boom", self.lasts)
        return self.lasts

    @property
    def times(self):
        return [time - START for *_, time in self.runs]

    @property
    def dead(self):
        queue = self.queues.at(QUEUE)
        return self.queues.messages(queue) if queue else ()


def after(stack, *, run=DAY, events=1, **more):
    """Return the world of a function some time after it was asked for some events at once."""
    world = LambdaWorld(stack, **more)
    for number in range(events):
        world.functions.invoke(FUNCTION, {"number": number})
    world.clock.run(START + run)
    return world


def metrics(world, *names):
    """Return the sums of what was told of each of these metrics."""
    return [world.told.total(name) for name in names]
