"""What both handlers need around their decisions: clients, and telling what was decided.

Every wake-up leaves one structured log line, one object in the append-only record, and metrics with a heartbeat. A
page goes to the topic at most once a day for the same matter: a wake-up every hour must not be a page every hour.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .variables import Variables

# All executions that the controller reads: a decision is recorded with the whole of what it follows from.
TEXT_LIMIT, ITEM_LIMIT, DEPTH_LIMIT = 1024, 300, 8
# With these, a call ends within the functions' own time limit, whatever the service does.
CLIENT = Config(
    retries={"mode": "adaptive", "total_max_attempts": 5}, connect_timeout=5, read_timeout=20, tcp_keepalive=True
)


class UnreadableError(Exception):
    """The state of the world cannot be read, or makes no sense."""


FAULTS = (BotoCoreError, ClientError, UnreadableError)
"""What a read or a change on AWS may end with; anything else is a fault of the program."""


@functools.cache
def client(service: str) -> Any:
    """Return the client of a service, made once for all wake-ups of this process."""
    return boto3.client(service, config=CLIENT)


def clock() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def pages(
    operation: Callable[..., Any],
    key: str,
    *,
    limit: int = 3,
    tokens: tuple[str, str] = ("NextToken",) * 2,
    **request: Any,
) -> Iterator[Any]:
    """Yield the items of a listing, at most ``limit`` pages of it."""
    for _ in range(limit):
        answer = operation(**request)
        yield from answer.get(key, ())
        if not answer.get(tokens[0]):
            return
        request[tokens[1]] = answer[tokens[0]]


def code(error: Exception) -> str:
    """Return the service's code of an error, or the error's own name."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def alarms(names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return alarms by name as CloudWatch describes them; the state of one that does not exist is MISSING."""
    described: dict[str, dict[str, Any]] = {name: {"StateValue": "MISSING"} for name in names}
    if names:
        found = client("cloudwatch").describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        listed = found.get("MetricAlarms", []) + found.get("CompositeAlarms", [])
        described |= {alarm["AlarmName"]: alarm for alarm in listed if alarm["AlarmName"] in described}
    return described


def alarm_states(names: tuple[str, ...]) -> dict[str, str]:
    """Return the states of alarms by name; one that does not exist is MISSING."""
    return {name: str(alarm["StateValue"]) for name, alarm in alarms(names).items()}


def plain(value: Any, depth: int = 0) -> Any:
    """Return ``value`` as bounded JSON: what came from an event or a service must not flood or forge a log line."""
    if value is None or isinstance(value, int):  # JSON's true and false are among them
        return value
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, Mapping) and depth < DEPTH_LIMIT:
        return {str(key)[:100]: plain(item, depth + 1) for key, item in islice(value.items(), ITEM_LIMIT)}
    if isinstance(value, list | tuple) and depth < DEPTH_LIMIT:
        return [plain(item, depth + 1) for item in value[:ITEM_LIMIT]]
    return value.isoformat() if isinstance(value, datetime) else str(value)[:TEXT_LIMIT]


def log(message: str, **facts: Any) -> None:
    """Write one line of JSON; escapes keep line breaks and control characters of any value inside it."""
    sys.stdout.write(json.dumps(plain({"message": message, **facts})) + "\n")


def woken_by(event: Any) -> str:
    """Return what an event says it is, for the log alone: nothing is ever done because of it."""
    if not isinstance(event, dict):
        return f"an event that is a {type(event).__name__}"
    said = (event.get(key) for key in ("source", "detail-type", "reason"))
    return ": ".join(word[:100] for word in said if isinstance(word, str)) or "an event without a name"


@dataclass(frozen=True, kw_only=True)
class Wake:
    """One invocation."""

    now: datetime
    request_id: str


@contextmanager
def awake(component: str, context: Any) -> Iterator[Wake]:
    """Give an invocation its time and name; what goes wrong inside is one log line before Lambda hears of it."""
    said = str(getattr(context, "aws_request_id", ""))
    wake = Wake(now=clock(), request_id=said if re.fullmatch("[A-Za-z0-9-]{1,64}", said) else "unnamed")
    try:
        yield wake
    except Exception as error:
        lines = traceback.format_exc().splitlines()[-20:]
        log(f"{component} failed: {code(error)}: {error}", level="ERROR", request_id=wake.request_id, traceback=lines)
        raise


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Where a handler tells what it decided."""

    component: str
    project: str
    stack: str
    endpoint: str
    namespace: str
    bucket: str
    prefix: str
    topic: str

    @classmethod
    def of(cls, component: str, variables: Variables) -> Self:
        """Read the variables that both functions have."""
        return cls(
            component=component,
            project=variables.text("PROJECT"),
            stack=variables.text("STACK"),
            endpoint=variables.text("ENDPOINT_NAME"),
            namespace=variables.text("METRIC_NAMESPACE"),
            bucket=variables.text("RECORD_BUCKET"),
            prefix=variables.text("RECORD_PREFIX").strip("/") + "/",
            topic=variables.text("TOPIC_ARN"),
        )

    def tell(self, wake: Wake, decision: Mapping[str, Any], metrics: Mapping[str, float]) -> Any:
        """Log, page, record and measure a decision; where one of these fails, the others still happen.

        Returns:
            The decision as bounded JSON, with who decided and when.

        Raises:
            Exception: The first failure, when all were tried: Lambda counts it and wakes the function again.
        """
        document = plain(self._document(wake, decision))
        log(str(decision["explanation"]), **document)
        failures = []
        for step in (self.page, self._record, functools.partial(self._measure, metrics)):
            try:
                step(wake, document)
            except FAULTS as error:
                log(f"{self.component} cannot tell: {code(error)}: {error}", level="ERROR", request_id=wake.request_id)
                failures.append(error)
        if failures:
            raise failures[0]
        return document

    def page(self, wake: Wake, decision: Mapping[str, Any]) -> None:
        """Tell a person what a decision says about that, unless it was told today."""
        document = self._document(wake, decision)
        if not (matter := document.get("page")):
            return
        name = hashlib.sha256(f"{self.component} {matter}".encode()).hexdigest()[:16]
        told = f"{self.prefix}pages/{wake.now:%Y/%m/%d}/{name}"
        if client("s3").list_objects_v2(Bucket=self.bucket, Prefix=told, MaxKeys=1).get("KeyCount"):
            return
        subject = f"{self.project} {self.stack}: {matter}".encode("ascii", "replace").decode()
        text = json.dumps(plain(document), indent=1)
        # Told first, noted after: a crash between the two tells twice, never not at all.
        message = f"{document['explanation']}\n\nThe decision as recorded:\n{text}"
        client("sns").publish(TopicArn=self.topic, Subject=subject[:99], Message=message)
        self._put(told, b"")

    def _document(self, wake: Wake, decision: Mapping[str, Any]) -> dict[str, Any]:
        about = {"component": self.component, "project": self.project, "stack": self.stack}
        return {**about, "at": wake.now, "request_id": wake.request_id, **decision}

    def _record(self, wake: Wake, document: Mapping[str, Any]) -> None:
        key = f"{self.prefix}{wake.now:%Y/%m/%d/%H%M%SZ}-{wake.request_id}.json"
        # In one line: that is how Athena reads many of them as one table.
        self._put(key, json.dumps(document).encode())

    def _put(self, key: str, body: bytes) -> None:
        try:
            client("s3").put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as error:
            # Nothing is ever written over: what is there already tells the same invocation.
            if code(error) != "PreconditionFailed":
                raise

    def _measure(self, metrics: Mapping[str, float], wake: Wake, _document: Mapping[str, Any]) -> None:
        dimensions = [{"Name": "Endpoint", "Value": self.endpoint}]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": wake.now, "Value": float(value)}
            for name, value in metrics.items()
            if math.isfinite(value)
        ]
        client("cloudwatch").put_metric_data(Namespace=self.namespace, MetricData=data)
