"""Pipeline executions: started once for each token, run by whoever runs them, told as they change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.requests import Answer, Request, given, listed, operation, refused, unknown
from loopwright.rehearsal.aws.source import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from loopwright.rehearsal.aws.source import Source

__all__ = ["Execution", "Executions"]

EVENT = "SageMaker Model Building Pipeline Execution Status Change"
ENDS = ("Succeeded", "Failed")
_ID = 12


@dataclass(kw_only=True)
class Execution:
    """One execution, as its runner sees it."""

    arn: str
    pipeline: str
    parameters: Mapping[str, str]
    """All that the pipeline declares: as given, or by default."""
    started: datetime
    name: str | None = None
    description: str | None = None
    status: str = "Executing"
    reason: str | None = None
    """Why it failed."""
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.started

    @property
    def over(self) -> bool:
        """Whether it changes no more."""
        return self.status not in {"Executing", "Stopping"}


class Executions:
    """The pipelines of an account and their executions.

    It follows the API reference: "StartPipelineExecution", whose token makes a start happen once at most,
    "ListPipelineExecutions", "DescribePipelineExecution" and "StopPipelineExecution". CompletedWithFailures is not
    reached: AWS does not say when it is.

    Args:
        source: Names, times and events.
        pipelines: By the name of a pipeline the parameters that its definition declares, with their defaults; None for
            a parameter without one.
        run: Begins an execution, at the moment of its start but after the answer to whoever asked for it. It plans on
            the clock what the execution does, and calls ``end`` at last.
        stopping: How long a step that runs takes to be stopped.
    """

    def __init__(
        self,
        source: Source,
        pipelines: Mapping[str, Mapping[str, str | None]],
        run: Callable[[Execution], None],
        *,
        stopping: timedelta,
    ) -> None:
        self._source, self._pipelines, self._run, self._stopping = source, pipelines, run, stopping
        self._made: dict[str, Execution] = {}
        self._asked: dict[tuple[str, str, str], tuple[Request, str]] = {}

    @operation(
        "StartPipelineExecution",
        *("PipelineName", "PipelineExecutionDisplayName", "PipelineExecutionDescription"),
        *("PipelineParameters", "ClientRequestToken"),
    )
    def start_pipeline_execution(self, request: Request) -> Answer:
        """Start an execution, or return the one that was started with the same token and the same request.

        The same token with another request is a conflict; the reference documents that code, and not for what.
        """
        asked, pipeline = "StartPipelineExecution", self._pipeline(request, "StartPipelineExecution")
        return {"PipelineExecutionArn": self._once(asked, pipeline, request, lambda: self._start(pipeline, request))}

    @operation("ListPipelineExecutions", "PipelineName", "SortBy", "SortOrder", "MaxResults", "NextToken")
    def list_pipeline_executions(self, request: Request) -> Answer:
        """Return a page of a pipeline's executions by creation time."""
        asked = "ListPipelineExecutions"
        pipeline = self._pipeline(request, asked)
        made = [_summary(each) for each in self._made.values() if each.pipeline == pipeline]
        found, more = listed(asked, made, request)
        return {"PipelineExecutionSummaries": found, **more}

    @operation("DescribePipelineExecution", "PipelineExecutionArn")
    def describe_pipeline_execution(self, request: Request) -> Answer:
        """Return an execution."""
        execution = self._find(request, "DescribePipelineExecution")
        return given(
            PipelineArn=self._arn(execution.pipeline),
            PipelineExecutionArn=execution.arn,
            PipelineExecutionDisplayName=execution.name,
            PipelineExecutionStatus=execution.status,
            PipelineExecutionDescription=execution.description,
            FailureReason=execution.reason,
            CreationTime=execution.started,
            LastModifiedTime=execution.modified,
        )

    @operation("StopPipelineExecution", "PipelineExecutionArn", "ClientRequestToken")
    def stop_pipeline_execution(self, request: Request) -> Answer:
        """Begin to stop an execution: Stopping, and Stopped when what runs of it is stopped."""
        asked = "StopPipelineExecution"
        execution = self._find(request, asked)
        return {"PipelineExecutionArn": self._once(asked, execution.arn, request, lambda: self._stop(execution))}

    def end(self, arn: str, status: str, reason: str | None = None) -> None:
        """End an execution, for its runner.

        One that is being stopped ends as Stopped where its last step came to its end, and as Failed where that failed
        ("StopPipelineExecution"). One that is over stays as it is.

        Args:
            arn: Which one.
            status: Succeeded or Failed.
            reason: Why it failed; at most 1300 characters of it are kept.

        Raises:
            KeyError: There is none.
            ValueError: No runner ends one with such a status.
        """
        if status not in ENDS:
            raise ValueError(f"{status} is none of {', '.join(ENDS)}")
        execution = self._made[arn]
        if execution.over:
            return
        execution.reason = reason[:1300] if reason and status == "Failed" else None
        stopped = execution.status == "Stopping" and status == "Succeeded"
        self._become(execution, "Stopped" if stopped else status)

    def _once(self, asked: str, scope: str, request: Request, act: Callable[[], str]) -> str:
        """Act once for a token, and remember the outcome; a token counts for one operation on one thing."""
        key = (asked, scope, request["ClientRequestToken"])
        before, outcome = self._asked.get(key, (request, ""))
        if before != request:
            raise refused(asked, "ConflictException", "The token was used for another request.")
        if not outcome:
            outcome = act()
            self._asked[key] = (request, outcome)
        return outcome

    def _start(self, pipeline: str, request: Request) -> str:
        number = sum(each.pipeline == pipeline for each in self._made.values())
        execution = Execution(
            arn=f"{self._arn(pipeline)}/execution/{_identifier(self._arn(pipeline), number)}",
            pipeline=pipeline,
            parameters=_parameters(self._pipelines[pipeline], request.get("PipelineParameters", [])),
            started=self._source.clock.now,
            name=request.get("PipelineExecutionDisplayName"),
            description=request.get("PipelineExecutionDescription"),
        )
        self._made[execution.arn] = execution
        self._tell(execution, before=None)
        self._source.clock.at(self._source.clock.now, lambda: self._run(execution))
        return execution.arn

    def _stop(self, execution: Execution) -> str:
        if execution.status != "Executing":
            raise unknown(f"stopping an execution that is {execution.status}", "AWS does not say what it answers")
        self._become(execution, "Stopping")
        self._source.clock.after(self._stopping, lambda: self.end(execution.arn, "Succeeded"))
        return execution.arn

    def _arn(self, pipeline: str) -> str:
        return self._source.arn(f"pipeline/{pipeline.lower()}")

    def _pipeline(self, request: Request, asked: str) -> str:
        """Return the name of a pipeline that is named by it, or by its ARN."""
        name = request["PipelineName"]
        found = next((each for each in self._pipelines if name in {each, self._arn(each)}), None)
        if found is None:
            raise refused(asked, "ResourceNotFound", f"Pipeline {name} does not exist.")
        return found

    def _find(self, request: Request, asked: str) -> Execution:
        arn = request["PipelineExecutionArn"]
        if arn not in self._made:
            raise refused(asked, "ResourceNotFound", f"Pipeline execution {arn} does not exist.")
        return self._made[arn]

    def _become(self, execution: Execution, status: str) -> None:
        before, execution.status, execution.modified = execution.status, status, self._source.clock.now
        self._tell(execution, before=before)

    def _tell(self, execution: Execution, *, before: str | None) -> None:
        """Emit the event, as "Events that Amazon SageMaker AI sends to Amazon EventBridge" shows it."""
        pipeline = self._arn(execution.pipeline)
        detail = given(
            pipelineExecutionDisplayName=execution.name or "",
            currentPipelineExecutionStatus=execution.status,
            previousPipelineExecutionStatus=before,
            executionStartTime=seconds(execution.started),
            executionEndTime=seconds(execution.modified) if execution.over else None,
            pipelineExecutionDescription=execution.description or "",
            pipelineArn=pipeline,
            pipelineExecutionArn=execution.arn,
        )
        self._source.tell(EVENT, [pipeline, execution.arn], detail)


def _identifier(pipeline: str, number: int) -> str:
    """Return a name for an execution: the same in every rehearsal."""
    return hashlib.sha256(f"{pipeline} {number}".encode()).hexdigest()[:_ID]


def _summary(execution: Execution) -> Answer:
    return given(
        PipelineExecutionArn=execution.arn,
        StartTime=execution.started,
        PipelineExecutionStatus=execution.status,
        PipelineExecutionDescription=execution.description,
        PipelineExecutionDisplayName=execution.name,
        PipelineExecutionFailureReason=execution.reason,
    )


def _parameters(declared: Mapping[str, str | None], asked: list[dict[str, Any]]) -> dict[str, str]:
    """Return the values of all declared parameters ("Pipeline Parameters" of the SageMaker guide)."""
    values = dict(declared) | {each["Name"]: each["Value"] for each in asked}
    if strange := sorted(set(values) - set(declared)):
        raise unknown(f"{', '.join(strange)}, which the pipeline does not declare", "AWS does not say what it answers")
    if empty := sorted(name for name, value in values.items() if value is None):
        raise unknown(f"a start without {', '.join(empty)}, which has no default", "AWS does not say what it answers")
    return {name: value for name, value in values.items() if value is not None}
