"""What both handlers need around their decisions: settings, clients, and telling what was decided.

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
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT_LIMIT, ITEM_LIMIT, DEPTH_LIMIT = 1024, 50, 8
MOST = 1_000_000
# With these, a call ends within the functions' own time limit, whatever the service does.
CLIENT = Config(
    retries={"mode": "adaptive", "total_max_attempts": 5}, connect_timeout=5, read_timeout=20, tcp_keepalive=True
)


class SettingsError(Exception):
    """An environment variable of the function is missing or cannot be meant."""


class UnreadableError(Exception):
    """The state of the world cannot be read, or makes no sense."""


FAULTS = (BotoCoreError, ClientError, UnreadableError)
"""What a read or a change on AWS may end with; anything else is a fault of the program."""


@dataclass(frozen=True)
class Variables:
    """The environment variables of a function; structured ones are one JSON text each."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a variable that must not be empty.

        Raises:
            SettingsError: It is missing or empty.
        """
        value = self.values.get(name, "").strip()
        if not value:
            raise SettingsError(f"the environment variable {name} is missing or empty; the Pulumi program sets it")
        return value

    def document(self, name: str, kind: type) -> Any:
        """Return a variable that holds JSON of one kind.

        Raises:
            SettingsError: It is missing, no JSON, holds NaN or Infinity, or something of another kind.
        """
        text = self.text(name)
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"the environment variable {name} is not JSON: {error}") from error
        if not isinstance(value, kind):
            raise SettingsError(f"the environment variable {name} must be a JSON {kind.__name__}: {text[:200]}")
        return value

    def fields(self, name: str, kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
        """Return a variable that holds a JSON object of exactly these keys; numbers are between 0 and a million.

        Raises:
            SettingsError: A key is missing, unknown, or holds a value of another kind.
        """
        document = self.document(name, dict)
        if set(document) != set(kinds):
            odd = ", ".join(sorted(set(document) ^ set(kinds)))
            raise SettingsError(f"the environment variable {name} lacks or does not know: {odd}")
        for key, value in document.items():
            # JSON's true is an int to isinstance.
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if type(value) not in kinds[key] or (number and not 0 <= value <= MOST):
                raise SettingsError(f"the environment variable {name} cannot have {key} = {json.dumps(value)[:100]}")
        return dict(document)

    def texts(self, name: str, kind: type) -> Any:
        """Return a variable that holds a JSON list or object of texts.

        Raises:
            SettingsError: It holds something else.
        """
        found = self.document(name, kind)
        if not all(isinstance(value, str) and value for value in (found.values() if kind is dict else found)):
            raise SettingsError(f"the environment variable {name} must hold texts only")
        return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON")


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


def alarm_states(names: tuple[str, ...]) -> dict[str, str]:
    """Return the states of metric alarms by name; one that does not exist is MISSING."""
    states = dict.fromkeys(names, "MISSING")
    if names:
        found = client("cloudwatch").describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = found.get("MetricAlarms", []) + found.get("CompositeAlarms", [])
        states |= {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms if alarm["AlarmName"] in states}
    return states


def plain(value: Any, depth: int = 0) -> Any:
    """Return ``value`` as bounded JSON: what came from an event or a service must not flood or forge a log line."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
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

    def tell(self, wake: Wake, decision: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log, page, record and measure a decision; where one of these fails, the others still happen.

        Raises:
            Exception: The first failure, when all were tried: Lambda counts it and wakes the function again.
        """
        document = self._document(wake, decision)
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
        self._put(key, json.dumps(plain(document), indent=1).encode())

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
