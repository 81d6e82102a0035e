"""Alarms: who is told, what missing data means, and that something watches the watchers."""

from __future__ import annotations

import re

from rules.logs import counted
from rules.plan import listed
from rules.registry import rule

KIND = "aws_cloudwatch_metric_alarm"
MISSING = {"breaching", "notBreaching", "ignore"}
LONGEST_SECONDS = 7 * 86_400
PERCENTILE = "extended_statistic"
SOURCES = {
    "FunctionName": "aws_lambda_function",
    "QueueName": "aws_sqs_queue",
    "EndpointName": "aws_sagemaker_endpoint",
    "PipelineName": "aws_sagemaker_pipeline",
}
"""Which type of resource a dimension of AWS's own metrics names."""


def role_of(plan, alarm):
    """Return the last word of an alarm's name."""
    return alarm.physical.removeprefix(f"{plan.prefix}-")


def watched(alarm):
    """Return the namespace, the name and the dimensions of each metric that an alarm looks at."""
    if alarm["metric_name"]:
        return [(alarm["namespace"], alarm["metric_name"], alarm["dimensions"] or {})]
    return [(m.get("namespace"), m.get("metric_name"), m.get("dimensions") or {}) for m in _queried(alarm)]


def metrics(alarm):
    """Return the metrics that an alarm looks at, as pairs of namespace and name."""
    return {(space, name) for space, name, _ in watched(alarm)}


@rule("ALARM", "cloudwatch-alarm-action-check; CloudWatch.15, CloudWatch.17")
def alarms(plan):
    """Every alarm tells the stack's topic when it fires and when it ends, and says what missing data means."""
    for alarm in plan.of(KIND):
        for attribute in ("alarm_actions", "ok_actions"):
            told = [plan.referred(action) for action in listed(alarm.body.get(attribute))]
            if not any(topic and topic.type == "aws_sns_topic" for topic in told):
                yield alarm.address, f"nobody is told by {attribute}"
        if alarm["actions_enabled"] is False:
            yield alarm.address, "its actions are off"
        if alarm["treat_missing_data"] not in MISSING:
            yield alarm.address, "it does not say what missing data means"
        if not alarm["alarm_description"]:
            yield alarm.address, "whoever is woken is not told why"


@rule("ALARM-SENSE", "AWS docs: evaluating an alarm")
def sense(plan):
    """An alarm's numbers can be evaluated: datapoints within the periods, and no further back than a week."""
    for alarm in plan.of(KIND):
        periods, points = alarm["evaluation_periods"], alarm["datapoints_to_alarm"]
        length = max([alarm["period"] or 0, *(metric.get("period") or 0 for metric in _queried(alarm))])
        if not isinstance(periods, int) or not isinstance(points, int) or not 1 <= points <= periods:
            yield alarm.address, f"{points} of {periods} periods cannot be evaluated"
        elif not 0 < periods * length <= LONGEST_SECONDS:
            yield alarm.address, "it looks back no time at all, or more than a week"
        if alarm["threshold"] is None or not alarm["comparison_operator"]:
            yield alarm.address, "nothing says what is too much"
        if alarm["metric_name"] and not (alarm["statistic"] or alarm["extended_statistic"]):
            yield alarm.address, "nothing says which statistic counts"
        if not alarm["metric_name"]:
            yield from ((alarm.address, message) for message in _against_queries(alarm))


def _queried(alarm):
    return [metric for query in alarm.blocks("metric_query") for metric in listed(query.get("metric"))]


def _against_queries(alarm):
    queries = alarm.blocks("metric_query")
    if len([query for query in queries if query.get("return_data") is True]) != 1:
        yield "not exactly one of its metrics decides"
    if any(not metric.get("period") or not metric.get("stat") for metric in _queried(alarm)):
        yield "a metric has no period or no statistic"
    made = {query.get("id") for query in queries if query.get("metric")}
    used = {name for query in queries for name in re.findall(r"\b[a-z]\w*", query.get("expression") or "")}
    if None in made or used != made:
        yield f"its expression uses {', '.join(sorted(used))}, and there is {', '.join(sorted(map(str, made)))}"


@rule("ALARM-SOURCE", "the three wiring faults of amazon-sagemaker-drift-detection")
def sources(plan):
    """Every metric that an alarm looks at is one of the stack's own namespace, or of something that the stack makes."""
    for alarm in plan.of(KIND):
        for space, name, named in watched(alarm):
            if (space, name) in counted(plan) and not named:
                continue
            if str(space).startswith("AWS/"):
                for dimension, kind in SOURCES.items():
                    made = {resource.physical for resource in plan.of(kind)}
                    if dimension in named and plan.plain(named[dimension]) not in made:
                        yield alarm.address, f"it watches {dimension} {named[dimension]}, which the stack does not make"
                if not set(SOURCES) & set(named) or ("EndpointName" in named and "VariantName" not in named):
                    yield alarm.address, "it watches the whole account, or an endpoint without its variant"
            elif space != f"Loop/{plan.prefix}" or named != {"Endpoint": plan.prefix}:
                yield alarm.address, f"{space} is not the stack's own namespace, or its dimension is another's"


@rule("ALARM-WATCH", "T15; dead-letter and heartbeat alarms")
def watchers(plan):
    """Heartbeats of monitor and handlers breach when they are missing; the queue of failures and errors are watched."""
    found = plan.of(KIND)
    heart = {name for a in found for _, name in metrics(a) if _is_heartbeat(a)}
    if plan.of("aws_lambda_function"):
        wanted = {"MonitorHeartbeat", "ControllerHeartbeat", "DeployerHeartbeat"}
        for name in sorted(wanted - heart):
            yield "(stack)", f"nobody notices when {name} is missing"
    for queue in plan.of("aws_sqs_queue"):
        if not any(_watches(plan, a, "QueueName", queue) and _counts(a) for a in found):
            yield queue.address, "nobody notices what it holds"
    for function in plan.of("aws_lambda_function"):
        if not any(_watches(plan, a, "FunctionName", function) and _counts(a) for a in found):
            yield function.address, "nobody notices that it fails"


def _is_heartbeat(alarm):
    below = alarm["comparison_operator"] in {"LessThanThreshold", "LessThanOrEqualToThreshold"}
    return alarm["treat_missing_data"] == "breaching" and below and alarm["statistic"] in {"Sum", "SampleCount"}


def _watches(plan, alarm, dimension, resource):
    return any(plan.plain(named.get(dimension, "")) == resource.physical for *_, named in watched(alarm))


def _counts(alarm):
    """Tell whether an alarm fires at the first one."""
    wanted = {"ApproximateNumberOfMessagesVisible": "Maximum", "Errors": "Sum"}
    above = alarm["comparison_operator"] == "GreaterThanThreshold" and alarm["threshold"] == 0
    least = alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold" and alarm["threshold"] == 1
    return (above or least) and wanted.get(alarm["metric_name"]) == alarm["statistic"]


@rule("ALARM-DRIFT", "security.md 4: missing data")
def drift(plan):
    """Too few rows are no drift and no recovery: drift and quality alarms take missing data as nothing new."""
    for alarm in plan.of(KIND):
        if role_of(plan, alarm) in {"drift", "quality"} and alarm["treat_missing_data"] != "ignore":
            yield alarm.address, "a day without rows would end, or start, its alarm"
