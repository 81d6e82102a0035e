"""What is told of requests: a line of JSON each on stdout, and counters for Prometheus; never a value of a request."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from ml.serving.service import Reply

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


def line(level: str, event: str, **fields: object) -> None:
    """Write one log line: the time in UTC, the level, the event, and ``fields``."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = orjson.dumps({"time": time, "level": level, "event": event, **fields})
    sys.stdout.write(document.decode() + "\n")
    sys.stdout.flush()


def trace(error: BaseException) -> dict[str, object]:
    """Return where ``error`` came from; its message is left out, for it may quote the request."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


class JsonHandler(logging.Handler):
    """Writes the records of `logging`, such as the web server's, as the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``."""
        error = record.exc_info[1] if record.exc_info else None
        line(
            record.levelname.lower(),
            "log",
            logger=record.name,
            message=record.getMessage(),
            **(trace(error) if error else {}),
        )


class Metrics:
    """Counters of `POST /invocations`, in a registry of their own."""

    def __init__(self, sha256: str | None) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("invocations", "Requests by status.", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "invocation_seconds", "Time to answer, in seconds.", buckets=SECONDS, registry=self.registry
        )
        self.rows = Counter("invocation_rows", "Rows predicted.", registry=self.registry)
        self.unknown = Counter(
            "unknown_categories", "Values the model has never seen.", ["column"], registry=self.registry
        )
        self.odd = Counter("odd_answers", "Rows whose answer cannot be.", registry=self.registry)
        model = Gauge("model_info", "The model that serves.", ["sha256"], registry=self.registry)
        model.labels(sha256 or "none").set(1)

    def count(self, status: int, seconds: float, reply: Reply | None) -> None:
        """Count one answered request; ``reply`` is None where there was no model or no body to answer."""
        self.requests.labels(status).inc()
        self.seconds.observe(seconds)
        if reply:
            self.rows.inc(reply.rows)
            self.odd.inc(reply.odd)
            for column, values in reply.unknown.items():
                self.unknown.labels(column).inc(values)
