"""How good the answers of a rehearsal were, and how good its first model would have gone on to be.

``python -m rehearsed_quality`` in the project's environment, its request as JSON on the standard input:

    labelled   the folder where the monitor leaves answered rows with their labels
    models     archives of the versions that served, the first one first
    edges      moments in UTC: where the periods begin, and where the last one ends

The loss of each answer is the monitor's. Metrics are of what each version says of its rows, which is what it said.
"""

from __future__ import annotations

import json
import math
import sys
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml import contract as contracts
from ml import losses
from ml.artefact import digest
from ml.evaluate import predicted
from ml.metrics import score
from ml.model import Prediction, load
from ml.train import target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.model import Floats, Model

FEWEST = 30
"""A period holds at least so many rows: smaller ones are joined with the next."""


def main() -> None:
    """Judge, and print what was found."""
    asked = json.load(sys.stdin)
    files = sorted(Path(asked["labelled"]).rglob("*.parquet"))
    if not files or not asked["models"]:
        sys.stdout.write("null")
        return
    with tempfile.TemporaryDirectory() as room:
        folders = [_unpacked(Path(archive), Path(room, str(number))) for number, archive in enumerate(asked["models"])]
        rows = pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed").sort("__time__")
        sys.stdout.write(json.dumps(judged(rows, folders, [datetime.fromisoformat(each) for each in asked["edges"]])))


def judged(rows: pl.DataFrame, folders: list[Path], edges: list[datetime]) -> dict[str, Any]:
    """Return quality with and without the loop, by period and over all."""
    contract = contracts.load()
    known = {digest(folder): (load(folder), folder) for folder in folders}
    rows = rows.filter(pl.col("__model__").is_in([*known]))
    first, folder = known[digest(folders[0])]
    truth = target(rows[contract.target], first.facts.classes)
    own, frozen = _answers(rows, known, first), predicted(first, folder, rows)
    name = contract.metric.name
    without = losses.losses(name, truth, frozen)
    times = rows["__time__"].dt.replace_time_zone(None)
    periods, start = [], edges[0]
    for end in edges[1:]:
        at = times.is_between(start.replace(tzinfo=None), end.replace(tzinfo=None), closed="left").to_numpy()
        if int(at.sum()) < FEWEST:
            continue  # it is joined with the next
        sides = {"with": _score(name, truth, own, at), "without": _score(name, truth, frozen, at)}
        periods.append({"from": start.isoformat(), "to": end.isoformat(), "rows": int(at.sum())} | sides)
        start = end
    every = times.is_not_null().to_numpy()
    return {
        "periods": periods,
        "with": _score(name, truth, own, every),
        "without": _score(name, truth, frozen, every),
        "loss": {"name": losses.name(name), "with": _mean(rows["__loss__"].to_numpy()), "without": _mean(without)},
    }


def _answers(rows: pl.DataFrame, known: dict[str, tuple[Model, Path]], first: Model) -> Prediction:
    """Return what was said of each row by the model that answered it."""
    said = [
        (part["__index__"], predicted(*known[str(part["__model__"][0])], part))
        for part in rows.with_row_index("__index__").partition_by("__model__", maintain_order=True)
    ]
    order = pl.concat([index for index, _ in said]).arg_sort().to_numpy()
    values = np.concatenate([each.values for _, each in said])[order]
    if not first.facts.classes:
        return Prediction(values, None)
    return Prediction(values, np.concatenate([each.probabilities for _, each in said])[order])


def _score(name: str, truth: Floats, said: Prediction, at: NDArray[np.bool_]) -> float | None:
    shares = None if said.probabilities is None else said.probabilities[at]
    return _finite(score(name, truth[at], Prediction(said.values[at], shares)))


def _mean(values: Floats) -> float | None:
    return _finite(float(np.nanmean(values))) if len(values) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


if __name__ == "__main__":
    main()
