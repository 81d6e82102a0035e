"""Watch what was served: count what the endpoint captured, and publish that in CloudWatch. On AWS a daily job.

It reads `in/capture` below its root and writes `out/monitor.json`, and `out/quarantine.jsonl` with the place and the
reason of every row that the data contract refuses. The report comes before the metrics: it stays when they fail.
Of the names in `ml/signals.py` it publishes those that it computes, and no others.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import capture, schema
from ml import contract as contracts
from ml.errors import LoopError
from ml.frames import signature
from ml.serving import telemetry
from ml.serving.requests import Door
from ml.signals import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ml.capture import Request

ROOT = Path(os.environ.get("OPT_ML", "/opt/ml"), "processing")
ATTEMPTS = 5
SECONDS = 10
"""So long one attempt may wait for CloudWatch, to connect and to be answered."""
MOST_TOLD = 500
"""So many characters of another library's error are shown."""
HEARTBEAT = "MonitorHeartbeat"


class PublishError(LoopError):
    """CloudWatch did not take the metrics."""


@dataclass(kw_only=True)
class Tally:
    """What was counted."""

    requests: int = 0
    untimed: int = 0
    """Requests whose time is not known."""
    accepted: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None

    def add(self, request: Request) -> None:
        """Count ``request``."""
        self.requests += 1
        self.accepted += request.accepted
        self.refused += len(request.refused)
        self.reasons.update(reason for _, reason in request.refused)
        if request.time is None:
            self.untimed += 1
            return
        self.first = min(self.first or request.time, request.time)
        self.last = max(self.last or request.time, request.time)

    @property
    def rows(self) -> int:
        """All rows, accepted or refused."""
        return self.accepted + self.refused

    def metrics(self) -> dict[str, float]:
        """Return what to publish: a share only where there is something to share."""
        share = {"BrokenShare": self.refused / self.rows} if self.rows else {}
        return {"RowsMonitored": float(self.rows)} | share

    def report(self) -> dict[str, Any]:
        """Return what was counted, as `monitor.json` holds it."""
        return {
            "window": {
                "first": self.first.isoformat() if self.first else None,
                "last": self.last.isoformat() if self.last else None,
            },
            "requests": self.requests,
            "requests_without_time": self.untimed,
            "rows": self.rows,
            "accepted": self.accepted,
            "refused": self.refused,
            "reasons": dict(self.reasons.most_common()),
            "metrics": self.metrics(),
        }


def main(arguments: Sequence[str] = ()) -> None:
    """Count, report, publish.

    Raises:
        LoopError: There is nothing to read from, or CloudWatch did not take the metrics.
    """
    options = _options(arguments)
    tally = count(options.root / "in" / "capture", options.root / "out")
    report = {"endpoint": options.endpoint, **tally.report()}
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (options.root / "out" / "monitor.json").write_text(text + "\n", encoding="utf-8")
    telemetry.line("warning" if tally.refused else "info", "monitor", **report)
    if options.namespace:
        publish(tally.metrics(), namespace=options.namespace, endpoint=options.endpoint)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml monitor", description="Watch what was served.")
    parser.add_argument("--namespace", help="CloudWatch namespace; without it the report is all there is")
    parser.add_argument("--endpoint", help="the one dimension of what is published")
    parser.add_argument("--root", type=Path, default=ROOT, help="where in/ and out/ are (default %(default)s)")
    options = parser.parse_args(list(arguments))
    if bool(options.namespace) != bool(options.endpoint):
        parser.error("--namespace and --endpoint go together")
    return options


def count(source: Path, out: Path) -> Tally:
    """Count what ``source`` holds, and write the place of every refused row to `quarantine.jsonl` in ``out``.

    Raises:
        LoopError: There is no such folder; one without a file is no error: nobody asked for anything yet.
    """
    if not source.is_dir():
        raise LoopError(
            "there is nothing to watch",
            because=f"there is no folder {source}",
            attempt="give --root the folder that holds in/capture, with the files that SageMaker captured",
        )
    door, tally = Door(signature(schema.SCHEMA, contracts.load())), Tally()
    out.mkdir(parents=True, exist_ok=True)
    with (out / "quarantine.jsonl").open("w", encoding="utf-8") as quarantine:
        for request in capture.read(source, door):
            tally.add(request)
            quarantine.writelines(_places(request))
    return tally


def _places(request: Request) -> list[str]:
    place = {"file": request.file, "line": request.line, "event": request.event}
    return [
        json.dumps(place | {"row": row, "reason": reason}, ensure_ascii=False) + "\n" for row, reason in request.refused
    ]


def publish(metrics: Mapping[str, float], *, namespace: str, endpoint: str) -> None:
    """Publish ``metrics``, then the heartbeat: it says that all before it arrived.

    Raises:
        PublishError: CloudWatch did not take them.
    """
    import boto3  # noqa: PLC0415 - only who publishes waits for it
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    parts = [[datum(name, value, endpoint) for name, value in part.items()] for part in (metrics, {HEARTBEAT: 1.0})]
    retries = {"mode": "adaptive", "total_max_attempts": ATTEMPTS}
    try:
        client = boto3.client(
            "cloudwatch",
            # SageMaker sets the one name, boto3 reads only the other.
            region_name=os.environ.get("AWS_REGION") or None,
            config=Config(retries=retries, connect_timeout=SECONDS, read_timeout=SECONDS),
        )
        for part in parts:
            client.put_metric_data(Namespace=namespace, MetricData=part)
    except (BotoCoreError, ClientError) as error:
        raise PublishError(
            "the metrics could not be published",
            because=" ".join(str(error).split())[:MOST_TOLD],
            attempt="run the job again once that is mended; its report is kept in out/monitor.json",
        ) from error


def datum(name: str, value: float, endpoint: str) -> dict[str, Any]:
    """Return one value as CloudWatch takes it; a name that `ml/signals.py` does not have is a KeyError."""
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint}],
        "Value": value,
        "Unit": METRICS[name].unit,
    }
