"""Small data files of every kind that a user may bring, with a target that can be learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import duckdb
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 2400
TARGETS = ("two classes", "three classes", "codes", "number")
FORMATS = ("csv", "parquet", "jsonl")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a data file is like."""

    target: str
    time: bool
    entity: bool
    format: str = "csv"

    def words(self) -> list[str]:
        """Return the flags of `loopwright new` that go with it."""
        keys = [["--time-column", "Seen At"] if self.time else [], ["--entity", "customer id"] if self.entity else []]
        return ["--target", "outcome", *keys[0], *keys[1]]


SHAPES = [
    Shape(target=target, time=time, entity=entity) for target, time, entity in product(TARGETS, *[(True, False)] * 2)
]


def write(folder: Path, shape: Shape) -> Path:
    """Write a data file of a shape; names and values are as untidy as real ones."""
    rng = np.random.default_rng(11)
    size, plan = rng.normal(50, 15, ROWS), rng.choice(["free", "plus", 'pro "max"'], ROWS)
    visits, active = rng.poisson(4, ROWS), rng.random(ROWS) < 0.4
    score = (size - 50) / 15 + visits / 2 - 2 + 2 * (plan == "plus") - active + rng.normal(0, 0.5, ROWS)
    columns: dict[str, list[object]] = {
        "Size (kg)": [None if rng.random() < 0.05 else round(float(value), 2) for value in size],
        "plan": plan.tolist(),
        "visits": visits.tolist(),
        "active?": active.tolist(),
    }
    if shape.time:
        start = np.datetime64("2024-01-01T00:00:00")
        columns["Seen At"] = [str(start + np.timedelta64(90 * minute, "m")) for minute in range(ROWS)]
    if shape.entity:
        columns["customer id"] = [f"c-{number:04}" for number in rng.integers(0, 400, ROWS)]
    columns["outcome"] = _outcome(shape.target, score)
    return _save(folder / f"untidy data.{shape.format}", columns)


def _outcome(target: str, score: np.ndarray) -> list[object]:
    if target == "number":
        return [round(float(value) * 10 + 100, 3) for value in score]
    if target == "two classes":
        return ["churned" if value > 0.8 else "stayed" for value in score]
    level = np.digitize(score, [-0.5, 1.5])
    return level.tolist() if target == "codes" else [["low", "mid", "high"][index] for index in level]


def _save(path: Path, columns: dict[str, list[object]]) -> Path:
    lines = path.with_suffix(".lines")
    lines.write_text(
        "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*columns.values(), strict=True))
    )
    if path.suffix == ".jsonl":
        return lines.rename(path)
    options = "(FORMAT csv, HEADER, DELIMITER ';')" if path.suffix == ".csv" else "(FORMAT parquet)"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_json(?, format = 'newline_delimited')) TO '{path}' {options}", [str(lines)]
        )
    lines.unlink()
    return path
