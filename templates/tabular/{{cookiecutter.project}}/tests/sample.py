"""Rows that fit the data contract, whatever it holds, with a target that can be learned from the features."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml import contract as contracts
from ml.frames import kind, pl_type
from ml.schema import SCHEMA

if TYPE_CHECKING:
    from pandera.polars import Column

NULLS = 0.1
UNLABELLED = 0.05
CLASSES = ("a", "b", "c")
NARROW = 20
"""A range of at most so many whole numbers is used up to its ends; as a target, each of them is a class."""


def sample(rows: int, seed: int) -> pl.DataFrame:
    """Make ``rows`` rows by the data contract (`ml/schema.py`) and the task (`loop.yaml`).

    Times ascend by two hours a row (by a day in a column of dates). About a tenth of each nullable feature is null; of
    a nullable target, the newest twentieth. The target follows the mean rank of the last three features, with noise.
    """
    random, contract = np.random.default_rng(seed), contracts.load()
    unique = _unique(contract.entity)
    drawn: dict[str, list[Any]] = {}
    for name, column in SCHEMA.columns.items():
        values = _draw(column, rows, random, unique=name in unique)
        if name == contract.entity and name not in unique:
            values = [values[index] for index in random.integers(0, max(1, rows // 4), rows)]
        if column.nullable and name not in unique and name not in {contract.target, contract.entity}:
            values = [
                None if hidden else value for value, hidden in zip(values, random.random(rows) < NULLS, strict=True)
            ]
        drawn[name] = values
    drawn[contract.target] = _target(contract, drawn, rows, random)
    return pl.DataFrame({name: _series(name, drawn[name]) for name in SCHEMA.columns})


def _series(name: str, values: list[Any]) -> pl.Series:
    column = SCHEMA.columns[name]
    return pl.Series(name, values).cast(pl_type(column))


def _unique(entity: str | None) -> set[str]:
    """Return the columns whose values are all distinct, so that every uniqueness the contract asks for holds."""
    columns = SCHEMA.columns
    found = {name for name, column in columns.items() if column.unique or pl_type(column).is_temporal()}
    together = [SCHEMA.unique] if isinstance(SCHEMA.unique, str) else SCHEMA.unique or []
    if together and not found & set(together):
        found.add(entity if entity in together else together[0])
    return found


def _draw(column: Column, rows: int, random: np.random.Generator, *, unique: bool) -> list[Any]:
    of_type, levels = pl_type(column), _statistic(column, "allowed", "allowed_values")
    if of_type.is_temporal():
        step = timedelta(days=1) if of_type == pl.Date else timedelta(hours=2)
        start = _statistic(column, "min_value") or datetime(2025, 1, 1)  # noqa: DTZ001 - the data's times have no zone
        return [start + index * step for index in range(rows)]
    if of_type.is_numeric() and not levels:
        return _numbers(column, rows, random, unique=unique)
    if of_type == pl.Boolean:
        return random.integers(0, 2, rows).astype(bool).tolist()
    if kind(column) == "categorical" or levels:
        return [(levels or CLASSES)[index] for index in random.integers(0, len(levels or CLASSES), rows)]
    return [f"{index:06d}" for index in range(rows)]


def _numbers(column: Column, rows: int, random: np.random.Generator, *, unique: bool) -> list[Any]:
    low, high = _statistic(column, "min_value"), _statistic(column, "max_value")
    low = low if low is not None else 0 if high is None or high > 0 else high - 100
    high = high if high is not None else low + max(100, 2 * rows)
    shares = random.permutation(rows) / rows if unique else random.random(rows)
    # Off both ends where there is room: a bound may be exclusive.
    if pl_type(column).is_integer():
        room = int(high - low > NARROW)
        low, high = int(np.ceil(low)) + room, int(high) - room
        return [low + int(share * (high - low + 1)) for share in shares]
    return (low + (high - low) * (0.01 + 0.98 * shares)).tolist()


def _statistic(column: Column, *names: str) -> Any:
    found = [check.statistics[name] for check in column.checks for name in names if name in (check.statistics or {})]
    return found[0] if found else None


def _target(contract: contracts.Contract, drawn: dict[str, list[Any]], rows: int, random: np.random.Generator) -> list:
    column = SCHEMA.columns[contract.target]
    share = _shares(contract, drawn, rows) + random.normal(0, 0.03, rows)
    share = share.argsort().argsort() / rows
    if contract.task == "regression":
        ordered = sorted(_draw(column, rows, random, unique=False))
        values = [ordered[int(rank * rows)] for rank in share]
    else:
        classes = _classes(column, contract)
        values = [classes[int(rank * len(classes))] for rank in share]
    kept = int(rows * (1 - UNLABELLED)) if column.nullable else rows
    return values[:kept] + [None] * (rows - kept)


def _classes(column: Column, contract: contracts.Contract) -> list[Any]:
    levels = _statistic(column, "allowed", "allowed_values")
    low, high = _statistic(column, "min_value"), _statistic(column, "max_value")
    if pl_type(column) == pl.Boolean:
        return [False, True]
    if levels:
        return list(levels)
    if pl_type(column).is_integer():
        return list(range(low, high + 1)) if high is not None and high - low < NARROW else [0, 1]
    return list(CLASSES[:2] if contract.positive is None else ("other", contract.positive))


def _shares(contract: contracts.Contract, drawn: dict[str, list[Any]], rows: int) -> np.ndarray:
    """Return the mean rank (0 to 1) of each row over the last three features; a null ranks lowest."""
    apart = {contract.target, contract.entity}
    ranks = [np.zeros(rows)]
    for name, column in SCHEMA.columns.items():
        if name not in apart and kind(column) != "ignored":
            values = drawn[name]
            if pl_type(column).is_temporal():
                values = [value.weekday() if value is not None else None for value in values]
            order = {
                value: index for index, value in enumerate(sorted({value for value in values if value is not None}))
            }
            ranks.append(np.array([order.get(value, -1) / max(1, len(order)) for value in values]))
    return np.mean(ranks[-3:], axis=0)
