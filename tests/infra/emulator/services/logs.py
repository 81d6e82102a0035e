"""CloudWatch Logs: a metric filter belongs to a log group, is read as a pattern, and is put twice without being two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.logs.models import logs_backends

from emulator.hooks import on
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

CLAUSE = re.compile(r'\s*\(?\s*\$(\.\w+)+\s*(=|!=|<|>|<=|>=)\s*("[^"]*"|-?[\d.]+)\s*\)?\s*')
"""One comparison of a pattern for JSON; what else CloudWatch reads, no filter of ours needs."""


@on("logs", "PutMetricFilter")
def put_filter(call: Call, moto: Moto) -> Result:
    """Refuse what is no pattern or has no log group, and replace a filter of the same name, which moto adds to."""
    group, name, pattern = (call.params[key] for key in ("logGroupName", "filterName", "filterPattern"))
    if group not in logs_backends[ACCOUNT][call.region].groups:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    (into,) = call.params["metricTransformations"]
    if into.get("dimensions") and "defaultValue" in into:
        message = "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
        raise Refused("InvalidParameterException", message)
    body = re.fullmatch(r"\s*\{(.+)\}\s*", pattern)
    if body is None or not all(map(CLAUSE.fullmatch, re.split(r"&&|\|\|", body[1]))):
        raise Refused("InvalidParameterException", "Invalid metric filter pattern")
    kept = _filters(call)
    kept[:] = [each for each in kept if (each["logGroupName"], each["filterName"]) != (group, name)]
    return moto()


@on("logs", "DeleteMetricFilter")
def delete_filter(call: Call, moto: Moto) -> Result:
    """Refuse to delete what is not there."""
    wanted = (call.params["logGroupName"], call.params["filterName"])
    if wanted not in [(each["logGroupName"], each["filterName"]) for each in _filters(call)]:
        raise Refused("ResourceNotFoundException", "The specified metric filter does not exist.")
    return moto()


@on("logs", "DeleteLogGroup")
def delete_group(call: Call, moto: Moto) -> Result:
    """Delete its filters with it."""
    answer, kept = moto(), _filters(call)
    kept[:] = [each for each in kept if each["logGroupName"] != call.params["logGroupName"]]
    return answer


def _filters(call: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = logs_backends[ACCOUNT][call.region].filters.metric_filters
    return found
