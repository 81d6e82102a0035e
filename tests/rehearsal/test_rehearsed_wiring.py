"""The shipped stack on the emulated AWS: its own rules, schedules and permissions let the loop's events through."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from smallstack import DAY, HOUR, START

import stacks
from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.events import Bus
from loopwright.rehearsal.aws.lambdas import FunctionError, Functions
from loopwright.rehearsal.aws.queues import Queues
from loopwright.rehearsal.aws.retrying import DeliveryError
from loopwright.rehearsal.aws.scheduler import Schedules
from loopwright.wiring.samples import samples
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack

pytestmark = stacks.needs_pulumi


@pytest.fixture(scope="module")
def shipped():
    return Stack(stacks.graph("dev"), Sources(stacks.shared()))


class World:
    def __init__(self, stack, *, fails=False):
        self.stack, self.clock, self.fails = stack, Clock(START), fails
        self.queues, self.woken, self.started = Queues(stack, self.clock), Counter(), []
        self.functions = Functions(stack, self.clock, self.queues, self._run)
        self.bus = Bus(stack, self.clock, self.functions.invoke, self.queues)

    def _run(self, name, _event):
        self.woken[name] += 1
        if self.fails:
            raise FunctionError("boom")
        return timedelta(seconds=1)

    def deliver(self, arn, event):
        if ":pipeline/" in arn:
            self.started.append(event["PipelineName"])
        else:
            self.functions.invoke(arn, event)

    @property
    def dead(self):
        return [each for queue in self.stack.of("queue") for each in self.queues.messages(queue)]


def test_every_sample_of_an_event_wakes_whom_it_must(shipped):
    names = {word: shipped.name(node) for word, node in shipped.functions.items()}
    wakes = Counter()
    for sample in samples(shipped):
        world = World(shipped)
        world.bus.put(sample.event)
        world.clock.run(START + HOUR)
        expected = {names[sample.wakes]: 1} if sample.wakes else {}
        assert world.woken == expected, sample.told
        assert world.dead == []
        wakes[sample.wakes] += 1
    assert wakes["controller"] > 0
    assert wakes["deployer"] > 0


def test_a_day_of_the_schedules_ticks_both_handlers_and_starts_the_monitor(shipped):
    world = World(shipped)
    Schedules(shipped, world.clock, world.deliver, world.queues)
    world.clock.run(START + DAY)
    names = {word: shipped.name(node) for word, node in shipped.functions.items()}
    assert all(world.woken[name] >= 25 for name in names.values())
    assert set(world.started) == {name for name in shipped.named("pipeline") if name.endswith("monitor")}
    assert world.dead == []


def test_a_handler_that_always_fails_leaves_every_event_in_the_queue(shipped):
    world = World(shipped, fails=True)
    wanted = [sample for sample in samples(shipped) if sample.wakes]
    for sample in wanted:
        world.bus.put(sample.event)
    world.clock.run(START + DAY)
    assert len(world.dead) == len(wanted)
    assert sum(world.woken.values()) == 3 * len(wanted)


def test_a_pipeline_that_takes_no_call_leaves_a_dead_letter(shipped):
    world = World(shipped)

    def deliver(arn, event):
        if ":pipeline/" in arn:
            raise DeliveryError("ThrottlingException", "Rate exceeded")
        world.functions.invoke(arn, event)

    Schedules(shipped, world.clock, deliver, world.queues)
    world.clock.run(START + 2 * HOUR)
    assert [each.attributes["ERROR_CODE"] for each in world.dead] == ["ThrottlingException"]
