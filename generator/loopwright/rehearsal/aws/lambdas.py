"""Lambda's asynchronous invocation: the queue in front of a function, its retries, and what is left of a failed event.

- Retries, throttling, age: "How Lambda handles errors and retries with asynchronous invocation" (AWS Lambda Developer
  Guide): twice more, after one and after two minutes; an event that finds no free concurrency goes back to the queue
  and is tried after a second, doubling up to five minutes, for up to six hours.
- Settings: "Configuring error handling settings for Lambda asynchronous invocations".
- What is discarded: "Capturing records of Lambda asynchronous invocations", for the on-failure destination and for the
  attributes of a dead letter. With a reserved concurrency of nought every event is discarded at once.
- Metrics: "Types of metrics for Lambda functions".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.functions import Function, functions
from loopwright.rehearsal.aws.retrying import DeliveryError, Event, copied

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.rehearsal.aws.metrics import Metrics
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.wiring.stack import Stack

__all__ = ["FunctionError", "Functions"]

RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=2))
THROTTLED_AFTER, THROTTLED_LONGEST = timedelta(seconds=1), timedelta(minutes=5)
MESSAGE_BYTES = 1024
OK, THROTTLED = 200, 429


class FunctionError(Exception):
    """The handler raised, or was ended.

    Args:
        message: What it said.
        lasted: How long it ran.
    """

    def __init__(self, message: str, lasted: timedelta = timedelta(0)) -> None:
        super().__init__(message)
        self.message, self.lasted = message, lasted


@dataclass(kw_only=True)
class _Invocation:
    id: str
    event: Event
    accepted: datetime
    runs: int = 0
    throttled: int = 0
    """How often in a row it found no free concurrency."""
    error: str = ""


class Functions:
    """The functions of a stack.

    Args:
        stack: The stack.
        clock: The clock that runs and retries are planned on.
        queues: Where dead letters go.
        run: Runs a function, by its name, on an event, and returns how long that lasted; raises ``FunctionError`` where
            the handler fails. What it does to the world it does when it starts.
        metrics: Where the metrics of ``AWS/Lambda`` are put; None: nowhere.

    Raises:
        UnknownError: A function has settings that are not emulated.
    """

    def __init__(
        self,
        stack: Stack,
        clock: Clock,
        queues: Queues,
        run: Callable[[str, Event], timedelta],
        metrics: Metrics | None = None,
    ) -> None:
        self._clock, self._queues, self._run, self._metrics = clock, queues, run, metrics
        self._functions = functions(stack, queues)
        self._running = dict.fromkeys(self._functions, 0)
        self._count = 0

    def invoke(self, arn: str, event: Event) -> None:
        """Accept an event for a function; it runs after this call.

        Raises:
            DeliveryError: There is no such function.
        """
        if arn not in self._functions:
            raise DeliveryError("NO_RESOURCE", f"Function not found: {arn}")
        self._count += 1
        made = _Invocation(id=f"{self._count:012d}", event=copied(event), accepted=self._clock.now)
        self._clock.after(timedelta(0), partial(self._attempt, self._functions[arn], made))

    def _attempt(self, function: Function, it: _Invocation) -> None:
        if function.concurrency == 0:
            it.error = "Rate Exceeded."
            self._discard(function, it, THROTTLED, "")
        elif function.concurrency is not None and self._running[function.arn] >= function.concurrency:
            self._throttle(function, it)
        else:
            self._start(function, it)

    def _throttle(self, function: Function, it: _Invocation) -> None:
        # Doubled nine times it is longer than the longest wait.
        wait = min(THROTTLED_LONGEST, THROTTLED_AFTER * 2 ** min(it.throttled, 9))
        it.throttled += 1
        it.error = it.error or "Rate Exceeded."
        self._tell("Throttles", function, 1)
        self._again(function, it, wait, THROTTLED)

    def _start(self, function: Function, it: _Invocation) -> None:
        it.runs, it.throttled = it.runs + 1, 0
        self._running[function.arn] += 1
        self._tell("Invocations", function, 1)
        error: str | None = None
        try:
            lasted = self._run(function.name, copied(it.event))
        except FunctionError as failed:
            lasted, error = failed.lasted, failed.message
        if lasted > function.timeout:
            lasted, error = function.timeout, f"Task timed out after {function.timeout.total_seconds():.2f} seconds"
        self._clock.after(lasted, partial(self._end, function, it, lasted, error))

    def _end(self, function: Function, it: _Invocation, lasted: timedelta, error: str | None) -> None:
        self._running[function.arn] -= 1
        self._tell("Duration", function, lasted / timedelta(milliseconds=1), "Milliseconds")
        self._tell("Errors", function, 0 if error is None else 1)
        if error is None:
            return
        it.error = error
        if it.runs > function.retries:
            self._discard(function, it, OK, "RetriesExhausted")
        else:
            self._again(function, it, RETRY_AFTER[it.runs - 1], OK)

    def _again(self, function: Function, it: _Invocation, wait: timedelta, code: int) -> None:
        time, last = self._clock.now + wait, it.accepted + function.age
        if time <= last:
            self._clock.at(time, partial(self._attempt, function, it))
        else:
            given_up = partial(self._discard, function, it, code, "EventAgeExceeded")
            self._clock.at(max(last, self._clock.now), given_up)

    def _discard(self, function: Function, it: _Invocation, code: int, condition: str) -> None:
        self._tell("AsyncEventsDropped", function, 1)
        if function.destination is not None and function.may_record:
            self._queues.send(function.destination, json.dumps(self._record(function, it, code, condition)), {})
        elif function.destination is not None:
            self._tell("DestinationDeliveryFailures", function, 1)
        if function.dead_letters is not None and function.may_bury:
            said = it.error.encode()[:MESSAGE_BYTES].decode(errors="ignore")
            attributes = {"RequestID": it.id, "ErrorCode": str(code), "ErrorMessage": said}
            self._queues.send(function.dead_letters, json.dumps(it.event), attributes)
        elif function.dead_letters is not None:
            self._tell("DeadLetterErrors", function, 1)

    def _record(self, function: Function, it: _Invocation, code: int, condition: str) -> dict[str, Any]:
        ran = {"statusCode": code, "executedVersion": "$LATEST", "functionError": "Unhandled"}
        return {
            "version": "1.0",
            "timestamp": self._clock.now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": it.id,
                "functionArn": f"{function.arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": it.runs,
            },
            "requestPayload": it.event,
            "responseContext": ran if code == OK else {"statusCode": code},
            "responsePayload": {"errorMessage": it.error},
        }

    def _tell(self, metric: str, function: Function, value: float, unit: str = "Count") -> None:
        if self._metrics is not None:
            dimensions = {"FunctionName": function.name}
            self._metrics.put("AWS/Lambda", metric, dimensions, float(value), self._clock.now, unit=unit)
