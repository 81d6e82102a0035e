"""Play the loop as a project's own code has it: a request on stdin, what it did on stdout, both JSON."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

import ml.contract
import mlops.loop
from mlops.handlers.retraining import Policy

from .days import play
from .loop import Loop
from .matrix import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.contract import Contract

__all__ = ["main"]


def main() -> int:
    """Play each loop of the request on its span; it changes what it names of the contract."""
    request = json.load(sys.stdin)
    matrix, contract = Kept.read(request["header"]), ml.contract.load()
    start = datetime.fromisoformat(request["header"]["start"]).replace(tzinfo=UTC)
    done = []
    for asked in request["plays"]:
        first, last = asked["span"]
        played = play(matrix, _loop(contract, asked, start), range(first, last + 1), asked["window"])
        losses = [None if np.isnan(loss) else loss for loss in played.losses.tolist()]
        done.append(asdict(played) | {"losses": losses, "counts": played.counts.tolist()})
    json.dump(done, sys.stdout)
    return 0


def _loop(contract: Contract, asked: Mapping[str, Any], start: datetime) -> Loop:
    """Return the loop of the contract, with what was asked for in the place of its own values."""
    # What the controller on AWS is given, by the function that gives it.
    policy = mlops.loop.retraining(contract, "", {})["POLICY"]
    policy |= {key: asked[key] for key in ("schedule_days", "windows_days") if key in asked}
    return Loop(
        policy=Policy(**policy | {"windows_days": tuple(policy["windows_days"])}),
        min_gain=asked.get("min_gain", contract.retraining.min_gain),
        cusum_limit=contract.quality.cusum_limit if contract.triggers.quality else math.inf,
        start=start,
    )
