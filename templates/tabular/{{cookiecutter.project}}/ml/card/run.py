"""What the stages of a run left behind, as a card reads it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import baseline
from ml.model import FACTS
from ml.paths import GATES, METRICS, MODEL, POINTS, PREPARED
from ml.signature import Signature

if TYPE_CHECKING:
    from ml.baseline import Baseline
    from ml.contract import Contract


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run up to its gates."""

    contract: Contract
    prepared: dict[str, Any]
    metrics: dict[str, Any]
    gates: dict[str, Any]
    points: dict[str, Any]
    """As `ml.plots.points` returns them."""
    facts: dict[str, Any]
    """Of the model, as `ml.model.Facts` has them."""
    signature: Signature
    baseline: Baseline
    tracked: str | None
    """The id of its MLflow run; None where there is none."""
    image: str | None
    """The image it was made in, with its digest; None where it is not known."""


def read(contract: Contract, tracked: str | None) -> Run:
    """Read the reports and the model of the run in this folder."""
    return Run(
        contract=contract,
        prepared=_json(PREPARED),
        metrics=_json(METRICS),
        gates=_json(GATES),
        points=_json(POINTS),
        facts=_json(MODEL / FACTS),
        signature=Signature.load(MODEL),
        baseline=baseline.load(MODEL),
        tracked=tracked,
        image=image(Path(os.environ.get("OPT_ML", "/opt/ml"))),
    )


def image(root: Path) -> str | None:
    """Return the image of the SageMaker job that lies below ``root``; None where there is no job, or no digest."""
    config = root / "config/processingjobconfig.json"
    if not config.is_file():
        return None
    address = (_json(config).get("AppSpecification") or {}).get("ImageUri") or ""
    return str(address) if "@sha256:" in address else None


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
