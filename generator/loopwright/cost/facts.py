"""What the graph itself says about use: how often things run, on what, and which metrics are the loop's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from loopwright.branches import placed
from loopwright.cost.frequency import HOURS, per_month
from loopwright.graph.model import Reference, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.cost.assumptions import Assumptions
    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["Facts", "Job", "Runs", "document", "referred"]

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
CONFIG = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
FUNCTION = "aws:lambda/function:Function"
SCHEDULE = "aws:scheduler/schedule:Schedule"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"

_LONGEST_SECONDS = 86_400
"""How long SageMaker lets a job run that has no limit of its own."""
_MONTH_DAYS = HOURS / 24


@dataclass(frozen=True, kw_only=True)
class Runs:
    """How often a month."""

    expected: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a pipeline."""

    name: str
    kind: str
    instance: str
    count: int
    volume_gb: float
    limit_hours: float


def document(value: Any) -> Any:
    """Return what a JSON text says; None where it is no such text."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def referred(value: Any) -> str | None:
    """Return the id of the first node that a text refers to."""
    parts = text(value) if isinstance(value, str) else ()
    return next((part.node for part in parts if isinstance(part, Reference)), None)


@dataclass(frozen=True)
class Facts:
    """Questions to one graph."""

    graph: ResourceGraph
    assumed: Assumptions

    def scheduled(self, node: Node, reason: str | None = None) -> float:
        """Return how often schedules start a node; None of a schedule that cannot be read counts."""
        found = 0.0
        for schedule in self.graph.of_type(SCHEDULE):
            target = schedule.inputs.get("target", {})
            if referred(target.get("arn")) != node.id:
                continue
            told = document(target.get("input")) or {}
            if reason is None or told.get("reason") == reason:
                found += per_month(schedule.inputs.get("scheduleExpression", "")) or 0.0
        return found

    def events(self, node: Node) -> float:
        """Return how often rules wake a function."""
        wiring = [target for target in self.graph.of_type(TARGET) if referred(target.inputs.get("arn")) == node.id]
        return len(wiring) * self.assumed.rule_events

    def runs(self, pipeline: Node) -> Runs:
        """Return how often a pipeline runs: by its schedules, or by the controller's policy."""
        timed = self.scheduled(pipeline)
        for function in self.graph.of_type(FUNCTION):
            variables = function.inputs.get("environment", {}).get("variables", {})
            policy = document(variables.get("POLICY"))
            if not isinstance(policy, dict) or referred(variables.get("PIPELINE_NAME")) != pipeline.id:
                continue
            days = policy.get("schedule_days")
            wanted = _MONTH_DAYS / days if days else self.scheduled(function, "schedule")
            aged = _MONTH_DAYS / policy["max_age_days"] if policy.get("max_age_days") else 0.0
            most = float(policy.get("max_per_month") or 0)
            expected = min(max(wanted or self.assumed.unscheduled_runs, aged), most)
            return Runs(expected=timed + expected, most=timed + most)
        return Runs(expected=timed, most=timed)

    def jobs(self, pipeline: Node) -> tuple[list[Job], list[str]]:
        """Return the jobs of a pipeline, and the kinds of steps nobody here can price."""
        definition = document(pipeline.inputs.get("pipelineDefinition"))
        if not isinstance(definition, dict):
            return [], ["pipeline definition"]
        jobs, unknown = [], []
        for step in (each.step for each in placed(definition.get("Steps"))):
            if step["Type"] in {"Processing", "Training"}:
                jobs.append(_job(step))
            elif step["Type"] not in {"Condition", "Fail", "Model", "RegisterModel"}:
                unknown.append(f"step {step['Type']}")
        return jobs, unknown

    def capture(self, bucket: Node) -> float | None:
        """Return the share of requests that a bucket keeps, times the months it keeps them; None for another bucket."""
        for config in self.graph.of_type(CONFIG):
            capture = config.inputs.get("dataCaptureConfig", {})
            uri = str(capture.get("destinationS3Uri"))
            if capture.get("enableCapture") and referred(uri) == bucket.id:
                share = float(capture.get("initialSamplingPercentage", 100)) / 100
                return share * self._kept_months(bucket, f"{uri.rpartition('/')[2]}/")
        return None

    def _kept_months(self, bucket: Node, key: str) -> float:
        for lifecycle in self.graph.of_type(LIFECYCLE):
            if referred(lifecycle.inputs.get("bucket")) == bucket.id:
                expiring = [rule for rule in lifecycle.inputs["rules"] if "expiration" in rule]
                days = [
                    rule["expiration"]["days"] for rule in expiring if key.startswith(rule["filter"].get("prefix", ""))
                ]
                return float(min(days)) / _MONTH_DAYS if days else 12.0
        return 12.0

    @cached_property
    def own_metrics(self) -> frozenset[tuple[str, ...]]:
        """Every metric outside AWS's own namespaces that an alarm or a dashboard names, with its dimensions."""
        found: set[tuple[str, ...]] = set()
        for alarm in self.graph.of_type(ALARM):
            queries = [query["metric"] for query in alarm.inputs.get("metricQueries", []) if "metric" in query]
            for metric in queries or [alarm.inputs]:
                pairs = sorted(metric.get("dimensions", {}).items())
                words = (word for pair in pairs for word in pair)
                found.add((str(metric.get("namespace")), str(metric.get("metricName")), *words))
        for board in self.graph.of_type(DASHBOARD):
            found |= set(_drawn(document(board.inputs.get("dashboardBody")) or {}))
        return frozenset(metric for metric in found if not metric[0].upper().startswith(("AWS/", "/AWS/", "NONE")))


def _job(step: dict[str, Any]) -> Job:
    arguments = step["Arguments"]
    cluster = arguments.get("ResourceConfig") or arguments["ProcessingResources"]["ClusterConfig"]
    seconds = arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _LONGEST_SECONDS)
    return Job(
        name=step["Name"],
        kind=step["Type"],
        instance=str(cluster["InstanceType"]),
        count=int(cluster["InstanceCount"]),
        volume_gb=float(cluster["VolumeSizeInGB"]),
        limit_hours=seconds / 3600,
    )


def _drawn(body: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the metrics of a dashboard as words: namespace, name, dimensions."""
    for widget in body.get("widgets", []):
        for metric in widget.get("properties", {}).get("metrics", []):
            words = [word for word in metric if isinstance(word, str)]
            if len(words) > 1:
                yield tuple(words)
