"""The loop's own CloudWatch metrics: the names that the monitor publishes, and that alarms and dashboard read.

One namespace and one dimension a stack, and no metric by feature: the cost stays the same however wide the data is.
What moved, by feature, stands in the monitor's log and its report.
"""

from __future__ import annotations

__all__ = ["FEATURE_EVENT", "METRICS", "Signal"]

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One metric."""

    unit: str
    """CloudWatch's word for its unit."""
    meaning: str


METRICS = {
    "MonitorHeartbeat": Signal(unit="Count", meaning="the monitor ran to its end; published always"),
    "RowsMonitored": Signal(unit="Count", meaning="rows of the window, accepted or refused"),
    "DriftScore": Signal(unit="None", meaning="largest move of a feature as a multiple of what it moves by itself"),
    "DriftedShare": Signal(unit="None", meaning="share of the features that drift"),
    "PredictionDrift": Signal(unit="None", meaning="the same of what the model said"),
    "BrokenShare": Signal(
        unit="None", meaning="share of the rows that the contract refuses; 1 where the window as a whole broke"
    ),
    "QualityLoss": Signal(unit="None", meaning="mean loss on rows whose labels have landed"),
    "QualityCusum": Signal(unit="None", meaning="CUSUM of that loss, in standard errors"),
    "LabelCoverage": Signal(unit="None", meaning="share of the rows old enough whose label has landed"),
    "LabelAgeDays": Signal(unit="None", meaning="days since the newest answer whose label has landed"),
}

FEATURE_EVENT = "feature_drift"
"""The `event` of the log lines that say how far each feature moved; fields endpoint, feature, score."""
