"""The pipelines of a stack, executed in the project's environment: each job a process, each package registered."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from loopwright.branches import placed
from loopwright.cost.assumptions import Assumptions
from loopwright.execution.execute import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from loopwright.execution.execute import Execution as Executed
    from loopwright.rehearsal.aws.executions import Execution
    from loopwright.rehearsal.cloud import Cloud
    from loopwright.rehearsal.project.environment import Environment

__all__ = ["MONITOR", "Pipelines", "Run"]

MONITOR = "monitor"
"""What a container is told that watches; on AWS its clock is AWS's."""
JOBS = ("Processing", "Training")
STEP = timedelta(minutes=Assumptions().step_minutes)
FAILED = ("AWS/Sagemaker/ModelBuildingPipeline", "ExecutionFailed")
""""Monitoring Amazon SageMaker AI with Amazon CloudWatch" (SageMaker Developer Guide)."""


@dataclass(kw_only=True)
class Run:
    """An execution, and what became of it."""

    execution: Execution
    executed: Executed | None = None
    """None until its jobs have run."""
    packages: list[str] = field(default_factory=list)
    """ARNs of what it registered."""
    jobs: list[tuple[str, timedelta]] = field(default_factory=list)
    """Instance types, and how long each was used."""


class Pipelines:
    """The runner of a stack's pipelines.

    What an execution reads is what there is when it starts. What it does is known at its end: a job is as long as the
    assumption of `loopwright preview` has it, because a laptop cannot tell how long it is on AWS.

    Args:
        cloud: The services.
        environment: Where the jobs run.
        root: A folder: `s3/` in it are the buckets.
        register: Registers a model package, and returns its ARN.
        ended: Takes each execution that is over.
        alter: May change a definition before it is executed, as a fault does.
    """

    def __init__(
        self,
        cloud: Cloud,
        environment: Environment,
        root: Path,
        *,
        register: Callable[[dict[str, Any]], str],
        ended: Callable[[Run], None],
        alter: Callable[[str, dict[str, Any]], None] = lambda *_: None,
    ) -> None:
        self._cloud, self._environment, self._root = cloud, environment, root
        self._register, self._ended, self._alter = register, ended, alter
        self._caches: dict[str, Any] = {}
        self.runs: list[Run] = []

    def begin(self, execution: Execution) -> None:
        """Begin an execution; see ``aws.executions.Executions``."""
        run = Run(execution=execution)
        self.runs.append(run)
        definition = deepcopy(self._cloud.stack.definitions[execution.pipeline][1])
        self._alter(execution.pipeline, definition)
        if _watches(definition):
            # It asks AWS, and publishes: at the time when its container runs.
            self._cloud.clock.after(STEP, partial(self._watch, run, definition))
        else:
            self._execute(run, definition)
            self._cloud.clock.after(STEP * max(1, len(run.jobs)), partial(self._end, run))

    def _watch(self, run: Run, definition: dict[str, Any]) -> None:
        now = self._cloud.clock.now.isoformat()
        for step in definition["Steps"]:
            step["Arguments"]["AppSpecification"]["ContainerArguments"] += ["--now", now]
        self._execute(run, definition)
        self._end(run)

    def _execute(self, run: Run, definition: dict[str, Any]) -> None:
        execution = run.execution
        run.executed = execute(
            definition,
            parameters=execution.parameters,
            command=[*self._environment.command, "-m", "ml", "job"],
            root=self._root,
            name=execution.arn.rpartition("/")[2],
            arn=execution.arn,
            cache=self._caches.setdefault(execution.pipeline, {}),
            environment=self._environment.variables(str(_role(definition))),
            program=self._environment.project,
        )
        self._environment.answering.check()
        run.jobs = list(_jobs(definition, run.executed))

    def _end(self, run: Run) -> None:
        executed, execution = run.executed, run.execution
        assert executed  # noqa: S101 - it was executed before
        if not execution.over and execution.status != "Stopping":
            run.packages = [self._register(package) for package in executed.packages]
        if executed.status == "Failed":
            namespace, name = FAILED
            dimensions = {"PipelineName": execution.pipeline}
            self._cloud.metrics.put(namespace, name, dimensions, 1.0, self._cloud.clock.now, unit="Count")
        self._cloud.executions.end(execution.arn, executed.status, executed.reason or None)
        self._ended(run)


def _watches(definition: Mapping[str, Any]) -> bool:
    told = (
        step["Arguments"].get("AppSpecification", {}).get("ContainerArguments", [""]) for step in definition["Steps"]
    )
    return all(words[:1] == [MONITOR] for words in told)


def _role(definition: Mapping[str, Any]) -> str | None:
    """Return the role of the first job: it is the role of all that ask AWS."""
    roles = (each.step["Arguments"].get("RoleArn") for each in placed(definition["Steps"]) if each.step["Type"] in JOBS)
    return next(roles, None)


def _jobs(definition: Mapping[str, Any], executed: Executed) -> Iterator[tuple[str, timedelta]]:
    """Yield the instance type of each job that ran."""
    steps = {each.step["Name"]: each.step["Arguments"] for each in placed(definition["Steps"])}
    for outcome in executed.outcomes:
        if outcome.kind in JOBS and outcome.status != "Cached":
            arguments = steps[outcome.name]
            cluster = arguments.get("ResourceConfig") or arguments["ProcessingResources"]["ClusterConfig"]
            for _ in range(int(cluster.get("InstanceCount", 1))):
                yield str(cluster["InstanceType"]), STEP
