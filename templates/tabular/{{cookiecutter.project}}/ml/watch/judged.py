"""Judged: rows that were answered, with the label that landed for each and what the answer cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml import losses
from ml.model import Prediction
from ml.serving.values import level
from ml.watch.rows import OURS

if TYPE_CHECKING:
    from ml.contract import Contract
    from ml.model import Floats

KEPT = ("__time__", "__model__", "__loss__")
"""The columns that a judged row has beside those of the data contract."""


def judged(rows: pl.DataFrame, labels: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows that have a label.

    Args:
        rows: As `ml/watch/rows.py` describes them.
        labels: `id`, `row` and `target`, at most one for each id and row.
        contract: The target, and the metric that says which loss counts.

    Returns:
        The inputs, the target, and `KEPT`. A row whose model is not known, or whose loss is no finite number, is left
        out.
    """
    names = [name for name in rows.columns if name not in OURS]
    keys = ["__id__", "__row__"]
    found = rows.filter(pl.col("__model__").is_not_null()).join(
        labels.select("id", "row", "target"), left_on=keys, right_on=["id", "row"], how="inner", maintain_order="left"
    )
    parts = [_with_losses(part, contract) for part in found.partition_by("__classes__", maintain_order=True)]
    found = pl.concat(parts) if parts else found.with_columns(pl.lit(0.0).alias("__loss__"))
    found = found.filter(pl.col("__loss__").is_finite()).rename({"target": contract.target})
    return found.select(*names, contract.target, *KEPT)


def _with_losses(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return rows of the same classes with `__loss__`."""
    classes = rows["__classes__"][0]
    said = _predicted(rows) if classes is None else _classified(rows)
    truth = (
        rows["target"].cast(pl.Float64).to_numpy() if classes is None else _indices(rows["target"], json.loads(classes))
    )
    with np.errstate(over="ignore"):
        found = losses.losses(contract.metric.name, truth, said)
    return rows.with_columns(pl.Series("__loss__", found, dtype=pl.Float64))


def _predicted(rows: pl.DataFrame) -> Prediction:
    return Prediction(rows["__value__"].to_numpy(), None)


def _classified(rows: pl.DataFrame) -> Prediction:
    """Return what was said of each class, and nothing of one more: that of every label that the model does not know."""
    of_each: Floats = np.array(rows["__probabilities__"].to_list(), dtype=np.float64)
    shares = np.column_stack([of_each, np.zeros(len(of_each))])
    return Prediction(shares.argmax(axis=1).astype(np.float64), shares)


def _indices(labels: pl.Series, classes: list[str]) -> Floats:
    index = {name: float(place) for place, name in enumerate(classes)}
    return np.array([index.get(level(label), float(len(classes))) for label in labels.to_list()])
