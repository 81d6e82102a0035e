"""One execution of a pipeline: steps in their order, each job a process in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright.branches import ELSE, IF, placed
from loopwright.errors import LoopwrightError
from loopwright.execution import layout, processes
from loopwright.execution.objects import Objects
from loopwright.execution.order import needs
from loopwright.execution.values import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Cache", "Execution", "Outcome", "execute"]

COMPARISONS = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
CACHED_BY = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": ("AlgorithmSpecification", "Environment", "HyperParameters", "InputDataConfig"),
}
"""https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html: a step's answer is taken from an earlier
run when these are the same. What lies in a bucket is not among them, and neither is where the results go."""

Step = Mapping[str, Any]
Cache = dict[str, tuple[Any, dict[str, "Path"]]]
"""What steps were, and their property files, by what they are cached by."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one step ended."""

    name: str
    kind: str
    status: str
    """Succeeded, Failed or Cached."""
    reason: str = ""
    """Why it failed."""


@dataclass(kw_only=True)
class Execution:
    """What became of a pipeline."""

    outcomes: list[Outcome] = field(default_factory=list)
    packages: list[dict[str, Any]] = field(default_factory=list)
    """What was registered, as CreateModelPackage was asked for it."""
    scope: Scope

    @property
    def status(self) -> str:
        """Succeeded, or Failed as soon as one step did."""
        return "Failed" if any(outcome.status == "Failed" for outcome in self.outcomes) else "Succeeded"

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        return next((outcome.reason for outcome in self.outcomes if outcome.status == "Failed"), "")


def execute(  # noqa: PLR0913 - what a definition leaves open
    definition: Mapping[str, Any],
    *,
    parameters: Mapping[str, str],
    command: Sequence[str],
    root: Path,
    name: str,
    arn: str = "",
    cache: Cache | None = None,
    environment: Mapping[str, str] | None = None,
    program: Path | None = None,
) -> Execution:
    """Execute a definition.

    Args:
        definition: The parsed definition of a pipeline.
        parameters: Values for its parameters; the others have their defaults.
        command: What stands for the image's entry point; the container's arguments are appended.
        root: A folder: `s3/` in it are the buckets, `jobs/NAME/` the folders of this execution's jobs.
        name: The execution's id.
        arn: Its ARN; one of an account that nobody has, where it is not given.
        cache: Answers of earlier executions, and those of this one from now on.
        environment: Variables that a process on this machine needs, beside those of the definition.
        program: The folder that containers start in, as the image says; an empty one where it is not given.

    Raises:
        LoopwrightError: A parameter has no value, or the definition cannot be executed.
    """
    run = _Run(
        execution=Execution(scope=Scope(parameters=_parameters(definition, parameters), execution=_facts(name, arn))),
        command=command,
        objects=Objects(root / "s3"),
        jobs=root / "jobs" / name,
        name=name,
        cache={} if cache is None else cache,
        environment=environment or {},
        program=program,
    )
    run.steps(definition["Steps"])
    return run.execution


def _facts(name: str, arn: str) -> dict[str, str]:
    arn = arn or f"arn:aws:sagemaker:eu-west-1:123456789012:pipeline/local/execution/{name}"
    return {"PipelineExecutionId": name, "PipelineExecutionArn": arn, "PipelineName": arn.split("/")[-3]}


def _parameters(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    declared = {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]}
    unknown = sorted(set(given) - set(declared))
    values = declared | dict(given)
    missing = [name for name, value in values.items() if value is None]
    if unknown or missing:
        because = f"it has no {', '.join(unknown)}" if unknown else f"{', '.join(missing)} has no default"
        raise LoopwrightError("the pipeline cannot be started", because=because, attempt="give what it declares")
    return values


@dataclass(frozen=True, kw_only=True)
class _Run:
    execution: Execution
    command: Sequence[str]
    objects: Objects
    jobs: Path
    name: str
    cache: Cache
    environment: Mapping[str, str]
    program: Path | None
    taken: dict[str, str] = field(default_factory=dict)
    """The branch that each condition chose."""

    def steps(self, steps: Sequence[Step]) -> None:
        """Run steps as soon as all that they read of has ended; nothing starts after a failure.

        A step of the branch that is not taken never runs, and neither does one that waits for such a step: the SDK's
        own local runner (sagemaker.mlops.local) leaves both out, and the run ends well.
        """
        waiting, left_out = {each.step["Name"]: (each, needs(each)) for each in placed(steps)}, set[str]()
        while waiting and self.execution.status == "Succeeded":
            ready = next((name for name, (_, before) in waiting.items() if not before & waiting.keys()), None)
            if ready is None:
                raise LoopwrightError(
                    "the pipeline cannot be executed",
                    because=f"{', '.join(waiting)} wait for each other",
                    attempt="mend the definition",
                )
            place, before = waiting.pop(ready)
            if before & left_out or self.taken.get(place.condition, place.branch) != place.branch:
                left_out.add(ready)
            else:
                self._step(place.step)

    def _step(self, step: Step) -> None:
        runners = {
            "Condition": self._condition,
            "Fail": self._fail,
            "Processing": self._job,
            "RegisterModel": self._register,
            "Training": self._job,
        }
        if step["Type"] not in runners:
            raise LoopwrightError(
                f"{step['Name']} cannot be executed",
                because=f"{step['Type']} is not known here",
                attempt="another type",
            )
        runners[step["Type"]](step)

    def _ended(self, step: Step, status: str, reason: str = "") -> None:
        outcome = Outcome(name=step["Name"], kind=step["Type"], status=status, reason=reason)
        self.execution.outcomes.append(outcome)

    def _condition(self, step: Step) -> None:
        arguments = step["Arguments"]
        holds = all(self._holds(condition) for condition in arguments["Conditions"])
        self.execution.scope.properties[step["Name"]] = {"Outcome": "true" if holds else "false"}
        self.taken[step["Name"]] = IF if holds else ELSE
        self._ended(step, "Succeeded")

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        kind, value = condition["Type"], self.execution.scope.value
        if kind == "Not":
            return not self._holds(condition["Expression"])
        if kind == "Or":
            return any(self._holds(each) for each in condition["Conditions"])
        if kind == "In":
            return value(condition["QueryValue"]) in value(condition["Values"])
        if kind not in COMPARISONS:
            raise LoopwrightError(f"{kind} is no condition", because="it is not known here", attempt="another one")
        return bool(COMPARISONS[kind](value(condition["LeftValue"]), value(condition["RightValue"])))

    def _fail(self, step: Step) -> None:
        self._ended(step, "Failed", str(self.execution.scope.value(step["Arguments"]["ErrorMessage"])))

    def _register(self, step: Step) -> None:
        package = self.execution.scope.value(step["Arguments"])
        self.execution.packages.append(package)
        group = package["ModelPackageGroupName"]
        self.execution.scope.properties[step["Name"]] = {"ModelPackageGroupName": group, "ModelPackageVersion": 1}
        self._ended(step, "Succeeded")

    def _job(self, step: Step) -> None:
        scope, arguments = self.execution.scope, self.execution.scope.value(step["Arguments"])
        key = _key(step, arguments)
        if step.get("CacheConfig", {}).get("Enabled") and key in self.cache:
            scope.properties[step["Name"]], files = self.cache[key]
            scope.files.update({(step["Name"], name): path for name, path in files.items()})
            self._ended(step, "Cached")
            return
        _refuse_several(step, arguments)
        folder = self.jobs / step["Name"]
        try:
            reason = self._process(step, arguments, folder)
        except LoopwrightError as error:  # what SageMaker says before the container starts
            reason = f"{error.what}: {error.because}"
        if reason:
            self._ended(step, "Failed", reason)
            return
        if step["Type"] == "Training":
            job = f"pipelines-{self.name}-{step['Name']}"
            scope.properties[step["Name"]] = layout.hand_training(arguments, folder / "ml", self.objects, job)
        else:
            scope.properties[step["Name"]] = layout.hand_processing(arguments, folder / "ml", self.objects)
        files = dict(self._files(step, arguments))
        scope.files.update({(step["Name"], name): path for name, path in files.items()})
        self.cache[key] = (scope.properties[step["Name"]], files)
        self._ended(step, "Succeeded")

    def _process(self, step: Step, arguments: Mapping[str, Any], folder: Path) -> str:
        """Run a process for each host of a job; return why the first that failed did, or nothing."""
        hosts = layout.hosts(_instances(step, arguments))
        shared = _together(hosts) if len(hosts) > 1 else {}
        # The first host has the job's own folder: what it leaves is what the job leaves.
        homes = [folder, *(folder / host for host in hosts[1:])]
        containers = [
            self._container(step, arguments, host, home, shared) for host, home in zip(hosts, homes, strict=True)
        ]
        limit = arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", math.inf)
        ended = processes.run(containers, within=limit)
        if ended.overdue:
            return f"MaxRuntimeExceeded: it ran for more than {limit} seconds"
        if ended.failed is None:
            return ""
        said = homes[ended.failed] / "ml" / layout.FAILURE[step["Type"]]
        return said.read_text(encoding="utf-8") if said.is_file() else f"exit code {ended.code}"

    def _container(
        self, step: Step, arguments: Mapping[str, Any], host: str, home: Path, shared: Mapping[str, str]
    ) -> processes.Container:
        root, here = home / "ml", home / "empty"
        if step["Type"] == "Training":
            layout.lay_training(arguments, root, self.objects, host)
            spec = arguments["AlgorithmSpecification"]
            # A training container that is told nothing is told `train`.
            told = spec.get("ContainerArguments") or ["train"]
        else:
            layout.lay_processing(arguments, root, self.objects)
            told = arguments["AppSpecification"].get("ContainerArguments") or []
        here.mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        variables = {**kept, **self.environment, **shared, **arguments.get("Environment", {}), "OPT_ML": str(root)}
        return processes.Container(
            command=[*self.command, *told], folder=self.program or here, environment=variables, log=home / "log.txt"
        )

    def _files(self, step: Step, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
        outputs = {
            output["OutputName"]: output["S3Output"]["S3Uri"]
            for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", ())
        }
        for file in step.get("PropertyFiles", ()):
            yield file["PropertyFileName"], self.objects.path(f"{outputs[file['OutputName']]}/{file['FilePath']}")


def _instances(step: Step, arguments: Mapping[str, Any]) -> int:
    if step["Type"] == "Training":
        return int(arguments["ResourceConfig"]["InstanceCount"])
    return int(arguments["ProcessingResources"]["ClusterConfig"]["InstanceCount"])


def _refuse_several(step: Step, arguments: Mapping[str, Any]) -> None:
    """Refuse a processing job on several instances: all would write the same results to the same place."""
    count = _instances(step, arguments)
    if step["Type"] == "Processing" and count > 1:
        raise LoopwrightError(
            f"{step['Name']} cannot be executed",
            because=f"it is a processing job on {count} instances, and the stages share no work between them",
            attempt="one instance, of a larger type; docs/scale.md says what else helps",
        )


def _together(hosts: Sequence[str]) -> dict[str, str]:
    """Return what processes need to be told that stand for hosts and share one machine."""
    # Threads that wait in a loop, as OpenMP's do, take the processor from those of the other hosts.
    return {"LOOP_ADDRESSES": processes.addresses(hosts), "OMP_WAIT_POLICY": "passive"}


def _key(step: Step, arguments: Mapping[str, Any]) -> str:
    parts = [step["Name"], *(arguments.get(part) for part in CACHED_BY[step["Type"]])]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
