"""CloudWatch as a service: it takes points, evaluates alarms by the clock, and says how they are.

An alarm is evaluated by the minute, and by the hour where its window is longer than a day ("Alarm evaluation", Amazon
CloudWatch User Guide). Here it is evaluated only when its outcome can be another one: in the beginning, and when a
point enters, moves within or leaves the range that it retrieves. What is put while the clock stands at a minute whose
evaluation is over counts at the next one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.alarms import EXTRA, State, checked, initial
from loopwright.rehearsal.aws.metrics import MINUTE, Metric
from loopwright.rehearsal.aws.requests import Answer, Request, operation, refused, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loopwright.rehearsal.aws.alarms import Alarm
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.logs import Filters
    from loopwright.rehearsal.aws.metrics import Key, Metrics

__all__ = ["CloudWatch"]

OLDEST, NEWEST = timedelta(days=14), timedelta(hours=2)
"""How far in the past and in the future the time of a point may be ("PutMetricData")."""
LARGEST = 2.0**360
DATUM = {"MetricName", "Dimensions", "Value", "Unit", "Timestamp"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CloudWatch:
    """The metrics and alarms of one account and region.

    Args:
        clock: The clock that alarms are evaluated by.
        metrics: What they read; nothing was put there yet.
        filters: What counts lines of logs; its minutes are closed before alarms are evaluated.
        alarms: The alarms, which are made now; they are evaluated in this order.
        changed: Called for each change of a state, with the state before and after.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        filters: Filters,
        alarms: Iterable[Alarm],
        *,
        changed: Callable[[Alarm, State, State], None],
    ) -> None:
        self._clock, self._metrics, self._filters, self._changed = clock, metrics, filters, changed
        self._alarms = {alarm.name: alarm for alarm in alarms}
        self._states = {name: initial(clock.now) for name in self._alarms}
        self._readers: defaultdict[Key, dict[str, _Moments]] = defaultdict(dict)
        self._due: dict[int, set[str]] = {}
        self._over = _minutes(clock.now)
        """The last minute whose evaluation is over."""
        for name, alarm in self._alarms.items():
            moments = _Moments(alarm)
            for query in alarm.queries:
                if isinstance(query.reads, Metric):
                    self._readers[query.reads.key][name] = moments
            self._plan(moments.next(self._over + 1), name)
        metrics.listen(self._heard)
        filters.listen(self._opened)

    def state(self, name: str) -> str:
        """Return the state of an alarm; MISSING where there is none of that name."""
        return self._states[name].value if name in self._states else "MISSING"

    @operation("DescribeAlarms", "AlarmNames", "AlarmTypes", service="cloudwatch")
    def describe_alarms(self, request: Request) -> Answer:
        """Describe alarms by name; of a name that no alarm has nothing is said."""
        if "AlarmNames" not in request:
            raise unknown("DescribeAlarms without AlarmNames")
        metric = "MetricAlarm" in request.get("AlarmTypes", ["MetricAlarm"])
        named = sorted(set(request["AlarmNames"]) & set(self._alarms)) if metric else []
        return {
            "MetricAlarms": [_described(self._alarms[name], self._states[name]) for name in named],
            "CompositeAlarms": [],
        }

    @operation("PutMetricData", "Namespace", "MetricData", service="cloudwatch")
    def put_metric_data(self, request: Request) -> None:
        """Take points: all of them, or none where one is not taken."""
        if request["Namespace"].startswith("AWS/"):
            raise unknown("PutMetricData into a namespace of AWS")
        data = request.get("MetricData", [])
        for datum in data:
            self._check(datum)
        for datum in data:
            dimensions = {each["Name"]: each["Value"] for each in datum.get("Dimensions", [])}
            unit, time = datum.get("Unit", "None"), datum.get("Timestamp", self._clock.now)
            name, value = datum["MetricName"], float(datum["Value"])
            unit = None if unit == "None" else unit
            self._metrics.put(request["Namespace"], name, dimensions, value, time, unit=unit)

    def _check(self, datum: dict[str, Any]) -> None:
        """Refuse what "PutMetricData" and "MetricDatum" (CloudWatch API Reference) say is refused."""
        if strange := sorted(set(datum) - DATUM) or ([] if "Value" in datum else ["no Value"]):
            raise unknown(f"PutMetricData of {datum['MetricName']} with {', '.join(strange)}")
        age = self._clock.now - datum.get("Timestamp", self._clock.now)
        if not math.isfinite(datum["Value"]) or abs(datum["Value"]) > LARGEST:
            raise refused("PutMetricData", "InvalidParameterValue", f"The value {datum['Value']} is not taken.")
        if not -NEWEST <= age <= OLDEST:
            raise refused("PutMetricData", "InvalidParameterValue", f"The time {datum['Timestamp']} is not taken.")

    def _heard(self, metric: Key, time: datetime) -> None:
        readers = self._readers.get(metric)
        if not readers:
            return
        first, earliest = _minutes(time) + 1, self._earliest()
        for name, moments in readers.items():
            for moment in moments.of(first, earliest):
                self._plan(moment, name)

    def _opened(self, time: datetime) -> None:
        self._plan(max(_minutes(time) + 1, self._earliest()))

    def _earliest(self) -> int:
        """Return the first minute whose evaluation is yet to come."""
        return max(self._over + 1, -((EPOCH - self._clock.now) // MINUTE))

    def _plan(self, moment: int, *names: str) -> None:
        if moment not in self._due:
            self._due[moment] = set()
            self._clock.at(EPOCH + moment * MINUTE, partial(self._evaluate, moment))
        self._due[moment].update(names)

    def _evaluate(self, moment: int) -> None:
        # What this puts for the minute before still counts now.
        self._filters.close(self._clock.now)
        self._over = moment
        due = self._due.pop(moment)
        for name in (name for name in self._alarms if name in due):
            alarm, old = self._alarms[name], self._states[name]
            new = checked(alarm, self._metrics, old, self._clock.now)
            self._states[name] = new
            if new is not old:
                self._changed(alarm, old, new)


class _Moments:
    """When what an alarm sees can change, in minutes since 1970.

    Args:
        alarm: The alarm.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._grid = alarm.every // MINUTE
        period = alarm.period // MINUTE
        # It is in another period of the range each time, and out of it at the last.
        self._moves = [number * period for number in range(alarm.periods + EXTRA + 1)]

    def next(self, moment: int) -> int:
        """Return the first evaluation at a moment or after it."""
        return -(-moment // self._grid) * self._grid

    def of(self, first: int, earliest: int) -> set[int]:
        """Return the evaluations from ``earliest`` on that a point matters to whose minute is over at ``first``."""
        return {self.next(max(first + move, earliest)) for move in self._moves}


def _minutes(time: datetime) -> int:
    """Return the minutes since 1970, in full ones."""
    return (time - EPOCH) // MINUTE


def _described(alarm: Alarm, state: State) -> Answer:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "OKActions": list(alarm.actions.get("OK", ())),
        "AlarmActions": list(alarm.actions.get("ALARM", ())),
        "InsufficientDataActions": list(alarm.actions.get("INSUFFICIENT_DATA", ())),
        "StateValue": state.value,
        "StateReason": state.reason,
        "StateUpdatedTimestamp": state.since,
        "StateTransitionedTimestamp": state.since,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison,
        "TreatMissingData": alarm.missing,
    }
