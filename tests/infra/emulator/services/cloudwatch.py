"""CloudWatch: composite alarms, alarms that begin without data, and dashboards that would show something."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse

from emulator.hooks import on
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

# moto's method handles the rule of a composite alarm, and has no entry for the action.
CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm

STATE = re.compile(r'(?P<state>ALARM|OK|INSUFFICIENT_DATA)\(\s*(?P<quote>["\']?)(?P<alarm>[^"\')]+?)(?P=quote)\s*\)')
WORD = re.compile(r"\s*(STATE|TRUE|FALSE|AND|OR|NOT|\(|\))")
PERIODS = (10, 20, 30)
HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
WIDGETS = ("metric", "text", "log", "alarm", "explorer", "custom")
COLUMNS = 24


@on("cloudwatch", "PutMetricAlarm", "PutCompositeAlarm")
def put_alarm(call: Call, moto: Moto) -> Result:
    """Refuse an alarm that CloudWatch would; a new one has no data, a changed one keeps its state."""
    alarms = cloudwatch_backends[ACCOUNT][call.region].alarms
    if "AlarmRule" in call.params:
        _check_rule(call.params["AlarmRule"], set(alarms))
    else:
        _check_metric_alarm(call.params)
    before = alarms.get(call.params["AlarmName"])
    answer = moto()
    alarms[call.params["AlarmName"]].state_value = before.state_value if before else "INSUFFICIENT_DATA"
    return answer


@on("cloudwatch", "PutDashboard")
def put_dashboard(call: Call, moto: Moto) -> Result:
    """Refuse a body that is no dashboard."""
    try:
        widgets = json.loads(call.params["DashboardBody"])["widgets"]
        wrong = [text for index, widget in enumerate(widgets) for text in _widget(widget, f"/widgets/{index}")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("InvalidParameterInput", f"The dashboard body is not valid: {error!r}") from error
    if wrong:
        raise Refused("InvalidParameterInput", f"The dashboard body is not valid: {'; '.join(wrong)}")
    return moto()


def _widget(widget: dict[str, Any], path: str) -> list[str]:
    wrong, properties = [], widget["properties"]
    if widget["type"] not in WIDGETS:
        wrong.append(f"{path}/type: no {widget['type']}")
    x, width = widget.get("x", 0), widget.get("width", 6)
    if not (0 <= x < COLUMNS and 1 <= width <= COLUMNS - x):
        wrong.append(f"{path}: it does not fit into {COLUMNS} columns")
    match widget["type"]:
        case "metric" if not ("metrics" in properties or "alarms" in properties.get("annotations", {})):
            wrong.append(f"{path}/properties: needs metrics or annotations/alarms")
        case "metric" if "region" not in properties:
            wrong.append(f"{path}/properties: needs a region")
        case "metric":
            wrong += _metrics(properties.get("metrics", []), f"{path}/properties/metrics")
        case "text" if "markdown" not in properties:
            wrong.append(f"{path}/properties: needs markdown")
        case "log" if not {"query", "region"} <= set(properties):
            wrong.append(f"{path}/properties: needs a query and a region")
        case "alarm" if not properties.get("alarms"):
            wrong.append(f"{path}/properties: needs alarms")
    return wrong


def _metrics(metrics: list[list[Any]], path: str) -> list[str]:
    """Return what is wrong with rows of namespace, metric, and pairs of dimensions, or of an expression alone."""
    wrong = []
    for index, row in enumerate(metrics):
        words = [word for word in row if isinstance(word, str)]
        options = [each for each in row if isinstance(each, dict)]
        rest = [each for each in row if not isinstance(each, str | dict)]
        expression = bool(options) and "expression" in options[0]
        if rest or len(options) > 1 or len(words) % 2 or bool(words) == expression:
            wrong.append(f"{path}/{index}: {json.dumps(row)} is no metric")
    return wrong


def _check_metric_alarm(params: dict[str, Any]) -> None:
    queries = params.get("Metrics") or []
    if bool(queries) == ("MetricName" in params):
        raise Refused("ValidationError", "An alarm has either a MetricName or Metrics.")
    if queries and sum(query.get("ReturnData", True) for query in queries) != 1:
        raise Refused("ValidationError", "Exactly one of the Metrics must return data.")
    if not queries and ("Statistic" in params) == ("ExtendedStatistic" in params):
        raise Refused("ValidationError", "An alarm on a metric has either a Statistic or an ExtendedStatistic.")
    if "Threshold" not in params and "ThresholdMetricId" not in params:
        raise Refused("ValidationError", "An alarm has a Threshold.")
    if params.get("DatapointsToAlarm", 1) > params["EvaluationPeriods"]:
        raise Refused("ValidationError", "DatapointsToAlarm must not be more than EvaluationPeriods.")
    periods = [params.get("Period")] + [(query.get("MetricStat") or query).get("Period") for query in queries]
    known = [period for period in periods if period]
    for period in known:
        if period % 60 and period not in PERIODS:
            raise Refused("ValidationError", f"The period {period} is neither 10, 20, 30 nor a multiple of 60.")
    longest = max(known, default=0)
    if longest * params["EvaluationPeriods"] > (WEEK if longest >= HOUR else DAY):
        raise Refused("ValidationError", "An alarm looks back a day at most, and a week where its period is an hour.")


def _check_rule(rule: str, alarms: set[str]) -> None:
    """Refuse a rule that is not a sentence of AND, OR and NOT over the states of alarms that exist."""
    named = {found["alarm"].rpartition(":alarm:")[2] for found in STATE.finditer(rule)}
    if unknown := named - alarms:
        raise Refused("ValidationError", f"AlarmRule names alarms that do not exist: {sorted(unknown)}")
    words = WORD.findall(STATE.sub(" STATE ", rule))
    if WORD.sub("", STATE.sub(" STATE ", rule)).strip() or not _sentence(words) or words:
        raise Refused("ValidationError", f"AlarmRule must be a valid expression: {rule}")


def _sentence(words: list[str]) -> bool:
    """Take the longest sentence off the front of some words, and tell whether there was one."""
    if not _term(words):
        return False
    while words and words[0] in ("AND", "OR"):
        words.pop(0)
        if not _term(words):
            return False
    return True


def _term(words: list[str]) -> bool:
    word = words.pop(0) if words else ""
    if word == "NOT":
        return _term(words)
    if word == "(":
        return _sentence(words) and bool(words) and words.pop(0) == ")"
    return word in ("STATE", "TRUE", "FALSE")
