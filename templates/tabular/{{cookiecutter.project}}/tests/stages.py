"""A contract, a data contract and rows of our own: tests of logic mean the same whatever this repository predicts."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import yaml
from pandera.polars import Check, Column, DataFrameSchema

from ml.checks import levels
from ml.contract import Contract
from ml.model import Floats, Prediction

CONTRACT = """\
project: shop
task: classification
target: bought
positive: true
time_column: at
entity: who
metric: {name: f1, minimum: 0.5}
gates:
  bias: {slices: [kind], max_gap: 0.1, min_rows: 3}
  latency: {p99_ms: 50}
  golden: {path: golden.parquet, sha256: "%s", minimum: 0.4}
drift: {datapoints: 2, periods: 3, min_rows: 200, every: 1d}
quality: {label_delay_days: 2, cusum_limit: 4, min_coverage: 0.8, max_broken: 0.01}
triggers: {schedule: auto, drift: wake, quality: true, new_data: false}
retraining: {windows_days: [30, 60], min_gain: auto, cooldown_hours: 24, max_per_month: 8, max_age_days: 60}
rollout: {strategy: canary, percent: 10, bake_minutes: 30, rollback: {p99_ms: 200, error_rate: 0.01, min_requests: 100}}
approval: auto
budget: {monthly_usd: 300}
""" % ("0" * 64)

SCHEMA = DataFrameSchema(
    {
        "at": Column(pl.Datetime("us"), metadata={"kind": "timestamp"}),
        "who": Column(pl.String, nullable=True, metadata={"kind": "ignored"}),
        "kind": Column(pl.String, levels("a", "b"), metadata={"kind": "categorical"}),
        "amount": Column(pl.Float64, Check.in_range(0, 100), nullable=True, metadata={"kind": "numeric"}),
        "bought": Column(pl.Boolean, nullable=True, metadata={"kind": "boolean"}),
    },
    unique=["who", "at"],
    strict=True,
)
START = datetime(2025, 1, 1)  # noqa: DTZ001 - the data's times have no zone


def document(**changes: Any) -> dict[str, Any]:
    """Return the contract as `loop.yaml` holds it; `quality__label_delay_days=0` changes one value."""
    made: dict[str, Any] = yaml.safe_load(CONTRACT)
    return changed(made, **changes)


def changed(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy of a document with some values set, each named by its path with `__` between the steps."""
    made = copy.deepcopy(found)
    for path, value in changes.items():
        *steps, last = path.split("__")
        part = made
        for step in steps:
            part = part[step]
        part[last] = value
    return made


def a_contract(**changes: Any) -> Contract:
    return Contract.model_validate(document(**changes))


def a_regression(**changes: Any) -> Contract:
    given = {"task": "regression", "target": "amount", "positive": None, "metric": {"name": "mae", "maximum": 2.0}}
    golden = {"gates__golden__maximum": 3.0, "gates__golden__minimum": None}
    return a_contract(**(given | golden | changes))


def a_frame(rows: int, *, every: timedelta = timedelta(hours=6), people: int = 5, seed: int = 0) -> pl.DataFrame:
    """Return valid rows by `SCHEMA`, in the order of time, all labelled; `bought` follows `amount`."""
    random = np.random.default_rng(seed)
    amount = random.uniform(0, 100, rows)
    return pl.DataFrame(
        {
            "at": pl.Series([START + index * every for index in range(rows)], dtype=pl.Datetime("us")),
            "who": [f"p{index}" for index in random.integers(0, people, rows)],
            "kind": ["ab"[index] for index in random.integers(0, 2, rows)],
            "amount": amount,
            "bought": amount + random.normal(0, 10, rows) > 50,
        }
    )


def numbers(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def says(*probabilities: float, threshold: float = 0.5) -> Prediction:
    """Return a prediction of two classes from the probability of the second."""
    positive = numbers(*probabilities)
    return Prediction((positive > threshold).astype(np.float64), np.column_stack([1 - positive, positive]))
