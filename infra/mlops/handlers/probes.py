"""What the probes of past executions found, as the training pipeline left it in the artifacts bucket."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import aws
from .history import SUCCEEDED, Execution, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_REPORTS = 10
MOST_BYTES = 1024**2


def with_probes(executions: Sequence[Execution], bucket: str) -> tuple[Execution, ...]:
    """Return executions with what their probes found, as far back as a decision can ask.

    That is until one that went on, and at most ten: no wait is doubled more often.

    Args:
        executions: The newest first.
        bucket: Where the pipeline leaves its reports.

    Raises:
        UnreadableError: A report is there and makes no sense.
    """
    found, left = [], MOST_REPORTS
    for each in executions:
        known = each
        if left and each.status == SUCCEEDED:
            known = replace(each, probe=_read(each, bucket))
            left = left - 1 if known.rejected else 0
        found.append(known)
    return tuple(found)


def latest(executions: Sequence[Execution]) -> Probe | None:
    """Return what the newest execution that ended well found; None where it left no report."""
    return next((each.probe for each in executions if each.status == SUCCEEDED), None)


def _read(execution: Execution, bucket: str) -> Probe | None:
    s3, name = aws.client("s3"), execution.arn.rpartition("/")[2]
    key = f"runs/{name}/probe/reports/probe.json"
    # Listed first: to a role that may not list the whole bucket, S3 says of a missing object that access is denied.
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    if key not in (each["Key"] for each in listed):
        return None
    text = b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(MOST_BYTES))
    try:
        return _probe(json.loads(text))
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise aws.UnreadableError(f"{key} is no report of a probe: {error}") from error


def _probe(report: Mapping[str, Any]) -> Probe:
    if not isinstance(report["go"], bool):
        raise TypeError("go is neither true nor false")
    gain, needed = (_number(report[key]) for key in ("gain", "needed"))
    return Probe(go=report["go"], gain=gain, needed=needed, explanation=str(report["explanation"])[: aws.TEXT_LIMIT])


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number"[: aws.TEXT_LIMIT])
    return float(value)
