"""Findings: all that a run of the monitor found, as metrics and as the document of its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.errors import LoopError

if TYPE_CHECKING:
    from ml.contract import Contract
    from ml.moved import Movement
    from ml.watch.chart import Chart
    from ml.watch.volume import Volume
    from ml.window import Window


class BrokenError(LoopError):
    """The window holds more broken data than the contract allows."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found in a window."""

    counted: dict[str, Any]
    """As `Tally.document` returns it."""
    volume: Volume
    movement: Movement | None = None
    """None where nothing could be compared."""
    chart: Chart | None = None
    """None where no model serves, or nobody says which."""
    baseline_mean: float | None = None
    """Mean loss of the model that serves on rows that it had not seen."""
    estimate: float | None = None
    """Of the loss of the window's answers, without any label (`ml.quality.estimate`)."""

    @property
    def breaks(self) -> list[str]:
        """What broke the window as a whole, in words."""
        found = [f"{name}: {reason}" for name, reason in (self.movement.inputs.breaks if self.movement else ())]
        volume = self.volume
        return found + ([f"{volume.rows:,} rows, where {volume.usual:,.0f} are usual"] if volume.broken else [])

    @property
    def broken_share(self) -> float | None:
        """The share of the rows that the contract refuses; 1 where the window as a whole broke. None without rows.

        A column that is suddenly null says that every row came from a broken sender, however few rows it touches and
        however many other columns there are.
        """
        if self.breaks:
            return 1.0
        return self.counted["refused"] / self.counted["rows"] if self.counted["rows"] else None

    def metrics(self) -> dict[str, float]:
        """Return what to publish: each value only where it is defined."""
        broken = self.broken_share
        made = {"RowsMonitored": float(self.counted["rows"])} | ({} if broken is None else {"BrokenShare": broken})
        return made | (self.movement.metrics() if self.movement else {}) | (self.chart.metrics() if self.chart else {})

    def document(self, window: Window, contract: Contract) -> dict[str, Any]:
        """Return what was found, for JSON."""
        chart, told = self.chart, {"baseline_mean": self.baseline_mean, "estimate": self.estimate}
        counted = {name: value for name, value in self.counted.items() if name not in {"parts", "models"}}
        return {
            "period": window.name,
            **counted,
            "limits": {"max_broken": contract.quality.max_broken, "cusum_limit": contract.quality.cusum_limit},
            "breaks": self.breaks,
            "volume": self.volume.document(),
            "metrics": self.metrics(),
            "drift": self.movement.document() if self.movement else None,
            "quality": chart.document() | told if chart else None,
        }

    def verdict(self, contract: Contract) -> BrokenError | None:
        """Return what to end with, where more is broken than the contract allows."""
        most, share = contract.quality.max_broken, self.broken_share
        if share is None or share <= most:
            return None
        refused = [f"{rows:,} rows: {reason}" for reason, rows in list(self.counted["reasons"].items())[:3]]
        return BrokenError(
            f"{share:.1%} of the window's data is broken, and loop.yaml allows {most:.1%}",
            because="; ".join(self.breaks or refused),
            attempt="mend what sends it; quarantine.jsonl beside the report names each refused row. Until a window is "
            "sound again, nothing is learned from this data",
        )
