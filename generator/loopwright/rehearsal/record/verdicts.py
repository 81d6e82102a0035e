"""What a record takes of the reports that a training pipeline leaves: of its probe, and of its gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.record.kinds import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["gates", "probe"]

PROBED = (
    "go",
    "reason",
    "explanation",
    "window_days",
    "champion_loss",
    "gain",
    "standard_error",
    "needed",
    "rows",
    "days",
)
MEASURED = {"latency": "left out: milliseconds of this machine, other ones at each run"}
"""Gates whose figures are none of the model."""
_FIXED = {"bias": "at most", "repeats": "at most", "latency": "at most", "signal": "at least", "champion": "more than"}


def probe(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record takes of `reports/probe.json`."""
    return {key: report.get(key) for key in PROBED}


def gates(execution: str, report: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a line `gates`.

    Args:
        execution: The name of the execution whose model they judged.
        report: `reports/gates.json`.
        contract: `loop.yaml`.
    """
    return {
        "execution": execution,
        "metric": contract["metric"]["name"],
        "passed": report["passed"],
        "gates": [_gate(each, contract) for each in report["gates"]],
    }


def _gate(verdict: Mapping[str, Any], contract: Mapping[str, Any]) -> Gate:
    name = verdict["gate"]
    return Gate(
        gate=name,
        passed=verdict["passed"],
        value=None if name in MEASURED else verdict["value"],
        limit=verdict["limit"],
        rule=_rule(name, contract),
        note=MEASURED.get(name, verdict["note"]),
        slices=verdict.get("slices", ()),
    )


def _rule(gate: str, contract: Mapping[str, Any]) -> str | None:
    rising = contract["metric"].get("minimum") is not None
    if gate in {"metric", "golden"}:
        return "at least" if rising else "at most"
    if gate == "baseline":
        return "more than" if rising else "less than"
    return _FIXED.get(gate)
