"""CloudWatch Logs: metric filters count the lines of a log group.

Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" and
"Configuring metric values for a metric filter" (Amazon CloudWatch Logs User Guide).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.metrics import minute
from loopwright.rehearsal.aws.selection import Selector, selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from loopwright.rehearsal.aws.metrics import Metrics
    from loopwright.rehearsal.aws.selection import Selection

__all__ = ["Filter", "Filters"]

READ = {"name", "logGroupName", "pattern", "metricTransformation", "region"}
TRANSFORMED = {"name", "namespace", "value", "defaultValue", "unit"}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One metric filter."""

    group: str
    selects: Selection
    namespace: str
    name: str
    value: float | Selector
    """What a line that matches adds: a number, or a field of the line."""
    default: float | None = None
    """What a minute with lines, none of which matches, adds; None for no point."""
    unit: str | None = None

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Filter:
        """Return the filter of a ``LogMetricFilter`` node's resolved inputs.

        Raises:
            UnknownError: Its pattern or its transformation uses what is not emulated here, such as dimensions.
        """
        into = inputs["metricTransformation"]
        if strange := sorted((set(inputs) - READ) | (set(into) - TRANSFORMED)):
            because = f"{', '.join(strange)} is not emulated"
            raise UnknownError(
                f"the emulated CloudWatch Logs does not know the filter of {into.get('name')}",
                because=because,
                attempt="use a pattern, a value, a default value and a unit",
            )
        default = into.get("defaultValue")
        value = str(into["value"])
        return cls(
            group=inputs["logGroupName"],
            selects=selection(inputs["pattern"]),
            namespace=into["namespace"],
            name=into["name"],
            value=Selector.of(value) if value.startswith("$") else float(value),
            default=None if default is None else float(default),
            unit=into.get("unit"),
        )

    def counted(self, event: Any) -> float | None:
        """Return what a line adds to the metric; None where it does not match, or has no number to add."""
        if not self.selects(event):
            return None
        if not isinstance(self.value, Selector):
            return self.value
        found = self.value.find(event)
        numeric = isinstance(found, int | float) and not isinstance(found, bool)
        return float(found) if numeric and math.isfinite(found) else None


class Filters:
    """All metric filters of one account and region.

    CloudWatch Logs reports by the minute. A match is a point at once; a default value can be one only when its minute
    is over, so ``close`` is called before alarms are evaluated.
    """

    def __init__(self, filters: Iterable[Filter], metrics: Metrics) -> None:
        self._filters, self._metrics = tuple(filters), metrics
        self._open: dict[datetime, dict[int, bool]] = {}
        """Minutes that are not closed: the filters whose group had lines, by index, and whether one matched."""
        self._listeners: list[Callable[[datetime], None]] = []

    def listen(self, heard: Callable[[datetime], None]) -> None:
        """Call somebody with each minute that gets a line and is to be closed."""
        self._listeners.append(heard)

    def write(self, group: str, line: str, time: datetime) -> None:
        """Put one line into a log group; a line that is no JSON object matches nothing."""
        event = _parsed(line)
        for index, each in enumerate(self._filters):
            if each.group != group:
                continue
            value = each.counted(event)
            seen = self._opened(minute(time))
            seen[index] = seen.get(index, False) or value is not None
            if value is not None:
                self._metrics.put(each.namespace, each.name, {}, value, time, unit=each.unit)

    def _opened(self, time: datetime) -> dict[int, bool]:
        if time not in self._open:
            self._open[time] = {}
            for heard in self._listeners:
                heard(time)
        return self._open[time]

    def close(self, now: datetime) -> None:
        """Report the default values of the minutes that are over."""
        for time in sorted(time for time in self._open if time < minute(now)):
            for index, matched in self._open.pop(time).items():
                each = self._filters[index]
                if not matched and each.default is not None:
                    self._metrics.put(each.namespace, each.name, {}, each.default, time, unit=each.unit)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=_refused)
    except ValueError:
        return None


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
