"""Metrics: every one that an alarm or the dashboard reads is published, under this name, namespace and dimension."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.graph.model import strings
from loopwright.wiring import filters
from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import allowed, as_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES", "Use", "used"]

SERVED: tuple[str, ...] = ("EndpointName", "VariantName")
# Namespace, then metric, then the dimensions it is published with.
AWS: dict[str, dict[str, tuple[str, ...]]] = {
    "AWS/SageMaker": dict.fromkeys(
        ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency", "OverheadLatency"), SERVED
    )
    | dict.fromkeys(("InvocationsPerInstance", "InvocationModelErrors", "ModelSetupTime"), SERVED),
    "/aws/sagemaker/Endpoints": dict.fromkeys(("CPUUtilization", "MemoryUtilization", "DiskUtilization"), SERVED),
    "AWS/Sagemaker/ModelBuildingPipeline": dict.fromkeys(
        ("ExecutionStarted", "ExecutionFailed", "ExecutionSucceeded", "ExecutionStopped", "ExecutionDuration"),
        ("PipelineName",),
    ),
    "AWS/Lambda": dict.fromkeys(("Errors", "Invocations", "Throttles", "Duration"), ("FunctionName",)),
    "AWS/SQS": dict.fromkeys(
        ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"), ("QueueName",)
    ),
    "AWS/Events": dict.fromkeys(("FailedInvocations", "Invocations", "InvocationsSentToDlq"), ("RuleName",)),
}
SERVERLESS = {
    "Invocations",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "ModelLatency",
    "ModelSetupTime",
    "MemoryUtilization",
    "OverheadLatency",
}
"""All that is published for a serverless endpoint; SageMaker's documentation calls the list exhaustive."""
OWN = ("Endpoint",)
STATISTIC = re.compile(r"SampleCount|Sum|Average|Minimum|Maximum|IQM|(p|tm|wm|tc|ts)\d{1,2}(\.\d+)?|p100")
HOUR, DAY, WEEK = 3600, 86_400, 604_800
IDENTIFIER = re.compile(r"\b[a-z][A-Za-z0-9_]*\b")
FIELD = re.compile(r"[@A-Za-z_][\w.]*")
FIELDS_OF = re.compile(r"(?:ispresent\(|fields |stats .*?\(|by |sort )([^|)]+)")
MILLISECONDS = 1000


@dataclass(frozen=True, kw_only=True)
class Use:
    """One metric that an alarm or a dashboard reads."""

    node: Node
    where: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    period: int | None
    statistic: str


def used(stack: Stack) -> list[Use]:
    """Return every metric that is read."""
    found = [use for node in stack.of("alarm") for use in alarm_metrics(stack, node)]
    boards = stack.graph.of_type("aws:cloudwatch/dashboard:Dashboard")
    return found + [use for node in boards for use in _board_metrics(stack, node)]


def alarm_metrics(stack: Stack, node: Node) -> list[Use]:
    """Return the metrics that an alarm reads."""
    inputs = stack.inputs(node)
    found = [_use(node, "", inputs)] if "metricName" in inputs else []
    for index, query in enumerate(inputs.get("metricQueries") or []):
        if "metric" in query:
            found.append(_use(node, f"metricQueries[{index}].metric", query["metric"]))
    return found


def _use(node: Node, where: str, metric: Mapping[str, Any]) -> Use:
    statistic = metric.get("statistic") or metric.get("extendedStatistic") or metric.get("stat") or ""
    return Use(
        node=node,
        where=where or "metricName",
        namespace=metric.get("namespace", ""),
        name=metric.get("metricName", ""),
        dimensions=metric.get("dimensions") or {},
        period=metric.get("period"),
        statistic=statistic,
    )


def _board_metrics(stack: Stack, node: Node) -> Iterator[Use]:
    for where, properties in _widgets(stack, node, "metric"):
        for index, row in enumerate(properties.get("metrics", [])):
            words = [word for word in row if isinstance(word, str)]
            own = row[-1] if isinstance(row[-1], dict) else {}
            if len(words) < 2:  # noqa: PLR2004 - an expression has no namespace and no name
                continue
            yield Use(
                node=node,
                where=f"{where}.metrics[{index}]",
                namespace=words[0],
                name=words[1],
                dimensions=dict(zip(words[2::2], words[3::2], strict=False)),
                period=own.get("period", properties.get("period")),
                statistic=own.get("stat", properties.get("stat", "Average")),
            )


def _widgets(stack: Stack, node: Node, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    body = stack.json(node, "dashboardBody")
    for index, widget in enumerate((body or {}).get("widgets", [])):
        if widget.get("type") == kind:
            yield f"dashboardBody.widgets[{index}].properties", widget.get("properties", {})


def publishers(stack: Stack) -> dict[str, str]:
    """Return the loop's own metrics, and who publishes each."""
    found = dict.fromkeys(stack.sources.signals or (), "monitor")
    return found | {name: word for word in stack.functions for name in stack.sources.published(word)}


def namespaces(stack: Stack) -> set[str]:
    """Return the namespaces that the handlers publish in."""
    found = {stack.variables(word).get("METRIC_NAMESPACE", "") for word in stack.functions}
    return found - {""}


def known(stack: Stack) -> Iterator[Finding]:
    """A metric that is read is one that AWS or the loop publishes, in this namespace and with these dimensions."""
    own, ours, filtered = publishers(stack), namespaces(stack), filters.made(stack)
    for use in used(stack):
        stack.proven["metrics"] += 1
        if use.namespace in AWS:
            wanted: tuple[str, ...] | None = AWS[use.namespace].get(use.name)
            maker = f"what AWS publishes in {use.namespace}"
        elif (use.namespace, use.name) in filtered:
            wanted, maker = filtered[use.namespace, use.name][1], "a filter of a log"
        elif use.namespace in ours:
            wanted, maker = (OWN if use.name in own else None), "what the monitor and the handlers publish"
        else:
            because = f"AWS has no such namespace in the table, and the handlers publish in {', '.join(sorted(ours))}"
            yield _broken("metrics.namespace", use, f"nothing is published in {use.namespace}", because)
            continue
        if wanted is None:
            yield _broken("metrics.name", use, f"nobody publishes {use.name}", f"{maker} does not include it")
        elif set(wanted) != set(use.dimensions):
            given = ", ".join(sorted(use.dimensions)) or "no dimension"
            with_them = ", ".join(wanted) or "no dimension"
            because = f"{use.name} is published with {with_them}, and a metric is found by all its dimensions"
            yield _broken("metrics.dimensions", use, f"{use.name} is read with {given}", because)


def served(stack: Stack) -> Iterator[Finding]:
    """A serverless endpoint publishes fewer metrics."""
    configs = (stack.inputs(node) for node in stack.of("endpoint-config"))
    variants = [variant for config in configs for variant in config.get("productionVariants") or []]
    if not any("serverlessConfig" in variant for variant in variants):
        return
    for use in used(stack):
        if use.namespace in {"AWS/SageMaker", "/aws/sagemaker/Endpoints"} and use.name not in SERVERLESS:
            because = "SageMaker publishes no such metric for a serverless endpoint"
            yield _broken("metrics.serverless", use, f"{use.name} will never have a value", because)


def periods(stack: Stack) -> Iterator[Finding]:
    """Periods, statistics and the time that an alarm looks back are ones that CloudWatch evaluates."""
    for use in used(stack):
        if use.period is None or (use.period not in {10, 20, 30} and (use.period % 60 or not use.period)):
            yield _broken("metrics.period", use, f"the period is {use.period}", "it is a multiple of 60 seconds")
        if not STATISTIC.fullmatch(use.statistic):
            yield _broken("metrics.statistic", use, f"the statistic is {use.statistic}", "CloudWatch knows no such one")
    for node in stack.of("alarm"):
        reads = alarm_metrics(stack, node)
        longest = max((use.period or 0 for use in reads), default=0)
        span = longest * int(stack.inputs(node).get("evaluationPeriods") or 1)
        if reads and span > (WEEK if longest >= HOUR else DAY):
            because = "an alarm looks back a day at most, or a week where its period is an hour or longer"
            yield _broken("metrics.period", reads[0], f"the alarm looks back {span} seconds", because)


def intervals(stack: Stack) -> Iterator[Finding]:
    """An alarm on what the monitor publishes has periods no shorter than the monitor's interval."""
    every, own = seconds(stack.agreed("drift", "every")), publishers(stack)
    for node in stack.of("alarm"):
        for use in alarm_metrics(stack, node):
            monitored = use.namespace in namespaces(stack) and own.get(use.name) == "monitor"
            if monitored and every and (use.period or 0) < min(every, DAY):
                because = f"the monitor runs every {every} seconds, so most periods of {use.period} seconds are empty"
                yield _broken("metrics.interval", use, f"{use.name} is read more often than published", because)


def expressions(stack: Stack) -> Iterator[Finding]:
    """An expression uses metrics that its alarm has, and one of its lines is what the alarm compares."""
    for node in stack.of("alarm"):
        queries = stack.inputs(node).get("metricQueries") or []
        known_ids = {query.get("id") for query in queries}
        for index, query in enumerate(queries):
            words = set(IDENTIFIER.findall(query.get("expression", "")))
            for word in sorted(words - known_ids):
                yield Finding(
                    rule="metrics.expression",
                    node=node.id,
                    path=f"metricQueries[{index}].expression",
                    what=f"the expression uses {word}",
                    because=f"the alarm has only {', '.join(sorted(map(str, known_ids)))}",
                    attempt="name a metric of the same alarm",
                )
        if queries and sum(bool(query.get("returnData")) for query in queries) != 1:
            yield Finding(
                rule="metrics.expression",
                node=node.id,
                path="metricQueries",
                what="the alarm does not say which line it compares",
                because="exactly one of its queries returns data",
                attempt="set returnData on the expression alone",
            )


def units(stack: Stack) -> Iterator[Finding]:
    """Latency comes in microseconds, and the contract says milliseconds."""
    limit = stack.agreed("rollout", "rollback", "p99_ms")
    for node in stack.of("alarm"):
        inputs = stack.inputs(node)
        reads = [use for use in alarm_metrics(stack, node) if use.name in {"ModelLatency", "OverheadLatency"}]
        if not reads or not isinstance(limit, int | float):
            continue
        formula = " ".join(str(query.get("expression", "")) for query in inputs.get("metricQueries") or [])
        divided = re.search(r"/\s*1000\b", formula) is not None
        if inputs.get("threshold") != (limit if divided else limit * MILLISECONDS):
            because = f"{reads[0].name} is in microseconds, and loop.yaml allows {limit} milliseconds"
            yield _broken("metrics.unit", reads[0], f"the limit is {inputs.get('threshold')}", because)


def allowed_to_publish(stack: Stack) -> Iterator[Finding]:
    """Whoever publishes may do so in the namespace that is read; a job is told which one that is."""
    ours = namespaces(stack)
    for node, where, step, role in jobs_that_publish(stack):
        environment = step.get("Arguments", {}).get("Environment", {})
        words = [value for _, value in strings(step.get("Arguments", {}).get("AppSpecification", {}))]
        for namespace in sorted(ours):
            context = {**stack.context, "cloudwatch:namespace": namespace}
            if not allowed(stack.policy(role), "cloudwatch:PutMetricData", "*", context):
                yield Finding(
                    rule="metrics.permission",
                    node=role.id,
                    path="policy",
                    what=f"the job {step.get('Name')} may not publish in {namespace}",
                    because="its role allows another namespace, and alarms and dashboard read this one",
                    attempt="allow the namespace of the stack",
                )
            told = {*environment.values(), *words}
            for wanted in (namespace, *stack.named("endpoint")):
                if wanted not in told:
                    yield Finding(
                        rule="metrics.told",
                        node=node.id,
                        path=f"{where}.Arguments",
                        what=f"the job {step.get('Name')} is not told to publish for {wanted}",
                        because="neither its environment nor its arguments hold that, and it knows no stack",
                        attempt="hand namespace and endpoint over, as the functions are handed METRIC_NAMESPACE",
                    )


def jobs_that_publish(stack: Stack) -> Iterator[tuple[Node, str, dict[str, Any], Node]]:
    """Yield the steps whose role may publish metrics somewhere, with that role."""
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            role = stack.at(step.get("Arguments", {}).get("RoleArn"), "role")
            actions = [
                action for each in (stack.policy(role) if role else ()) for action in as_list(each.get("Action"))
            ]
            if role and "cloudwatch:PutMetricData" in actions:
                yield node, where, step, role


def log_fields(stack: Stack) -> Iterator[Finding]:
    """A query over a function's log reads fields that the function writes; one over the jobs', the monitor's event."""
    functions = {f"/aws/lambda/{stack.name(node)}": word for word, node in stack.functions.items()}
    for node in stack.graph.of_type("aws:cloudwatch/dashboard:Dashboard"):
        for where, properties in _widgets(stack, node, "log"):
            query = str(properties.get("query", ""))
            source = query.partition("SOURCE '")[2].partition("'")[0]
            events = re.findall(r'event = "([^"]+)"', query)
            wrong = [event for event in events if event != stack.sources.feature_event]
            endpoints = re.findall(r'endpoint = "([^"]+)"', query)
            wrong += [name for name in endpoints if name not in stack.named("endpoint")]
            if source in functions:
                logged = stack.sources.logged(functions[source])
                wrong += sorted(name for name in _fields(query) if name.partition(".")[0] not in logged)
            stack.proven["log fields"] += len(_fields(query)) + len(events)
            if wrong:
                yield Finding(
                    rule="metrics.log_field",
                    node=node.id,
                    path=f"{where}.query",
                    what=f"the query reads {', '.join(wrong)}",
                    because=f"nothing that writes to {source} has that, so the table stays empty",
                    attempt="name the fields as the handler logs them: they are at the top of its line, or of `state`",
                )


def _fields(query: str) -> set[str]:
    """Return the fields that a query names; what begins with @ is CloudWatch's own."""
    words = [word for part in FIELDS_OF.findall(query) for word in FIELD.findall(part)]
    aliases = set(re.findall(r" as (\w+)", query))
    return {word for word in words if not word.startswith("@")} - aliases - {"desc", "asc", "as", "by", "latest"}


def unread(stack: Stack) -> Iterator[Finding]:
    """A metric that nobody reads is money for nothing."""
    read = {use.name for use in used(stack)}
    for name, word in sorted(publishers(stack).items()):
        if stack.functions and name not in read:
            yield Finding(
                rule="metrics.unread",
                node="ml/signals.py" if word == "monitor" else f"infra/mlops/handlers/{word}.py",
                path="",
                what=f"{name} is published, and nobody reads it",
                because="no alarm and no graph of the dashboard has it, and each metric costs by the month",
                attempt="draw it, watch it, or stop publishing it",
                note=True,
            )


def seconds(duration: Any) -> int:
    """Return the seconds of a duration as ``1d``; 0 of anything else."""
    found = re.fullmatch(r"(\d+)([smhd])", str(duration))
    return int(found[1]) * {"s": 1, "m": 60, "h": HOUR, "d": DAY}[found[2]] if found else 0


def _broken(rule: str, use: Use, what: str, because: str) -> Finding:
    return Finding(
        rule=rule,
        node=use.node.id,
        path=use.where,
        what=what,
        because=because,
        attempt="read what is published, or publish what is read: ml/signals.py and infra/mlops/handlers name it",
    )


RULES = (
    known,
    served,
    periods,
    intervals,
    expressions,
    units,
    allowed_to_publish,
    log_fields,
    unread,
)
