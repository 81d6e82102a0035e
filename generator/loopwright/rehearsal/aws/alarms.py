"""CloudWatch alarms: read from the graph, and evaluated by M of N with missing points.

Sources: "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data" and "Alarm evaluation window"
(Amazon CloudWatch User Guide). The window slides: it ends when the alarm is evaluated, not when a day or an hour ends.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from loopwright.rehearsal.aws import mathematics
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.metrics import MINUTE, Metric, minute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from loopwright.rehearsal.aws.metrics import Metrics

__all__ = ["EXTRA", "Alarm", "Query", "State", "Value", "checked", "evaluate", "initial"]

Value = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Points = list[float | None] | mathematics.Points

EXTRA = 2
"""How many points more than N are retrieved. AWS gives no formula; its tables retrieve 5 where N is 3."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
ACTIONS: Mapping[Value, str] = {
    "OK": "okActions",
    "ALARM": "alarmActions",
    "INSUFFICIENT_DATA": "insufficientDataActions",
}
SINGLE = {"namespace", "metricName", "dimensions", "period", "statistic", "extendedStatistic"}
READ = SINGLE | {
    "name",
    "alarmDescription",
    "comparisonOperator",
    "threshold",
    "evaluationPeriods",
    "datapointsToAlarm",
    "treatMissingData",
    "metricQueries",
    "actionsEnabled",
    *ACTIONS.values(),
}
IGNORED = {"tags", "tagsAll", "region"}
"""Inputs that change nothing of what an alarm does."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One line of what an alarm reads: a metric, or an expression over other lines."""

    id: str
    reads: Metric | str
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of an alarm, since when and why."""

    value: Value
    reason: str
    since: datetime
    points: Points = ()
    """What it was decided on: the evaluation range, oldest first."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One metric alarm with a fixed threshold."""

    name: str
    queries: tuple[Query, ...]
    compared: str
    """The id of the query that is compared with the threshold."""
    period: timedelta
    comparison: str
    threshold: float
    periods: int
    """N."""
    datapoints: int
    """M."""
    missing: str = "missing"
    description: str = ""
    actions: Mapping[Value, tuple[str, ...]] = field(default_factory=dict)
    """The ARNs that are told of a change, by the new state; nothing is told while the state lasts."""

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Alarm:
        """Return the alarm of a ``MetricAlarm`` node's resolved inputs.

        Raises:
            UnknownError: It uses what is not emulated here, such as anomaly detection.
        """
        name = str(inputs["name"])
        if strange := sorted(set(inputs) - READ - IGNORED):
            raise _unknown(name, f"{', '.join(strange)} is not emulated")
        queries, compared = _queries(name, inputs)
        spans = {query.reads.period for query in queries if isinstance(query.reads, Metric)}
        comparison, missing = inputs["comparisonOperator"], inputs.get("treatMissingData", "missing")
        if len(spans) != 1:
            raise _unknown(name, "its metrics have not one and the same period, which CloudWatch wants")
        if comparison not in COMPARISONS or missing not in TREATMENTS:
            raise _unknown(name, f"{comparison} with {missing} is not emulated")
        told = ACTIONS if inputs.get("actionsEnabled", True) else {}
        return cls(
            name=name,
            queries=queries,
            compared=compared,
            period=spans.pop(),
            comparison=comparison,
            threshold=float(inputs["threshold"]),
            periods=int(inputs["evaluationPeriods"]),
            datapoints=int(inputs.get("datapointsToAlarm") or inputs["evaluationPeriods"]),
            missing=missing,
            description=inputs.get("alarmDescription", ""),
            actions={value: tuple(inputs.get(key) or ()) for value, key in told.items()},
        )

    @property
    def every(self) -> timedelta:
        """How often it is evaluated: by the minute, and by the hour where the window is longer than a day."""
        return HOUR if self.period * self.periods > DAY else MINUTE

    def points(self, metrics: Metrics, now: datetime) -> Points:
        """Return the evaluation range at a moment: N points and ``EXTRA`` more, oldest first.

        An alarm whose window is longer than a day sees nothing after the last full hour.
        """
        until = minute(now) if self.every == MINUTE else minute(now).replace(minute=0)
        known: dict[str, Points] = {
            query.id: metrics.series(query.reads, until, self.periods + EXTRA)
            for query in self.queries
            if isinstance(query.reads, Metric)
        }
        waiting = {query.id: query.reads for query in self.queries if isinstance(query.reads, str)}
        while waiting:
            ready = [key for key, text in waiting.items() if mathematics.names(text) <= set(known)]
            if not ready:
                raise _unknown(self.name, f"{', '.join(waiting)} reads what is not there, or itself")
            known |= {key: mathematics.evaluate(waiting.pop(key), known) for key in ready}
        return known[self.compared]


def initial(time: datetime) -> State:
    """Return the state of an alarm that was just made."""
    return State(value="INSUFFICIENT_DATA", reason="Unchecked: Initial alarm creation", since=time)


def checked(alarm: Alarm, metrics: Metrics, state: State, now: datetime) -> State:
    """Return the state after an evaluation; the very same object where it did not change."""
    points = alarm.points(metrics, now)
    value = evaluate(alarm, points, state.value)
    if value == state.value:
        return state
    return State(value=value, reason=_reason(alarm, points, value), since=now, points=points)


def evaluate(alarm: Alarm, points: Sequence[float | None], state: Value) -> Value:
    """Return the state of an alarm by the points of its evaluation range, oldest first.

    Where N points are there, the last N of them decide, whatever is missing between them. Where fewer are, the alarm's
    treatment stands for those that miss. "Avoiding premature transitions to alarm state" adds for ``missing``: the
    alarm is in ALARM where nothing but breaching points is there and the oldest is at least M periods old.
    The page says nothing of such a point that is younger; its older version has INSUFFICIENT_DATA.
    """
    breaks, _ = COMPARISONS[alarm.comparison]
    breaching = [None if point is None else breaks(point, alarm.threshold) for point in points]
    there = [each for each in breaching if each is not None][-alarm.periods :]
    count, filled = sum(there), alarm.periods - len(there)
    if alarm.missing == "breaching":
        count += filled
    if count >= alarm.datapoints:
        return "ALARM"
    if not filled or not all(there) or alarm.missing == "notBreaching":
        return "OK"
    if alarm.missing == "ignore":
        return state
    # Of the most recent point the age is one period.
    age = len(breaching) - breaching.index(True) if there else 0
    return "ALARM" if age >= alarm.datapoints else "INSUFFICIENT_DATA"


def _queries(name: str, inputs: Mapping[str, Any]) -> tuple[tuple[Query, ...], str]:
    given = inputs.get("metricQueries") or []
    if not given:
        return (Query(id="metric", reads=_metric(name, inputs)),), "metric"
    returned = [query["id"] for query in given if query.get("returnData")]
    if len(returned) != 1 or SINGLE & set(inputs):
        raise _unknown(name, "it does not compare one line of its queries, and that alone")
    return tuple(_query(name, query) for query in given), returned[0]


def _query(name: str, query: Mapping[str, Any]) -> Query:
    strange = set(query) - {"id", "metric", "expression", "label", "returnData"}
    strange |= set(query.get("metric", {})) - {"namespace", "metricName", "dimensions", "period", "stat"}
    if strange or ("metric" in query) == ("expression" in query):
        raise _unknown(name, f"its query {query['id']} holds {', '.join(sorted(strange)) or 'no single source'}")
    reads = _metric(name, query["metric"]) if "metric" in query else str(query["expression"])
    return Query(id=query["id"], reads=reads, label=query.get("label", ""))


def _metric(name: str, given: Mapping[str, Any]) -> Metric:
    stats = [given[key] for key in ("statistic", "extendedStatistic", "stat") if given.get(key)]
    if len(stats) != 1:
        raise _unknown(name, "a metric has exactly one statistic")
    return Metric(
        namespace=given["namespace"],
        name=given["metricName"],
        dimensions=given.get("dimensions") or {},
        stat=stats[0],
        period=timedelta(seconds=int(given["period"])),
    )


def _reason(alarm: Alarm, points: Points, value: Value) -> str:
    if value == "INSUFFICIENT_DATA":
        return "Insufficient Data: too few datapoints were there"
    breaks, words = COMPARISONS[alarm.comparison]
    there = [point for point in points if point is not None][-alarm.periods :]
    count = sum(breaks(point, alarm.threshold) for point in there)
    missing = alarm.periods - len(there)
    told = f"Threshold Crossed: {count} out of the last {alarm.periods} datapoints {words} the threshold"
    return f"{told} ({alarm.threshold}); {missing} of them missing, treated as {alarm.missing}"


def _unknown(name: str, because: str) -> UnknownError:
    return UnknownError(
        f"the emulated CloudWatch cannot evaluate the alarm {name}",
        because=because,
        attempt="declare it with a fixed threshold on a metric or on a plain expression",
    )
