"""What the probes and the gates of past executions found, as the training pipeline left it in the artifacts bucket."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from . import aws
from .history import FAILED, SUCCEEDED, Execution, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Found = TypeVar("Found")

MOST_REPORTS = 10
MOST_BYTES = 1024**2


def with_reports(executions: Sequence[Execution], bucket: str) -> tuple[Execution, ...]:
    """Return executions with what their probes and gates found, as far back as a decision can ask.

    That is probes until one that went on, gates until an execution that ended well, and at most ten of each: no wait is
    doubled more often.

    Args:
        executions: The newest first.
        bucket: Where the pipeline leaves its reports.

    Raises:
        UnreadableError: A report is there and makes no sense.
    """
    found, probes, gates = [], MOST_REPORTS, MOST_REPORTS
    for each in executions:
        known = each
        if probes and each.status == SUCCEEDED:
            known = replace(each, probe=_read(bucket, f"runs/{each.name}/probe/reports/probe.json", _probe))
            probes, gates = probes - 1 if known.rejected else 0, 0
        elif gates and each.status in FAILED:
            passed = _read(bucket, f"runs/{each.name}/gates/reports/gates.json", _passed)
            known, gates = replace(each, refused=passed is False), gates - 1
        found.append(known)
    return tuple(found)


def latest(executions: Sequence[Execution]) -> Probe | None:
    """Return what the newest execution that ended well found; None where it left no report."""
    return next((each.probe for each in executions if each.status == SUCCEEDED), None)


def _read(bucket: str, key: str, meaning: Callable[[Mapping[str, Any]], Found]) -> Found | None:
    """Return what a report means; None where there is none."""
    s3 = aws.client("s3")
    # Listed first: to a role that may not list the whole bucket, S3 says of a missing object that access is denied.
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    if key not in (each["Key"] for each in listed):
        return None
    text = b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(MOST_BYTES))
    try:
        return meaning(json.loads(text))
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise aws.UnreadableError(f"{key} makes no sense: {error}") from error


def _passed(report: Mapping[str, Any]) -> bool:
    if not isinstance(report["passed"], bool):
        raise TypeError("passed is neither true nor false")
    return report["passed"]


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
