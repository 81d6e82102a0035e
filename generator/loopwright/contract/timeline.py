"""When a table has rows: its span, its rhythm and its largest gap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from loopwright.tables.sql import Session, identifier, scan

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - like every time in a clean table: UTC, without a zone
_HOUR, _DAY = 3_600.0, 86_400.0
_RHYTHMS_OF_AGE = 3
SHORTEST_DAYS = 30
"""The shortest training window where labels land soon."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A stretch without rows, much longer than is usual; all by the hour."""

    start: datetime
    end: datetime
    usual: timedelta


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The times of a table."""

    span_days: float
    rhythm_days: float
    """The typical distance between one day that has rows and the next."""
    gap: Gap | None

    @property
    def max_age_days(self) -> int:
        """How old the newest row may be before something is wrong."""
        return max(1, math.ceil(_RHYTHMS_OF_AGE * self.rhythm_days))

    def windows_days(self, label_delay_days: float) -> tuple[int, ...]:
        """Return the training windows that the span has room for."""
        fit = tuple(days for days in windows(label_delay_days) if days <= self.span_days)
        return fit or (max(1, int(self.span_days)),)


def windows(label_delay_days: float) -> tuple[int, int, int]:
    """Return the training windows of a new repository, in days.

    The shortest is twice the delay of the labels or more: the rows of one delay are lost between what a model is tuned
    on and what judges its rounds.
    """
    shortest = max(SHORTEST_DAYS, math.ceil(2 * label_delay_days))
    return shortest, 2 * shortest, 4 * shortest


def measure(duck: Session, table: Path, column: str) -> Timeline:
    """Measure the times in ``column``, which has no nulls."""
    import numpy as np  # noqa: PLC0415 - late: `loopwright --help` stays fast

    truncated = f"epoch(date_trunc('hour', {identifier(column)}))"
    hours = np.sort(duck.doubles(f"(FROM {scan(table)} SELECT DISTINCT {truncated} AS hour)", ["hour"])[:, 0])
    days = np.unique(hours // _DAY)
    return Timeline(
        span_days=float(hours[-1] - hours[0]) / _DAY,
        rhythm_days=float(np.median(np.diff(days))) if len(days) > 1 else 1.0,
        gap=_gap(hours),
    )


def _gap(hours: NDArray[np.float64]) -> Gap | None:
    """Return the largest gap, if it stands out: nights and weekends that come every week do not."""
    import numpy as np  # noqa: PLC0415 - late

    if len(hours) < 3:  # noqa: PLR2004 - one distance alone is no rhythm
        return None
    distances = np.diff(hours)
    usual, place = float(np.median(distances)), int(np.argmax(distances))
    if distances[place] <= max(_DAY, 5 * usual, 3 * float(np.quantile(distances, 0.99))):
        return None
    start, end = (_EPOCH + timedelta(seconds=float(hours[place + step])) for step in (0, 1))
    return Gap(start=start, end=end, usual=timedelta(seconds=usual))
