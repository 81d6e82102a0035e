"""A small stack for the tests of the emulated AWS: one of each resource that an event or a schedule needs."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loopwright.graph.model import parse
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import ACCOUNT_ID, KINDS, Stack

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REGION = "eu-west-1"


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


FUNCTION, QUEUE, PIPELINE = arn("lambda", "function:wake"), arn("sqs", "failed"), arn("sagemaker", "pipeline/monitor")
RULE, SCHEDULE = arn("events", "rule/arrived"), arn("scheduler", "schedule/default/tick")
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/worker"
KEY = "<<ref:/aws:kms/key:Key::key#arn/-ref>>"
KEY_USE = ["kms:Decrypt", "kms:GenerateDataKey"]


def _allow(**statement):
    return {"Effect": "Allow", "Resource": "*", **statement}


def _policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


SENDS = {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}
INPUTS = {
    "bucket": {"bucket": "data"},
    "notification": {"bucket": "data", "eventbridge": True},
    "rule": {
        "name": "arrived",
        "eventPattern": json.dumps({"source": ["aws.s3", "test"], "detail": {"object": {"key": [{"prefix": "new/"}]}}}),
    },
    "target": {
        "rule": "arrived",
        "arn": FUNCTION,
        "deadLetterConfig": {"arn": QUEUE},
        "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 8},
    },
    "permission": {
        "function": FUNCTION,
        "principal": "events.amazonaws.com",
        "action": "lambda:InvokeFunction",
        "sourceArn": RULE,
    },
    "function": {
        "name": "wake",
        "role": ROLE,
        "timeout": 60,
        "reservedConcurrentExecutions": 1,
        "deadLetterConfig": {"targetArn": QUEUE},
    },
    "config": {"functionName": "wake", "maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 2},
    "queue": {"name": "failed", "kmsMasterKeyId": KEY, "messageRetentionSeconds": 14 * 86_400},
    "queue-policy": {
        "queueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/failed",
        "policy": _policy(_allow(Principal=SENDS, Action="sqs:SendMessage")),
    },
    "key": {
        "policy": _policy(_allow(Principal=SENDS, Action=KEY_USE), _allow(Principal={"AWS": ROLE}, Action=KEY_USE))
    },
    "role": {
        "name": "worker",
        "assumeRolePolicy": _policy(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
            }
        ),
    },
    "role-policy": {
        "role": "worker",
        "policy": _policy(
            _allow(Action="lambda:InvokeFunction", Resource=FUNCTION),
            _allow(Action="sagemaker:StartPipelineExecution", Resource=PIPELINE),
            _allow(Action="sqs:SendMessage", Resource=QUEUE),
        ),
    },
    "pipeline": {"pipelineName": "monitor"},
    "parameter": {
        "name": "/small/dev/paused",
        "type": "String",
        "insecureValue": "false",
        "allowedPattern": "^(true|false)$",
    },
    "budget": {
        "name": "small-budget",
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": "300.00",
        "limitUnit": "USD",
    },
    "topic": {"name": "alerts", "kmsMasterKeyId": KEY},
    "topic-policy": {
        "arn": arn("sns", "alerts"),
        "policy": _policy(_allow(Principal={"Service": "cloudwatch.amazonaws.com"}, Action="sns:Publish")),
    },
    "schedule": {
        "name": "tick",
        "scheduleExpression": "rate(1 hour)",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {
            "arn": FUNCTION,
            "roleArn": ROLE,
            "input": '{"reason": "tick"}',
            "deadLetterConfig": {"arn": QUEUE},
            "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 8},
        },
    },
}
TYPES = KINDS | {
    "notification": "aws:s3/bucketNotification:BucketNotification",
    "config": "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "queue-policy": "aws:sqs/queuePolicy:QueuePolicy",
    "topic-policy": "aws:sns/topicPolicy:TopicPolicy",
}


def small(*without, **changed):
    """Return the stack without some nodes, and with others changed: None takes an input away, a dot goes deeper.

    Names hold an underscore for a dash; an input is written ``{"target.input": None}``.
    """
    inputs = copy.deepcopy({name: each for name, each in INPUTS.items() if name not in without})
    for name, changes in changed.items():
        for path, value in changes.items():
            _set(inputs[name.replace("_", "-")], path.split("."), value)
    document = {
        "format": 1,
        "project": "small",
        "stack": "dev",
        "config": {"aws:region": REGION},
        "nodes": [_node(name, each) for name, each in sorted(inputs.items())],
        "outputs": {},
    }
    return Stack(parse(document), Sources(Path("nowhere")))


def _set(inputs, path, value):
    for key in path[:-1]:
        inputs = inputs.setdefault(key, {})
    if value is None:
        inputs.pop(path[-1])
    else:
        inputs[path[-1]] = value


def _node(name, inputs):
    kind = TYPES[name]
    rest = {"parent": None, "dependsOn": [], "protect": False, "ignoreChanges": [], "provider": None}
    return {"id": f"{kind}::{name}", "kind": "resource", "type": kind, "name": name, "inputs": inputs, **rest}


def arrival(key="new/a", source="test", **more):
    """Return an event that the rule matches."""
    return {
        "version": "0",
        "id": key,
        "detail-type": "Object Created",
        "source": source,
        "account": ACCOUNT_ID,
        "time": "2026-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {"bucket": {"name": "data"}, "object": {"key": key}},
        **more,
    }


class Told:
    """Metrics as they are put."""

    def __init__(self):
        self.points = []

    def put(self, namespace, name, dimensions, value, time, *, unit=None):
        self.points.append((namespace, name, dict(dimensions), value, time, unit))

    def total(self, name):
        return sum(value for _, named, _, value, *_ in self.points if named == name)
