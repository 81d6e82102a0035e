"""CloudWatch metrics: points are put, statistics of periods are read.

Sources: "CloudWatch concepts" and "CloudWatch statistics definitions" (Amazon CloudWatch User Guide). A metric is its
namespace, its name and all its dimensions. Every metric has standard resolution: its points lie in whole minutes.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, insort
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.clock import utc
from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

__all__ = ["KEPT", "MINUTE", "Key", "Metric", "Metrics", "minute"]

MINUTE = timedelta(minutes=1)
KEPT = timedelta(days=21)
"""What an alarm can look back at: a window of a week, and two more periods of a week for points that are missing.

CloudWatch keeps more: 15 days by the minute, 63 days by five minutes, 455 days by the hour. No alarm can read that.
"""
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Average": lambda values: math.fsum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": lambda values: float(len(values)),
    "Sum": math.fsum,
}
PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""A metric's namespace, name and dimensions."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A statistic of one metric, period by period.

    Raises:
        UnknownError: The statistic or the period is none that is emulated.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str
    period: timedelta

    def __post_init__(self) -> None:
        if self.stat not in STATISTICS and not PERCENTILE.fullmatch(self.stat):
            raise _unknown(f"the statistic {self.stat}", f"{', '.join(STATISTICS)} and percentiles are emulated")
        if self.period < MINUTE or self.period % MINUTE:
            raise _unknown(f"the period {self.period}", "metrics of high resolution are not emulated")

    @cached_property
    def key(self) -> Key:
        """What makes it one metric: namespace, name and all dimensions."""
        return self.namespace, self.name, frozenset(self.dimensions.items())


class Metrics:
    """All metrics of one account and region."""

    def __init__(self) -> None:
        self._series: dict[Key, _Series] = {}
        self._listeners: list[Callable[[Key, datetime], None]] = []

    def listen(self, heard: Callable[[Key, datetime], None]) -> None:
        """Call somebody after each point that is put, with its metric and its minute."""
        self._listeners.append(heard)

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        time: datetime,
        *,
        unit: str | None = None,
    ) -> None:
        """Add one point, in the minute of its time.

        Raises:
            ValueError: The value is not finite, which CloudWatch refuses, or the time has no zone.
            UnknownError: The metric has points of another unit; AWS keeps such points apart.
        """
        if not math.isfinite(value):
            raise ValueError(f"CloudWatch takes no {value} for {name}")
        key = (namespace, name, frozenset(dimensions.items()))
        series = self._series.setdefault(key, _Series(unit))
        if series.unit != unit:
            raise _unknown(f"{name} in {unit}", f"it has points in {series.unit}, and one unit a metric is emulated")
        series.put(float(value), minute(time))
        for heard in self._listeners:
            heard(key, minute(time))

    def series(self, metric: Metric, until: datetime, count: int) -> list[float | None]:
        """Return the statistic of the last ``count`` periods that end at ``until``, oldest first; None without a point.

        A period includes its first moment and not its last. The minute of ``until`` is not over, and not read.

        Raises:
            UnknownError: That is longer ago than points are kept here.
        """
        if metric.period * count > KEPT:
            raise _unknown(f"{count} periods of {metric.period}", f"points are kept for {KEPT.days} days")
        series = self._series.get(metric.key)
        if series is None:
            return [None] * count
        end = minute(until)
        start = end - metric.period * count
        periods: list[list[float]] = [[] for _ in range(count)]
        for time, values in series.between(start, end):
            periods[(time - start) // metric.period] += values
        return [_statistic(metric.stat, values) for values in periods]


class _Series:
    """The points of one metric by the minute; minutes that no alarm can read are dropped."""

    def __init__(self, unit: str | None) -> None:
        self.unit = unit
        self._minutes: list[datetime] = []
        self._values: dict[datetime, list[float]] = {}

    def put(self, value: float, time: datetime) -> None:
        if time not in self._values:
            insort(self._minutes, time)
            self._values[time] = []
            self._forget()
        if time in self._values:
            self._values[time].append(value)

    def between(self, start: datetime, end: datetime) -> list[tuple[datetime, list[float]]]:
        low, high = bisect_left(self._minutes, start), bisect_left(self._minutes, end)
        return [(time, self._values[time]) for time in self._minutes[low:high]]

    def _forget(self) -> None:
        old = bisect_left(self._minutes, self._minutes[-1] - KEPT)
        for time in self._minutes[:old]:
            del self._values[time]
        del self._minutes[:old]


def minute(time: datetime) -> datetime:
    """Return the start of the minute of a time, in UTC.

    Raises:
        ValueError: The time has no zone.
    """
    return utc(time).replace(second=0, microsecond=0)


def _statistic(name: str, values: list[float]) -> float | None:
    if not values:
        return None
    if found := PERCENTILE.fullmatch(name):
        return _percentile(float(found[1]), values)
    return STATISTICS[name](values)


def _percentile(percent: float, values: Iterable[float]) -> float | None:
    """Return the nearest rank: the largest value of the lowest ``percent`` percent of the values.

    That is how "CloudWatch statistics definitions" describes p99, and no value is made up between two that were
    measured. By "CloudWatch concepts" there is no percentile where a value is negative.
    """
    ranked = sorted(values)
    if ranked[0] < 0:
        return None
    # Rounded, since 99.9 / 100 * 1000 is more than 999.
    rank = math.ceil(round(percent * len(ranked) / 100, 9))
    return ranked[max(rank, 1) - 1]


def _unknown(what: str, because: str) -> UnknownError:
    return UnknownError(f"the emulated CloudWatch does not know {what}", because=because, attempt="use what it knows")
