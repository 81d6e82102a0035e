"""The event that an alarm sends when its state changes.

Source: "Alarm events and EventBridge" (Amazon CloudWatch User Guide). The event's id follows from alarm and moment.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.clock import utc
from loopwright.rehearsal.aws.metrics import Metric

if TYPE_CHECKING:
    from datetime import datetime

    from loopwright.rehearsal.aws.alarms import Alarm, Query, State

__all__ = ["state_change"]


def state_change(alarm: Alarm, old: State, new: State, *, account: str, region: str) -> dict[str, Any]:
    """Return the event "CloudWatch Alarm State Change" of a change from one state to another."""
    arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm.name}"
    return {
        "version": "0",
        "id": _id(arn, str(utc(new.since))),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": account,
        "time": utc(new.since).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [arn],
        "detail": {
            "alarmName": alarm.name,
            "configuration": {
                "description": alarm.description,
                "metrics": [_described(alarm, arn, query) for query in alarm.queries],
            },
            "previousState": _state(alarm, old),
            "state": _state(alarm, new),
        },
    }


def _described(alarm: Alarm, arn: str, query: Query) -> dict[str, Any]:
    returned = {"returnData": query.id == alarm.compared}
    if not isinstance(query.reads, Metric):
        return {"id": query.id, "expression": query.reads, "label": query.label, **returned}
    metric = query.reads
    named = {"dimensions": dict(metric.dimensions), "name": metric.name, "namespace": metric.namespace}
    period = int(metric.period.total_seconds())
    # AWS makes up the id of a metric that is an alarm's only one.
    key = query.id if len(alarm.queries) > 1 else _id(arn, metric.name)
    return {"id": key, "metricStat": {"metric": named, "period": period, "stat": metric.stat}, **returned}


def _state(alarm: Alarm, state: State) -> dict[str, Any]:
    compared = next(query.reads for query in alarm.queries if query.id == alarm.compared)
    data = {
        "version": "1.0",
        "queryDate": _stamp(state.since),
        **({"statistic": compared.stat} if isinstance(compared, Metric) else {}),
        "period": int(alarm.period.total_seconds()),
        "recentDatapoints": [point for point in state.points if point is not None],
        "threshold": alarm.threshold,
    }
    told = {"reason": state.reason, "timestamp": _stamp(state.since), "value": state.value}
    return told | {"reasonData": json.dumps(data, separators=(",", ":"))}


def _stamp(time: datetime) -> str:
    found = utc(time)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03d}+0000"


def _id(*words: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, " ".join(words)))
