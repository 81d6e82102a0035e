"""One rehearsal: a stack, a simulated clock, the project's own parts, and what happened."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from loopwright.execution.objects import Objects
from loopwright.programs import Programs
from loopwright.rehearsal.applied import apply
from loopwright.rehearsal.aws.clock import Clock
from loopwright.rehearsal.aws.rights import Rights
from loopwright.rehearsal.bill import Bill
from loopwright.rehearsal.chronicle import CONTRACT, Chronicle, Happening
from loopwright.rehearsal.cloud import Cloud, Outside
from loopwright.rehearsal.containers import Containers
from loopwright.rehearsal.hooks import Hooks
from loopwright.rehearsal.pipelines import Pipelines
from loopwright.rehearsal.places import Places
from loopwright.rehearsal.project.environment import PROGRAMS, Environment
from loopwright.rehearsal.project.handlers import Handlers
from loopwright.rehearsal.traffic import Habits, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loopwright.rehearsal.aws.executions import Execution
    from loopwright.rehearsal.aws.retrying import Event
    from loopwright.rehearsal.pipelines import Run
    from loopwright.rehearsal.record.chain import Record
    from loopwright.rehearsal.stretch import Stretch
    from loopwright.wiring.stack import Stack

__all__ = ["LEAD", "Asked", "Rehearsal"]

LEAD = timedelta(days=1)
"""The stack is made so long before the first request: its first model is trained and rolled out meanwhile."""
ROWS = 1000
"""At most so many rows in a request."""
LOAD = 2
"""Requests a minute while a version is rolled out, as a multiple of the fewest that an alarm looks at."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is rehearsed."""

    project: Path
    python: Path
    data: Path | None = None
    begins: str | None = None
    """ISO 8601."""
    ends: str | None = None
    step: timedelta = timedelta(days=1)
    days: float | None = None
    """At most so many days, where no end is named."""
    seed: int = 7
    hooks: Hooks = field(default_factory=Hooks)


class Rehearsal:
    """A rehearsal, from the making of the stack to its end.

    Args:
        asked: What is rehearsed.
        stack: The stack.
        room: A folder for everything that is made; its path has to be short.
        record: Takes what is decided.
        tell: Is told of the progress.
    """

    def __init__(self, asked: Asked, stack: Stack, room: Path, record: Record, tell: Callable[[str], None]) -> None:
        self.asked, self.stack, self.room, self._tell = asked, stack, room, tell
        self.arrange: Callable[[Rehearsal], None] = lambda _: None
        """May plan what breaks, when everything is made and nothing has happened yet."""
        self.opening: dict[str, Any] = {}
        """What the record says of the project; the data is added."""
        self.places = Places.of(stack)
        self.objects = Objects(room / "s3")
        self._record, self._programs = record, Programs(folder=asked.project, python=asked.python)
        self.chronicle = Chronicle(record, self.places, stack.contract)
        self._environment = Environment(asked.project, asked.python, room, self._answer)
        self._rights = Rights(stack)
        self._wakes: dict[str, list[datetime]] = {}

    def run(self) -> None:
        """Rehearse.

        Raises:
            LoopwrightError: The data or the project cannot be rehearsed, or it does what nobody emulates.
        """
        with self._environment:
            self._tell("cutting the history")
            self.cut = self._cut()
            self._make()
            self.traffic.history()
            self.arrange(self)
            for number, step in enumerate(self.cut["steps"]):
                self._step(number, _utc(step["from"]), _utc(step["to"]))
            self.quality = self._judged()

    def pages(self) -> list[Happening]:
        """Return what people were told, the oldest first; that an alarm is over again is left out."""
        notices = [each for each in self.cloud.topics.notices if not each.subject.startswith("OK: ")]
        return [Happening(at=each.sent, who="alarm", kind="page", what=each.subject) for each in notices]

    def changes(self, role: str) -> list[tuple[datetime, str]]:
        """Return when the alarm with a role changed to which state."""
        name = f"{self.stack.graph.project}-{self.stack.graph.stack}-{role}"
        return self.chronicle.alarms.get(name, [])

    def states(self, role: str, stretch: Stretch) -> set[str]:
        """Return the states that an alarm had in a stretch of time."""
        changes = self.changes(role)
        before = [value for at, value in changes if at < stretch.begins]
        return {*before[-1:], *(value for at, value in changes if stretch.holds(at))}

    def wakes(self, component: str) -> list[datetime]:
        """Return when a function came to a decision."""
        return self._wakes.get(component, [])

    def labelled(self) -> int:
        """Return how many answers have a label at the end."""
        return sum(each["rows"] for each in self.quality["periods"]) if self.quality else 0

    def _cut(self) -> dict[str, Any]:
        asked, folder = self.asked, self.room / "cut"
        folder.mkdir()
        request = {
            "data": str(asked.data.absolute()) if asked.data else None,
            "from": asked.begins,
            "to": asked.ends,
            "hours": asked.step / timedelta(hours=1),
            "days": asked.days,
            "rows": ROWS,
        }
        found: dict[str, Any] = self._program("rehearsed_rows", [str(folder)], request)
        return found

    def _make(self) -> None:
        """Make the stack, put the data there, and let the schedules begin."""
        begins = _utc(self.cut["from"])
        self.begins, self.ends = begins, _utc(self.cut["to"])
        clock = Clock(begins - LEAD)
        self._record.append("opened", clock.now, **self.opening, data_sha256=self.cut["sha256"])
        self.bill = Bill(self.stack.graph, clock.now)
        outside = Outside(
            run=self._run,
            begin=self._begin,
            healthy=self._healthy,
            spent=lambda: self.bill.spent(clock.now),
            told=self._told,
            changed=self.chronicle.changed,
        )
        for node in self.stack.of("bucket"):
            self.objects.path(f"s3://{self.stack.name(node)}").mkdir(parents=True)
        cloud = Cloud(self.stack, clock, self.room / "s3", outside, seed=self.asked.seed)
        self.cloud = self.chronicle.cloud = cloud
        self.handlers = Handlers(self.stack, self._environment, clock, write=self._log, returned=self._returned)
        self.containers = Containers(self._environment, cloud.hosting, self.objects)
        self.pipelines = Pipelines(
            cloud,
            self._environment,
            self.room,
            register=self._registered,
            ended=self._ended,
            alter=self._altered,
        )
        habits = Habits(
            room=self.room / "cut",
            seed=self.asked.seed,
            load=LOAD * int(self.stack.agreed("rollout", "rollback", "min_requests") or 1),
            delay=timedelta(days=self.cut["delay_days"]),
            hooks=self.asked.hooks,
        )
        self.traffic = Traffic(cloud, self.containers, self.objects, self.places, habits)
        apply(cloud)
        self._data()
        self._schedules = cloud.start()

    def _data(self) -> None:
        data = self.objects.path(self.places.data)
        data.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.room / "cut/history.parquet", data / "history.parquet")
        golden = self.asked.project / "data" / "golden.parquet"
        if golden.is_file():
            shutil.copyfile(golden, data / golden.name)

    def _step(self, number: int, begins: datetime, ends: datetime) -> None:
        clock = self.cloud.clock
        clock.run(begins)
        self._tell(f"{begins:%Y-%m-%d}: {self._standing()}")
        self.traffic.plan(number, ends)
        clock.run(ends)
        self.containers.keep(set(self.cloud.endpoints.share(self.places.endpoint, clock.now)))

    def _standing(self) -> str:
        live = [each for each in self.chronicle.rollouts if each.outcome == "live"]
        serves = f"version {live[-1].version} serves" if live else "no version serves yet"
        spent = self.bill.spent(self.cloud.clock.now)
        return f"{serves}, {len(self.chronicle.retrainings)} retrainings, {spent:.0f} USD this month"

    def _answer(self, role: str, service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of the project's: refused by a fault, by the role's rights, or by the service itself."""
        node = self.stack.at(role, "role")
        error = self.asked.hooks.refused(service, name)
        if error is None and node is not None:
            error = self._rights.check(node, service, name, request)
        if error is not None:
            raise error
        try:
            answer: dict[str, Any] = getattr(self.cloud.clients[service], name)(**request)
        except ClientError as failed:
            if node is not None and service == "s3":
                raise self._rights.missing(node, failed, request) from failed
            raise
        return answer

    def _run(self, name: str, event: Event) -> timedelta:
        with self.chronicle.acting(f"the {self._component(name)}"):
            return self.handlers.run(name, event)

    def _component(self, name: str) -> str:
        node = self.stack.named("function")[name]
        return next((word for word, each in self.stack.functions.items() if each is node), name)

    def _returned(self, name: str, _event: Event, document: dict[str, Any]) -> None:
        self._wakes.setdefault(self._component(name), []).append(self.cloud.clock.now)
        self.chronicle.decided(self._component(name), document)

    def _log(self, group: str, line: str) -> None:
        self.cloud.filters.write(group, line, self.cloud.clock.now)

    def _begin(self, execution: Execution) -> None:
        self.pipelines.begin(execution)

    def _registered(self, package: dict[str, Any]) -> str:
        """Register what the pipeline does: by the contract alone, whatever approval that says."""
        with self.chronicle.acting(CONTRACT):
            return str(self.cloud.registry.create_model_package(**package)["ModelPackageArn"])

    def _healthy(self, config: str) -> bool:
        return self.containers.healthy(config)

    def _altered(self, name: str, definition: dict[str, Any]) -> None:
        self.asked.hooks.definition(name, definition)

    def _told(self, event: Event) -> None:
        self.chronicle.told(event)
        if (
            event["detail-type"] == "SageMaker Endpoint State Change"
            and event["detail"]["EndpointStatus"] == "UPDATING"
        ):
            self.traffic.roll()

    def _ended(self, run: Run) -> None:
        training = run.execution.pipeline == self.places.training
        for instance, length in run.jobs:
            self.bill.used(self.cloud.clock.now, "training" if training else "monitor", instance, length)
        if training:
            self.chronicle.ended(run)

    def _judged(self) -> Any:
        served = [each.version for each in self.chronicle.rollouts if each.outcome == "live"]
        artefacts = [self.chronicle.versions[each].artefact for each in dict.fromkeys(served) if each]
        steps = self.cut["steps"]
        request = {
            "labelled": str(self.objects.path(self.places.labelled)),
            "models": [str(self.objects.path(each)) for each in artefacts],
            "edges": [step["from"] for step in steps] + [steps[-1]["to"]],
        }
        return self._program("rehearsed_quality", [], request)

    def _program(self, name: str, words: Sequence[str], request: dict[str, Any]) -> Any:
        """Run a program of ours in the project's environment, and return what it prints."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin:
            json.dump(request, stdin)
            stdin.seek(0)
            with self._programs.started(str(PROGRAMS / "start.py"), name, *words, stdin=stdin) as lines:
                told = "".join(lines)
        return json.loads(told)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
