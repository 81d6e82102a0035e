"""The topic that people are told by, and the queue of what failed."""

from __future__ import annotations

from rules.plan import ACCOUNT
from rules.registry import rule
from rules.statements import policies, statements

KEPT_SECONDS = 14 * 86_400


def _bound(statement):
    return statement.condition("aws:SourceAccount", "StringEquals") == [ACCOUNT]


@rule("SNS", "SNS.1, SNS.4")
def topics(plan):
    """A topic is encrypted with the stack's key; only services that act for this account publish to it."""
    for topic in plan.of("aws_sns_topic"):
        if plan.referred(topic["kms_master_key_id"]) is None:
            yield topic.address, "it is not encrypted with a key of the stack"
    yield from _only_services(plan, "topic", {"sns:Publish"})


@rule("SNS-HEARD", "an alarm that nobody may publish")
def heard(plan):
    """Alarms and budgets may publish to the topic that they are told to."""
    arns = {plan.arn(topic) for topic in plan.of("aws_sns_topic")}
    for arn in sorted(arns):
        for service in ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"):
            mine = [s for _, s in statements(plan, "topic") if service in s.principals("Service")]
            if not any(statement.grants("sns:Publish", arn) for statement in mine):
                yield arn, f"{service} may not publish"


@rule("SQS", "SQS.1, SQS.3")
def queues(plan):
    """A queue is encrypted with the stack's key and keeps for two weeks; only this stack's rules write to it."""
    for queue in plan.of("aws_sqs_queue"):
        if plan.referred(queue["kms_master_key_id"]) is None:
            yield queue.address, "it is not encrypted with a key of the stack"
        if queue["message_retention_seconds"] != KEPT_SECONDS:
            yield queue.address, "what failed is gone before two weeks have passed"
        mine = [p for p in plan.of("aws_sqs_queue_policy") if plan.referred(p["queue_url"]) is queue]
        arn = plan.arn(queue)
        if not any(s.grants("sqs:SendMessage", arn) for p in policies(plan, "queue") for s in p.statements) or not mine:
            yield queue.address, "EventBridge may not keep what it could not deliver"
    yield from _only_services(plan, "queue", {"sqs:SendMessage"})
    for policy, statement in statements(plan, "queue"):
        sources = statement.condition("aws:SourceArn")
        rules = f"arn:aws:events:{plan.region}:{ACCOUNT}:rule/{plan.prefix}-"
        if statement.allows and not (sources and all(source.startswith(rules) for source in sources)):
            yield policy.where, f"{statement.sid} is not limited to this stack's rules"


def _only_services(plan, kind, actions):
    for policy, statement in statements(plan, kind):
        if not statement.allows:
            continue
        if statement.principals("AWS") or not statement.principals("Service"):
            yield policy.where, f"{statement.sid} lets somebody in who is no service"
        if not _bound(statement):
            yield policy.where, f"{statement.sid} lets a service act for another account"
        if odd := set(statement.actions) - actions:
            yield policy.where, f"{statement.sid} allows {', '.join(sorted(odd))}"


@rule("POLICY-OWN", "AWS docs: resource-based policies")
def own_resource(plan):
    """The policy of a bucket, a topic or a queue speaks of nothing but that, and is attached to one of the stack."""
    attached = {"bucket": "bucket", "topic": "arn", "queue": "queue_url"}
    for policy, statement in statements(plan, *attached):
        resource = plan.referred(policy.resource[attached[policy.kind]])
        arn = plan.arn(resource) if resource else None
        for named in statement.resources:
            if arn is None or named not in {arn, f"{arn}/*"}:
                yield policy.where, f"{statement.sid} speaks of {named}"


@rule("SNS-SUB", "AWS docs: subscriptions")
def subscriptions(plan):
    """People subscribe to the stack's topic by mail, or by HTTPS."""
    for each in plan.of("aws_sns_topic_subscription"):
        if plan.referred(each["topic_arn"]) is None or each["protocol"] not in {"email", "email-json", "https"}:
            yield each.address, f"{each['protocol']} is in the open, or the topic is another's"
