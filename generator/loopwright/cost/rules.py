"""What each type of resource costs: one small rule a type. A type without a rule, and not known as free, is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.cost.bill import Bill, Cost
from loopwright.cost.facts import Facts, referred
from loopwright.cost.frequency import HOURS, per_month

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopwright.cost.prices import Prices
    from loopwright.graph.model import Node

    Rule = Callable[[Node, Facts, Bill], str]

__all__ = ["cost", "known_types", "metrics_cost"]

_SCALING = "aws:appautoscaling/target:Target"
_SCALING_ALARMS = 2
"""Target tracking makes one alarm to grow by and one to shrink by."""
_FAST_SECONDS = 60
_KB, _MB = 1e-6, 1 / 1024
"""In GB."""


def cost(node: Node, facts: Facts, prices: Prices) -> Cost:
    """Return what a resource costs a month."""
    if reason := prices.free.get(node.type):
        return Cost(free=True, basis=reason)
    rule = _RULES.get(node.type)
    if rule is None:
        return Cost(unknown=(node.type,), basis="nobody has told us what this type costs")
    bill = Bill(prices=prices, region=facts.graph.region(node))
    return bill.cost(rule(node, facts, bill))


def metrics_cost(facts: Facts, prices: Prices, region: str | None) -> Cost | None:
    """Return what the loop's own metrics cost, which are no resources; None if there are none."""
    named = len(facts.own_metrics)
    if not named:
        return None
    bill = Bill(prices=prices, region=region)
    count = named + facts.assumed.unseen_metrics
    bill.add("always", "cloudwatch.metric", count)
    return bill.cost(f"{count:g} metrics at the price of a whole month; one sent once a day costs a 24th")


def known_types(prices: Prices) -> frozenset[str]:
    """Return every type that is free or has a rule."""
    return frozenset(_RULES) | frozenset(prices.free)


def _key(_: Node, facts: Facts, bill: Bill) -> str:
    bill.add("always", "kms.key", 1)
    bill.add("timed", "kms.request", facts.assumed.key_requests)
    return "each of the first two rotations adds as much"


def _bucket(node: Node, facts: Facts, bill: Bill) -> str:
    bill.add("timed", "s3.put", facts.assumed.bucket_writes)
    months = facts.capture(node)
    if months is None:
        bill.add("timed", "s3.gb", facts.assumed.bucket_gb)
        return f"{facts.assumed.bucket_gb:g} GB"
    kept = facts.assumed.requests * facts.assumed.request_kb * _KB * months
    bill.add("asked", "s3.gb", kept)
    return f"{kept:.2g} GB of captured requests"


def _images(_: Node, facts: Facts, bill: Bill) -> str:
    bill.add("timed", "ecr.gb", facts.assumed.image_gb)
    return f"{facts.assumed.image_gb:g} GB"


def _alarm(node: Node, _: Facts, bill: Bill) -> str:
    """Count a metric-math alarm once for each metric in it."""
    queries = [query["metric"] for query in node.inputs.get("metricQueries", []) if "metric" in query]
    metrics = queries or [node.inputs]
    fast = any(int(metric.get("period") or _FAST_SECONDS) < _FAST_SECONDS for metric in metrics)
    bill.add("always", "cloudwatch.alarm.fast" if fast else "cloudwatch.alarm", len(metrics))
    return f"{len(metrics)} metrics" if len(metrics) > 1 else ""


def _dashboard(_: Node, __: Facts, bill: Bill) -> str:
    bill.add("always", "cloudwatch.dashboard", 1)
    return ""


def _log_group(node: Node, facts: Facts, bill: Bill) -> str:
    """Count a line for each run of a function, or for each request of the endpoint."""
    name = str(node.inputs.get("name", ""))
    functions = {f"/aws/lambda/{f.inputs.get('name')}": f for f in facts.graph.of_type("aws:lambda/function:Function")}
    function = functions.get(name)
    lines = facts.scheduled(function) + facts.events(function) if function else facts.assumed.requests
    taken = lines * facts.assumed.log_kb * _KB
    months = min(float(node.inputs.get("retentionInDays") or HOURS / 2) * 24 / HOURS, 12.0)
    bill.add("timed" if function else "asked", "cloudwatch.log.gb", taken)
    bill.add("timed" if function else "asked", "cloudwatch.log.kept", taken * months)
    return f"{taken:.2g} GB a month"


def _function(node: Node, facts: Facts, bill: Bill) -> str:
    runs = facts.scheduled(node) + facts.events(node)
    gb = float(node.inputs.get("memorySize", 128)) * _MB
    [architecture] = node.inputs.get("architectures", ["x86_64"])
    bill.add("timed", "lambda.request", runs)
    bill.add("timed", f"lambda.gb_second.{architecture}", runs * gb * facts.assumed.function_seconds)
    if node.inputs.get("tracingConfig", {}).get("mode") == "Active":
        bill.add("timed", "xray.trace", runs)
    return f"{runs:,.0f} runs"


def _schedule(node: Node, _: Facts, bill: Bill) -> str:
    expression = str(node.inputs.get("scheduleExpression"))
    runs = per_month(expression)
    if runs is None:
        bill.not_known(f"how often {expression} is")
        return expression
    bill.add("timed", "eventbridge.schedule", runs)
    return f"{expression}: {runs:,.0f} times"


def _topic(_: Node, facts: Facts, bill: Bill) -> str:
    bill.add("timed", "sns.mail", facts.assumed.mails)
    return f"{facts.assumed.mails:g} mails"


def _queue(_: Node, facts: Facts, bill: Bill) -> str:
    bill.add("timed", "sqs.request", facts.assumed.rule_events)
    return "what could not be delivered"


def _pipeline(node: Node, facts: Facts, bill: Bill) -> str:
    jobs, unknown = facts.jobs(node)
    runs, hours = facts.runs(node), facts.assumed.step_minutes / 60
    for what in unknown:
        bill.not_known(what)
    for job in jobs:
        expected = runs.expected * job.count * min(hours, job.limit_hours)
        most = runs.most * job.count * job.limit_hours
        bill.hours("timed", job.instance, expected, most=most)
        volume = job.volume_gb / HOURS
        bill.add("timed", "sagemaker.volume.gb", expected * volume, most=most * volume)
    machines = ", ".join(dict.fromkeys(job.instance for job in jobs))
    times = f"{runs.expected:.3g} runs" + (f", at most {runs.most:.3g}" if runs.most > runs.expected else "")
    limit = sum(job.limit_hours for job in jobs)
    jobs_text = f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}"
    return f"{times}; {jobs_text} on {machines}, time limit {limit:g} h" if jobs else times


def _endpoint(node: Node, facts: Facts, bill: Bill) -> str:
    config = facts.graph.nodes.get(referred(node.inputs.get("endpointConfigName")) or "")
    if config is None:
        bill.not_known("the endpoint's configuration")
        return "its configuration is not in the graph"
    data = facts.assumed.requests * facts.assumed.request_kb * _KB
    bill.add("asked", "sagemaker.data.gb", data)
    words = []
    shadows = config.inputs.get("shadowProductionVariants", [])
    for variant in [*config.inputs.get("productionVariants", []), *shadows]:
        if serverless := variant.get("serverlessConfig"):
            gb = float(serverless["memorySizeInMb"]) * _MB
            seconds = facts.assumed.requests * facts.assumed.request_ms / 1000
            bill.add("asked", "sagemaker.serverless.gb_second", seconds * gb)
            if serverless.get("provisionedConcurrency"):
                bill.not_known("provisioned concurrency")
            words.append(f"serverless, {gb:g} GB: nothing while nobody asks")
            continue
        count, instance = int(variant.get("initialInstanceCount") or 1), str(variant.get("instanceType"))
        most = max(count, _largest(node, facts))
        bill.hours("always", instance, count * HOURS, most=most * HOURS)
        words.append(f"{count} x {instance}" + (f", at most {most}" if most > count else ""))
    return "; ".join(words)


def _largest(endpoint: Node, facts: Facts) -> int:
    targets = [t for t in facts.graph.of_type(_SCALING) if referred(t.inputs.get("resourceId")) == endpoint.id]
    return max((int(target.inputs["maxCapacity"]) for target in targets), default=0)


def _scaling(_: Node, __: Facts, bill: Bill) -> str:
    bill.add("always", "cloudwatch.alarm", _SCALING_ALARMS)
    return f"{_SCALING_ALARMS} alarms that target tracking makes"


def _network_endpoint(node: Node, _: Facts, bill: Bill) -> str:
    if node.inputs.get("vpcEndpointType", "Gateway") == "Gateway":
        return "a gateway endpoint costs nothing"
    zones = len(node.inputs.get("subnetIds", ())) or 1
    bill.add("always", "vpc.endpoint", zones * HOURS)
    return f"in {zones} zones"


def _tracking_server(node: Node, _: Facts, bill: Bill) -> str:
    size = str(node.inputs.get("trackingServerSize", "Small"))
    bill.add("always", f"sagemaker.mlflow.{size}", HOURS)
    return f"{size}, day and night; it can be stopped"


def _features(_: Node, facts: Facts, bill: Bill) -> str:
    bill.add("asked", "sagemaker.features.write", facts.assumed.requests)
    bill.add("asked", "sagemaker.features.read", facts.assumed.requests)
    bill.add("timed", "sagemaker.features.gb", facts.assumed.requests * facts.assumed.request_kb * _KB)
    return "one write and one read a request"


_RULES: dict[str, Rule] = {
    _SCALING: _scaling,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _network_endpoint,
    "aws:ecr/repository:Repository": _images,
    "aws:kms/key:Key": _key,
    "aws:lambda/function:Function": _function,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:sagemaker/endpoint:Endpoint": _endpoint,
    "aws:sagemaker/featureGroup:FeatureGroup": _features,
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": _tracking_server,
    "aws:sagemaker/pipeline:Pipeline": _pipeline,
    "aws:scheduler/schedule:Schedule": _schedule,
    "aws:sns/topic:Topic": _topic,
    "aws:sqs/queue:Queue": _queue,
}
