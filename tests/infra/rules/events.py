"""EventBridge rules and schedules."""

from __future__ import annotations

import json
import re

from rules.plan import Plan, listed
from rules.registry import rule
from rules.statements import granted

RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
FIELDS = (
    r"\*|\*/\d+|[0-9,/-]+",
    r"\*|\*/\d+|[0-9,/-]+",
    r"\?|\*|L|\d+W|[0-9,/LW-]+",
    r"\*|[0-9A-Z,/-]+",
    r"\?|\*|[0-9A-Z,/#L-]+",
    r"\*|[0-9,/-]+",
)
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
AGE_SECONDS = (60, 86_400)
TYPES = {
    "aws.cloudwatch": {"CloudWatch Alarm State Change"},
    "aws.s3": {"Object Created"},
    "aws.sagemaker": {
        "SageMaker Endpoint Deployment State Change",
        "SageMaker Endpoint State Change",
        "SageMaker Model Building Pipeline Execution Status Change",
        "SageMaker Model Package State Change",
    },
}
"""Events that AWS documents, by who sends them."""
FIELD = {
    "CloudWatch Alarm State Change": ("detail", "alarmName"),
    "Object Created": ("detail", "bucket", "name"),
    "SageMaker Endpoint Deployment State Change": ("resources",),
    "SageMaker Endpoint State Change": ("resources",),
    "SageMaker Model Building Pipeline Execution Status Change": ("detail", "pipelineArn"),
    "SageMaker Model Package State Change": ("detail", "ModelPackageGroupName"),
}
"""Where an event says whose it is."""
STEERED = {"lambda": "lambda:InvokeFunction", "pipeline": "sagemaker:StartPipelineExecution"}


def _targets(plan):
    """Return everything that events are delivered to, as resource and block."""
    rules = [(target, target.body) for target in plan.of("aws_cloudwatch_event_target")]
    return rules + [(each, block) for each in plan.of("aws_scheduler_schedule") for block in each.blocks("target")]


@rule("EB-DLQ", "AWS docs: event retry policy and dead-letter queues")
def kept(plan):
    """Every target of a rule or a schedule tries again for a bounded time, then the stack's queue keeps the event."""
    for resource, target in _targets(plan):
        config = target.get("dead_letter_config")
        queue = plan.referred((config[0] if isinstance(config, list) and config else config or {}).get("arn"))
        if queue is None or queue.type != "aws_sqs_queue":
            yield resource.address, "what cannot be delivered is lost"
        retry = (listed(target.get("retry_policy")) or [{}])[0]
        age, times = retry.get("maximum_event_age_in_seconds"), retry.get("maximum_retry_attempts")
        if not isinstance(age, int) or not AGE_SECONDS[0] <= age <= AGE_SECONDS[1]:
            yield resource.address, "nothing says how long it is tried"
        if not isinstance(times, int) or not 1 <= times <= 185:
            yield resource.address, "nothing says how often it is tried"


@rule("EB-PATTERN", "AWS docs: event patterns; a pattern that is too wide wakes for others")
def patterns(plan):
    """A rule waits for an event that AWS sends, limited to what this stack owns."""
    for each in plan.of("aws_cloudwatch_event_rule"):
        if each["schedule_expression"] or not each["event_pattern"]:
            yield each.address, "it waits for no event"
            continue
        for message in _against(plan, plan.plain(each["event_pattern"])):
            yield each.address, message


def _against(plan, text):
    try:
        pattern = json.loads(text)
    except ValueError:
        pattern = None
    if not isinstance(pattern, dict) or not _is_pattern(pattern):
        yield "its pattern is none: every value is a list, or an object of such"
        return
    sources, types = listed(pattern.get("source")), listed(pattern.get("detail-type"))
    known = len(sources) == 1 and bool(types) and set(types) <= TYPES.get(str(sources[0]), set())
    if not known or len({FIELD[each] for each in types}) != 1:
        yield f"{sources} does not send {types}"
        return
    values = pattern
    for step in FIELD[types[0]]:
        values = values.get(step, {}) if isinstance(values, dict) else {}
    if not values or not all(isinstance(value, str) and _ours(plan, value) for value in listed(values)):
        yield f"it wakes for what other stacks own: {values or 'everything'}"


def _is_pattern(pattern):
    return all(
        _is_pattern(value) if isinstance(value, dict) else isinstance(value, list) and bool(value)
        for value in pattern.values()
    )


def _ours(plan: Plan, value):
    made = {resource.physical for resource in plan.resources if resource.physical}
    made |= {plan.plain(name) for name in made}
    arns = {plan.arn(resource) for resource in plan.resources}
    return value in made | arns


@rule("EB-ON", "a rule that is off")
def enabled(plan):
    """Every rule and schedule is on."""
    for each in plan.of("aws_cloudwatch_event_rule", "aws_scheduler_schedule"):
        if each["state"] not in {None, "ENABLED"} or each["is_enabled"] is False:
            yield each.address, "it is off"


@rule("EB-TARGET", "the wiring faults of amazon-sagemaker-drift-detection")
def delivered(plan):
    """Every rule has one target, which lets it in."""
    for each in plan.of("aws_cloudwatch_event_rule"):
        mine = plan.belonging("aws_cloudwatch_event_target", "rule", each)
        if len(mine) != 1:
            yield each.address, f"it has {len(mine)} targets"
        for target in mine:
            if not any(_lets(plan, permission, each, target) for permission in plan.of("aws_lambda_permission")):
                yield target.address, "its function does not let the rule in"
    for target in plan.of("aws_cloudwatch_event_target"):
        if plan.referred(target["rule"]) is None:
            yield target.address, "its rule is none of the stack"


def _lets(plan, permission, each, target):
    function = plan.referred(target["arn"])
    return (
        function is not None
        and plan.referred(permission["function_name"]) is function
        and plan.referred(permission["source_arn"]) is each
        and permission["principal"] == "events.amazonaws.com"
    )


@rule("SCHED-TARGET", "the wiring faults of amazon-sagemaker-drift-detection")
def scheduled(plan):
    """Whatever a schedule starts is there, may be started by it, and is told why."""
    for each in plan.of("aws_scheduler_schedule"):
        arn = plan.plain(each["target.arn"])
        action = STEERED["pipeline" if ":pipeline/" in arn else "lambda"]
        role = plan.referred(each["target.role_arn"])
        made = {plan.arn(thing) for thing in plan.of("aws_lambda_function", "aws_sagemaker_pipeline")}
        if arn not in made or not granted(plan, role, action, arn):
            yield each.address, f"{arn} is not there, or may not be started"
        if ":function:" in arn and '"reason"' not in str(each["target.input"]):
            yield each.address, "the handler is not told why it is woken"
        queue = plan.referred(each["target.dead_letter_config.arn"])
        if queue and not granted(plan, role, "sqs:SendMessage", plan.arn(queue)):
            yield each.address, "Scheduler may not keep what it could not deliver"


@rule("EB-HEARD", "AWS docs: S3 sends events only where EventBridge is on")
def sent(plan):
    """Events of a bucket that a rule waits for are sent."""
    told = [plan.referred(n["bucket"]) for n in plan.of("aws_s3_bucket_notification") if n["eventbridge"] is True]
    for each in plan.of("aws_s3_bucket_notification"):
        if (
            plan.referred(each["bucket"]) is None
            or each["eventbridge"] is not True
            or set(each.body) - {"bucket", "eventbridge", "depends_on"}
        ):
            yield each.address, "it tells somebody else, or nobody"
    names = {plan.plain(bucket.physical) for bucket in told if bucket}
    for each in plan.of("aws_cloudwatch_event_rule"):
        found = re.search(r'"bucket": \{"name": \["([^"]+)"', plan.plain(each["event_pattern"]))
        if found and found[1] not in names:
            yield each.address, f"{found[1]} sends no events"


@rule("SCHED-EXPR", "AWS docs: schedule types; no scanner reads these")
def expressions(plan):
    """A schedule's expression is one that Scheduler reads, in UTC, at its exact time."""
    for each in plan.of("aws_scheduler_schedule"):
        text = str(each["schedule_expression"])
        if not (RATE.fullmatch(text) or (CRON.fullmatch(text) and _is_cron(text[5:-1].split()))):
            yield each.address, f"{text} is no rate and no cron expression of six fields"
        if each["schedule_expression_timezone"] not in {None, "UTC"}:
            yield each.address, "its time changes with the season"
        if each["flexible_time_window.mode"] != "OFF":
            yield each.address, "it comes at any time of a window"
        if each["start_date"] or each["end_date"]:
            yield each.address, "it begins or ends one day"


def _is_cron(fields):
    valid = all(re.fullmatch(form, text) for form, text in zip(FIELDS, fields, strict=True))
    numbers = [
        (int(number), limit)
        for text, limit in zip(fields, LIMITS, strict=True)
        for number in re.findall(r"(?<![/\d])\d+", text)
    ]
    return valid and (fields[2] == "?") != (fields[4] == "?") and all(a <= n <= b for n, (a, b) in numbers)


@rule("SCHED-KMS", "AWS docs: Scheduler encryption at rest")
def encrypted(plan):
    """A schedule's payload is encrypted with the stack's key."""
    for each in plan.of("aws_scheduler_schedule"):
        if plan.referred(each["kms_key_arn"]) is None:
            yield each.address, "it is not encrypted with a key of the stack"


@rule("SCHED-LOOP", "a lost event must not matter")
def rechecked(plan):
    """The monitor and both handlers are woken by the clock, too."""
    started = {plan.plain(each["target.arn"]) for each in plan.of("aws_scheduler_schedule")}
    wanted = plan.of("aws_lambda_function") + [
        pipeline for pipeline in plan.of("aws_sagemaker_pipeline") if pipeline.physical.endswith("-monitor")
    ]
    for each in wanted:
        if plan.arn(each) not in started:
            yield each.address, "only events wake it, and they can be lost"
