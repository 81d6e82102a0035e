"""Watch what was served: what the endpoint was asked and answered in the latest window, and how far that moved.

On AWS a job that starts with each period of `drift.every`. It reads `in/capture` below its root and writes its report,
`out/monitor.json`, and the place and the reason of every row that the data contract refuses, `out/quarantine.jsonl`.
Rows are compared with the baseline of the model that answered them. The report comes before the metrics: it stays when
they fail. Of the names in `ml/signals.py` it publishes those that it computes, and no others.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import capture, schema, served
from ml import contract as contracts
from ml.drift.blocks import duration
from ml.errors import LoopError
from ml.frames import signature
from ml.moved import Sample, moved
from ml.serving import telemetry
from ml.serving.requests import Door
from ml.signals import FEATURE_EVENT, METRICS
from ml.window import Window, latest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.capture import Request
    from ml.moved import Movement

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

    window: Window
    requests: int = 0
    untimed: int = 0
    """Requests whose time is not known: they are in no window, and counted in each."""
    accepted: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, request: Request) -> None:
        """Count ``request``."""
        self.requests += 1
        self.accepted += request.accepted
        self.refused += len(request.refused)
        self.reasons.update(reason for _, reason in request.refused)
        self.untimed += request.time is None

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
            "window": {"from": self.window.start.isoformat(), "until": self.window.end.isoformat()},
            "requests": self.requests,
            "requests_without_time": self.untimed,
            "rows": self.rows,
            "accepted": self.accepted,
            "refused": self.refused,
            "reasons": dict(self.reasons.most_common()),
        }


def main(arguments: Sequence[str] = ()) -> None:
    """Count, compare, report, publish.

    Raises:
        LoopError: There is nothing to read from, nobody says what serves, or CloudWatch did not take the metrics.
    """
    options = _options(arguments)
    contract = contracts.load()
    window = latest(options.now or datetime.now(UTC), duration(contract.drift.every))
    sample = Sample(least=contract.drift.min_rows, window=window)
    tally = count(options.root / "in" / "capture", options.root / "out", window, sample)
    movement, problem = None, None
    try:
        movement = compared(sample, options)
    except LoopError as error:  # what was counted is told all the same
        problem = error
    metrics = together(tally, movement)
    tell(options, tally, movement, metrics)
    if problem:
        raise problem
    if options.namespace:
        publish(metrics, namespace=options.namespace, endpoint=options.endpoint)


def compared(sample: Sample, options: argparse.Namespace) -> Movement | None:
    """Compare the latest rows with what the model that serves has learned from; None where there is none, or too few.

    Raises:
        LoopError: Nobody says what serves, or it has no baseline.
    """
    with tempfile.TemporaryDirectory() as room:
        folder = options.model or (_served(options.endpoint, Path(room)) if options.endpoint else None)
        return moved(sample, folder) if folder else None


def together(tally: Tally, movement: Movement | None) -> dict[str, float]:
    """Return all metrics; a broken input weighs as much as so many broken rows."""
    metrics = tally.metrics() | (movement.metrics() if movement else {})
    if movement and tally.rows:
        metrics["BrokenShare"] = max(metrics["BrokenShare"], movement.broken_share)
    return metrics


def tell(options: argparse.Namespace, tally: Tally, movement: Movement | None, metrics: Mapping[str, float]) -> None:
    """Write the report, and what the log keeps of it: a line in all, and one an input."""
    report = {"endpoint": options.endpoint, **tally.report(), "metrics": metrics}
    document = report | {"drift": movement.document() if movement else None}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (options.root / "out" / "monitor.json").write_text(text + "\n", encoding="utf-8")
    telemetry.line("warning" if tally.refused else "info", "monitor", **report)
    for name, score in movement.scores() if movement else ():
        telemetry.line("info", FEATURE_EVENT, endpoint=options.endpoint, feature=name, score=score)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml monitor", description="Watch what was served.")
    parser.add_argument("--namespace", help="CloudWatch namespace; without it the report is all there is")
    parser.add_argument("--endpoint", help="the one dimension of what is published")
    parser.add_argument("--model", type=Path, help="the model that served; without it the endpoint is asked")
    parser.add_argument("--now", type=_moment, help="an ISO time; the latest complete window at that time is watched")
    parser.add_argument("--root", type=Path, default=ROOT, help="where in/ and out/ are (default %(default)s)")
    options = parser.parse_args(list(arguments))
    if bool(options.namespace) != bool(options.endpoint):
        parser.error("--namespace and --endpoint go together")
    return options


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def count(source: Path, out: Path, window: Window, sample: Sample) -> Tally:
    """Count what ``source`` holds of a window, and keep its rows in ``sample``.

    The place of every refused row is written to `quarantine.jsonl` in ``out``.

    Raises:
        LoopError: There is no such folder; one without a file is no error: nobody asked for anything yet.
    """
    if not source.is_dir():
        raise LoopError(
            "there is nothing to watch",
            because=f"there is no folder {source}",
            attempt="give --root the folder that holds in/capture, with the files that SageMaker captured",
        )
    door, tally = Door(signature(schema.SCHEMA, contracts.load())), Tally(window=window)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "quarantine.jsonl").open("w", encoding="utf-8") as quarantine:
        for request in capture.read(source, door):
            sample.add(request)
            if request.time is None or window.holds(request.time):
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
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who publishes waits for it

    parts = [[datum(name, value, endpoint) for name, value in part.items()] for part in (metrics, {HEARTBEAT: 1.0})]
    try:
        client = _client("cloudwatch")
        for part in parts:
            client.put_metric_data(Namespace=namespace, MetricData=part)
    except (BotoCoreError, ClientError) as error:
        raise PublishError(
            "the metrics could not be published",
            because=" ".join(str(error).split())[:MOST_TOLD],
            attempt="run the job again once that is mended; its report is kept in out/monitor.json",
        ) from error


def _served(endpoint: str, folder: Path) -> Path | None:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return served.model(endpoint, folder, _client("sagemaker"), _client("s3"))
    except (BotoCoreError, ClientError) as error:
        raise LoopError(
            f"the endpoint {endpoint} does not say what serves",
            because=" ".join(str(error).split())[:MOST_TOLD],
            attempt="let the job describe the endpoint and read its model, or give --model",
        ) from error


def _client(service: str) -> Any:
    import boto3  # noqa: PLC0415 - only who asks AWS waits for it
    from botocore.config import Config  # noqa: PLC0415

    retries = {"mode": "adaptive", "total_max_attempts": ATTEMPTS}
    return boto3.client(
        service,
        # SageMaker sets the one name, boto3 reads only the other.
        region_name=os.environ.get("AWS_REGION") or None,
        config=Config(retries=retries, connect_timeout=SECONDS, read_timeout=SECONDS),
    )


def datum(name: str, value: float, endpoint: str) -> dict[str, Any]:
    """Return one value as CloudWatch takes it; a name that `ml/signals.py` does not have is a KeyError."""
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint}],
        "Value": value,
        "Unit": METRICS[name].unit,
    }
