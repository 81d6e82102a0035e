"""SageMaker as a source of events: who tells what, and under which names."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from loopwright.rehearsal.aws.clock import Clock

__all__ = ["Source", "milliseconds", "seconds"]


def seconds(time: datetime) -> str:
    """Return a time as most events write it: in whole seconds of UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def milliseconds(time: datetime) -> int:
    """Return a time as the events of endpoints write it: in milliseconds since 1970."""
    return round(time.timestamp() * 1000)


class Source:
    """Where the events of one account and region come from.

    The envelope follows "Events that Amazon SageMaker AI sends to Amazon EventBridge" in the SageMaker guide. An event
    is told at once; that EventBridge may deliver it late or twice is the bus's business.

    Args:
        clock: The rehearsal's clock.
        account: Twelve digits.
        region: Its name.
        emit: Takes each event.
    """

    def __init__(self, clock: Clock, *, account: str, region: str, emit: Callable[[dict[str, Any]], None]) -> None:
        self.clock, self.account, self.region = clock, account, region
        self._emit, self._number = emit, count(1)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource of SageMaker."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}"

    def tell(self, kind: str, resources: Sequence[str], detail: dict[str, Any]) -> None:
        """Emit an event of a detail type about resources, by ARN; what becomes of it changes nothing here."""
        self._emit(
            {
                "version": "0",
                "id": str(uuid5(NAMESPACE_URL, f"{self.arn(kind)} {next(self._number)}")),
                "detail-type": kind,
                "source": "aws.sagemaker",
                "account": self.account,
                "time": seconds(self.clock.now),
                "region": self.region,
                "resources": list(resources),
                "detail": deepcopy(detail),
            }
        )
