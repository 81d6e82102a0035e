"""Publish: the metrics to CloudWatch, then the heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.errors import LoopError, short
from ml.places import client
from ml.signals import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

HEARTBEAT = "MonitorHeartbeat"


class PublishError(LoopError):
    """CloudWatch did not take the metrics."""


def publish(metrics: Mapping[str, float], *, namespace: str, endpoint: str) -> None:
    """Publish ``metrics``, then the heartbeat: it says that all before it arrived.

    Raises:
        PublishError: CloudWatch did not take them.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who publishes waits for it

    parts = [[datum(name, value, endpoint) for name, value in part.items()] for part in (metrics, {HEARTBEAT: 1.0})]
    try:
        cloudwatch = client("cloudwatch")
        for part in parts:
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=part)
    except (BotoCoreError, ClientError) as error:
        raise PublishError(
            "the metrics could not be published",
            because=short(error),
            attempt="run the job again once that is mended; its report is kept",
        ) from error


def datum(name: str, value: float, endpoint: str) -> dict[str, Any]:
    """Return one value as CloudWatch takes it; a name that `ml/signals.py` does not have is a KeyError."""
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint}],
        "Value": value,
        "Unit": METRICS[name].unit,
    }
