"""Profiles: the rows that one model answered in a period, counted by the buckets of its own baseline.

They are counted once and kept. Where a model's baseline was not known when the period was read, they are counted as
soon as it is, as long as the rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ml.drift.measure import connected, count
from ml.drift.profile import Profile
from ml.watch.rows import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.baseline import Baseline
    from ml.watch.state import State
    from ml.window import Window

KINDS = ("inputs", "predictions")
SAID = "__value__ AS value, __label__ AS label, __probability__ AS probability"


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """What a model was asked and said."""

    inputs: Profile
    predictions: Profile

    def __add__(self, other: Profiles) -> Profiles:
        return Profiles(inputs=self.inputs + other.inputs, predictions=self.predictions + other.predictions)


def profiles(state: State, window: Window, model: str, base: Baseline) -> Profiles | None:
    """Return the profiles of the rows that ``model`` answered; None where there are none, or none are left."""
    document = state.period(window)
    if document is None or model not in document["models"]:
        return None
    names = [f"profiles/{window.name}/{model}.{kind}.json" for kind in KINDS]
    features = base.inputs.profile.features, base.predictions.profile.features
    if all(map(state.there, names)):
        texts = (state.place.read(name).decode() for name in names)
        inputs, predictions = (Profile.read(text, of) for text, of in zip(texts, features, strict=True))
        return Profiles(inputs=inputs, predictions=predictions)
    if not (parts := state.parts(window)):
        return None
    found = _counted(parts, model, base)
    for name, profile in zip(names, (found.inputs, found.predictions), strict=True):
        state.keep_bytes(name, profile.text().encode())
    return found


def _counted(parts: Sequence[Path], model: str, base: Baseline) -> Profiles:
    by_model = duckdb.ColumnExpression("__model__") == duckdb.ConstantExpression(model)
    with connected() as connection:
        rows = connection.read_parquet([str(path) for path in parts]).filter(by_model)
        rows.create_view("rows")
        inputs = count(connection, base.inputs.profile.features)
        rows.filter(ANSWERED).project(SAID).create_view("rows", replace=True)
        return Profiles(inputs=inputs, predictions=count(connection, base.predictions.profile.features))
