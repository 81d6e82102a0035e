"""A run as its stages leave it, made by hand: what a model card is written of."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import gates
from ml.baseline import Baseline
from ml.card.run import Run
from ml.judges import Slice, Verdict
from ml.losses import Quality
from ml.signature import Input, Signature
from tests.profiles import category, number, numbers, reference
from tests.stages import a_contract

if TYPE_CHECKING:
    from ml.contract import Contract

DIGEST = "sha256:" + "ab" * 32
CLEAN = Verdict(gate="sanity", passed=True, value=None, limit=None, note="nothing odd")
SLICES = (
    Slice(column="kind", value="a", rows=900, gap=-0.01, sure=0.0),
    Slice(column="kind", value="b", rows=100, gap=0.2, sure=0.15),
    Slice(column="kind", value="c", rows=120, gap=None, sure=None),
)
BIAS = Verdict(gate="bias", passed=False, value=0.15, limit=0.1, note="worst: kind=b", slices=SLICES)
CHAMPION = Verdict(gate="champion", passed=True, value=0.01, limit=0.0, note="+0.02 against version 1, at least +0.01")


def a_baseline(name: str = "amount", move: float = 0.4) -> Baseline:
    """Return the baseline of a number that moves by itself, and of a category that does not."""
    values = np.arange(100.0)
    features = [number(values, name), replace(category(["a", "b"], "kind"), column="kind")]
    profile = numbers(features[:1], np.where(values < 10, np.nan, values)[:, None])
    profile = replace(profile, features=tuple(features), counts=profile.counts | {"kind": profile.counts[name]})
    own = {name: move, "kind": 0.0}
    return Baseline(
        rows=100,
        since="2026-01-01T00:00:00",
        until="2026-03-31T12:30:59",
        inputs=reference(profile, own, block_rows=20),
        predictions=reference(profile, own),
        quality=Quality(loss="log_loss", rows=40, mean=0.5123, deviation=0.1, between=0.0, blocks=2),
    )


def a_run(contract: Contract | None = None, *verdicts: Verdict, **changes: Any) -> Run:
    """Return a run whose gates said this."""
    contract, said = contract or a_contract(), verdicts or (CLEAN, BIAS, CHAMPION)
    metric = contract.metric.name
    made: dict[str, Any] = {
        "contract": contract,
        "prepared": {"rows": 2000, "labelled": 1900, "golden_left_out": 50, "test_from": "2026-04-02T00:00:00"},
        "metrics": {"rows": 1120, "metrics": {metric: 0.61234}, "baselines": {"majority class": 0.25}},
        "gates": {
            "passed": all(one.passed for one in said),
            "reason": gates.reason(said),
            "model_sha256": "f00d" * 16,
            "git_commit": "c0de+changes",
            "lock_sha256": "10c4" * 16,
            "data_version": "v7",
            "data_sha256": "da7a" * 16,
            "window_sha256": "0dd5" * 16,
            "gates": [json.loads(json.dumps(asdict(one))) for one in said],
        },
        "points": {
            "importance": [["amount", 0.75], ["kind", 0.25]],
            "calibration": [{"name": "True", "said": [0.1, 0.8], "came": [0.125, 0.7]}],
            "confusion": {"classes": ["False", "True"], "shares": [[0.9, 0.1], [0.25, 0.75]]},
        },
        "facts": {"classes": [False, True], "weights": [0.7, 0.3]},
        "signature": Signature(
            inputs=(
                Input(name="amount", kind="numeric", minimum=0, maximum=1000),
                Input(name="kind", kind="categorical"),
            ),
            ignored=("who", "bought"),
            personal=("mail",),
        ),
        "baseline": a_baseline(),
        "tracked": "run-1",
        "image": f"1.dkr.ecr.eu-west-1.amazonaws.com/shop@{DIGEST}",
    }
    return Run(**(made | changes))
