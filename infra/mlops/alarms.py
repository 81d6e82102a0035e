"""Every alarm of the loop, as data: pure, from the contract's limits. Each says how it takes missing data, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["ODD_ANSWERS", "ROLLBACK", "WAKING", "Alarm", "Expression", "Limits", "Metric", "alarms"]

ROLLBACK = ("latency", "errors", "answers")
"""Roles of the alarms that take a rollout back."""
ODD_ANSWERS = "OddAnswers"
"""Metric without a dimension: requests with an answer that cannot be, counted in the endpoint's log."""
WAKING = ("drift", "quality", "broken")
"""Roles of the alarms that the controller reads."""
MINUTE, HOUR, DAY = 60, 3600, 86_400
LONGEST_SECONDS = 7 * DAY
"""CloudWatch looks back no further than a week."""
HANDLERS = ("controller", "deployer")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the contract calls too much."""

    drift: bool
    """Whether drift wakes the controller."""
    quality: bool
    """Whether falling quality does."""
    drift_datapoints: int
    drift_periods: int
    every_seconds: int
    """How often the monitor runs."""
    cusum_limit: float
    max_broken: float
    """Share of a window's rows."""
    p99_ms: float
    error_rate: float
    min_requests: int
    monthly_usd: float

    def __post_init__(self) -> None:
        """Refuse what CloudWatch cannot evaluate.

        Raises:
            ValueError: The alarm would have to look back more than a week.
        """
        if self.drift_periods * self.every_seconds > LONGEST_SECONDS:
            raise ValueError(
                "drift.periods times drift.every in loop.yaml is more than the 7 days that an alarm can look back"
            )


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    statistic: str
    """A statistic, or a percentile such as p99."""
    period: int
    """Seconds."""

    def query(self, identifier: str) -> dict[str, Any]:
        """Return it as part of an expression."""
        metric = {
            "namespace": self.namespace,
            "metric_name": self.name,
            "period": self.period,
            "stat": self.statistic,
        }
        metric |= {"dimensions": self.dimensions} if self.dimensions else {}
        return {"id": identifier, "metric": metric}


@dataclass(frozen=True, kw_only=True)
class Expression:
    """Arithmetic over metrics."""

    formula: str
    label: str
    metrics: dict[str, Metric]
    """Metrics by the identifiers that the formula uses."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm."""

    role: str
    """The last word of its name."""
    description: str
    """What it means, for whoever is woken by it."""
    watches: Metric | Expression
    threshold: float
    missing: Literal["breaching", "notBreaching", "ignore", "missing"]
    comparison: str = "GreaterThanThreshold"
    datapoints: int = 1
    periods: int = 1

    def source(self) -> dict[str, Any]:
        """Return what it watches as arguments of a `MetricAlarm`."""
        if isinstance(self.watches, Expression):
            result = {
                "id": "value",
                "expression": self.watches.formula,
                "label": self.watches.label,
                "return_data": True,
            }
            return {"metric_queries": [result, *(m.query(name) for name, m in self.watches.metrics.items())]}
        metric = self.watches
        kind = "extended_statistic" if metric.statistic.startswith("p") else "statistic"
        return {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": metric.dimensions,
            "period": metric.period,
            kind: metric.statistic,
        }


def alarms(names: Names, limits: Limits) -> list[Alarm]:
    """Return every alarm of the stack; drift and quality only where the contract wants to be woken by them."""
    waking = [_drift(names, limits)] if limits.drift else []
    waking += [_quality(names, limits)] if limits.quality else []
    return [
        *waking,
        _broken(names, limits),
        *_endpoint(names, limits),
        *_loop(names, limits),
        *_handlers(names),
    ]


def _own(names: Names, metric: str, period: int, statistic: str = "Maximum") -> Metric:
    return Metric(
        namespace=names.namespace, name=metric, dimensions=names.dimensions, statistic=statistic, period=period
    )


def _drift(names: Names, limits: Limits) -> Alarm:
    return Alarm(
        role="drift",
        description="A feature moved more than it does by itself. The controller probes whether retraining helps.",
        watches=_own(names, "DriftScore", limits.every_seconds),
        threshold=1,
        datapoints=limits.drift_datapoints,
        periods=limits.drift_periods,
        missing="ignore",  # too few rows say nothing: the alarm stays as it was, and the heartbeat has its own
    )


def _quality(names: Names, limits: Limits) -> Alarm:
    return Alarm(
        role="quality",
        description="The loss where labels have landed rose beyond chance. The controller retrains, and probes on.",
        watches=_own(names, "QualityCusum", limits.every_seconds),
        threshold=limits.cusum_limit,
        missing="ignore",  # labels land late and in parts
    )


def _broken(names: Names, limits: Limits) -> Alarm:
    return Alarm(
        role="broken",
        description="Rows break the data contract. Retraining waits until that is mended; see the monitor's report.",
        watches=_own(names, "BrokenShare", limits.every_seconds),
        threshold=limits.max_broken,
        missing="notBreaching",
    )


def _endpoint(names: Names, limits: Limits) -> list[Alarm]:
    def served(metric: str, statistic: str = "Sum") -> Metric:
        return Metric(
            namespace="AWS/SageMaker",
            name=metric,
            dimensions=names.serving_dimensions,
            statistic=statistic,
            period=MINUTE,
        )

    def share(word: str, of: Metric, label: str) -> Expression:
        return Expression(
            formula=f"{enough}, {word} / requests, 0)",
            label=label,
            metrics={word: of, "requests": served("Invocations")},
        )

    enough = f"IF(requests >= {limits.min_requests}"
    latency = Expression(
        formula=f"{enough}, p99 / 1000, 0)",
        label="p99 in milliseconds",
        metrics={"p99": served("ModelLatency", "p99"), "requests": served("Invocations")},
    )
    odd = Metric(namespace=names.namespace, name=ODD_ANSWERS, dimensions={}, statistic="Sum", period=MINUTE)
    return [
        _rollback(
            "latency",
            "The slowest hundredth of requests is slower than the contract allows; a rollout goes back.",
            latency,
            limits.p99_ms,
        ),
        _rollback(
            "errors",
            "More requests fail than the contract allows; a rollout goes back.",
            share("failed", served("Invocation5XXErrors"), "share of requests that failed"),
            limits.error_rate,
        ),
        _rollback(
            "answers",
            "More answers cannot be (no number, beyond belief) than may fail; a rollout goes back.",
            share("odd", odd, "share of requests with an answer that cannot be"),
            limits.error_rate,
        ),
    ]


def _rollback(role: str, description: str, watches: Expression, threshold: float) -> Alarm:
    return Alarm(
        role=role,
        description=description,
        watches=watches,
        threshold=threshold,
        datapoints=2,
        periods=3,
        missing="notBreaching",  # nobody asks
    )


def _loop(names: Names, limits: Limits) -> list[Alarm]:
    twice = max(2 * limits.every_seconds, HOUR)
    return [
        Alarm(
            role="heartbeat",
            description="The monitor has not run to its end lately: nobody watches the model.",
            watches=_own(names, "MonitorHeartbeat", min(twice, DAY), "Sum"),
            threshold=1,
            comparison="LessThanThreshold",
            periods=max(1, min(twice // DAY, LONGEST_SECONDS // DAY)),
            datapoints=max(1, min(twice // DAY, LONGEST_SECONDS // DAY)),
            missing="breaching",
        ),
        Alarm(
            role="failed",
            description="An event or a wake-up could not be delivered or handled; it waits in the queue.",
            watches=Metric(
                namespace="AWS/SQS",
                name="ApproximateNumberOfMessagesVisible",
                dimensions={"QueueName": names.of("failed")},
                statistic="Maximum",
                period=5 * MINUTE,
            ),
            threshold=0,
            missing="notBreaching",
        ),
        Alarm(
            role="training",
            # SageMaker's own count of failures holds the models that the gates refused: those did their work.
            description="The last training run failed by a fault. The controller tries again after a while by itself.",
            watches=_own(names, "FailedRetrainings", HOUR, "Maximum"),
            threshold=0,
            missing="ignore",
        ),
    ]


def _handlers(names: Names) -> list[Alarm]:
    """Return two alarms a handler: it fails, or it no longer runs."""
    found = []
    for handler in HANDLERS:
        errors = Metric(
            namespace="AWS/Lambda",
            name="Errors",
            dimensions={"FunctionName": names.of(handler)},
            statistic="Sum",
            period=5 * MINUTE,
        )
        found.append(
            Alarm(
                role=f"{handler}.errors",
                description=f"The {handler} ended with an error; it is woken again within the hour.",
                watches=errors,
                threshold=0,
                missing="notBreaching",
            )
        )
        found.append(
            Alarm(
                role=f"{handler}.heartbeat",
                description=f"The {handler} has not run for hours, although it is woken every hour.",
                watches=_own(names, f"{handler.title()}Heartbeat", 3 * HOUR, "Sum"),
                threshold=1,
                comparison="LessThanThreshold",
                missing="breaching",
            )
        )
    return found
