"""From tables to what the model reads: the signature of the data contract, and columns of a frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml import personal
from ml.signature import Columns, Input, Kind, Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandera.polars import Column, DataFrameSchema

    from ml.contract import Contract


def signature(schema: DataFrameSchema, contract: Contract) -> Signature:
    """Derive what a request may carry from the data contract.

    The time column is an input that may be missing: a request is about now unless it says otherwise. Of the checks,
    the ranges of numbers become part of the signature; the others hold at the first stage and in CI.

    Raises:
        PersonalError: A column of personal data has a use.
    """
    personal.refuse_use(schema, contract)
    apart, hidden = {contract.target, contract.entity}, personal.names(schema)
    inputs, ignored = [], []
    for name, column in schema.columns.items():
        if name in hidden:
            continue
        if kind(column) == "ignored" or name in apart:
            ignored.append(name)
        else:
            inputs.append(_input(name, column, now=name == contract.time_column))
    return Signature(inputs=tuple(inputs), ignored=tuple(ignored), personal=hidden)


def kind(column: Column) -> str:
    """Return the kind that the data contract gives a column."""
    return str((column.metadata or {})["kind"])


def _input(name: str, column: Column, *, now: bool) -> Input:
    of_kind: Kind = kind(column)  # type: ignore[assignment]
    whole = of_kind in {"numeric", "categorical"} and pl_type(column).is_integer()
    lower, upper = _bounds(column, whole=whole) if whole or of_kind == "numeric" else ([], [])
    return Input(
        name=name,
        kind=of_kind,
        whole=whole,
        nullable=bool(column.nullable) or now,
        now=now,
        minimum=max(lower, default=None),
        maximum=min(upper, default=None),
    )


def _bounds(column: Column, *, whole: bool) -> tuple[list[float], list[float]]:
    """Return the smallest and the largest numbers that each check of a column, and its type, let pass."""
    lower, upper = [], []
    for check in column.checks:
        found = check.statistics
        if "min_value" in found:
            open_end = check.name == "greater_than" or not found.get("include_min", True)
            lower.append(_inside(found["min_value"], math.inf, whole=whole) if open_end else float(found["min_value"]))
        if "max_value" in found:
            open_end = check.name == "less_than" or not found.get("include_max", True)
            upper.append(_inside(found["max_value"], -math.inf, whole=whole) if open_end else float(found["max_value"]))
    if whole and pl_type(column) != pl.Int64:
        limits = np.iinfo(str(pl_type(column)).lower())
        lower = [*lower, float(limits.min)]
        upper = upper if pl_type(column) == pl.UInt64 else [*upper, float(limits.max)]
    return lower, upper


def _inside(bound: float, towards: float, *, whole: bool) -> float:
    """Return the first number inside a bound that is itself outside."""
    return float(bound + math.copysign(1, towards)) if whole else math.nextafter(bound, towards)


def pl_type(column: Column) -> pl.DataType:
    """Return the polars type of a column of the data contract."""
    found: Any = column.dtype.type
    return found if isinstance(found, pl.DataType) else found()


def as_declared(frame: pl.DataFrame, schema: DataFrameSchema) -> pl.DataFrame:
    """Give columns the types of the data contract where no value changes by it.

    Other writers choose other types for the same values: pandas makes floats of whole numbers beside nulls, and
    nanoseconds of every time. What would lose something stays as it is, for the contract to refuse.
    """
    declared = {name: pl_type(column) for name, column in schema.columns.items() if name in frame.columns}
    other = [name for name, of_type in declared.items() if _alike(frame.schema[name], of_type)]
    return frame.with_columns(_lossless(frame[name], declared[name]) for name in other)


def _alike(found: pl.DataType, declared: pl.DataType) -> bool:
    """Tell whether two different types can hold the same values."""
    if found == declared:
        return False
    text = declared == pl.String and found.base_type() in {pl.Categorical, pl.Enum}
    return text or (found.is_numeric() and declared.is_numeric()) or (found.is_temporal() and declared.is_temporal())


def _lossless(values: pl.Series, declared: pl.DataType) -> pl.Series:
    try:
        made = values.cast(declared)
        return made if made.cast(values.dtype).equals(values) else values
    except pl.exceptions.PolarsError:
        return values


def columns(frame: pl.DataFrame, signature: Signature) -> Columns:
    """Take the inputs of ``signature`` out of ``frame``, in the form that `ml/signature.py` describes."""
    return {entry.name: _values(frame[entry.name], entry.kind) for entry in signature.inputs}


def records(frame: pl.DataFrame, signature: Signature) -> list[dict[str, Any]]:
    """Return the rows of ``frame`` as the JSON objects that a request carries."""
    names = [entry.name for entry in signature.inputs]
    times = [entry.name for entry in signature.inputs if entry.kind == "timestamp"]
    text = frame.select(names).with_columns(pl.col(times).dt.to_string("iso:strict"))
    return text.to_dicts()


def _values(series: pl.Series, kind: Kind) -> NDArray[np.generic]:
    if kind == "timestamp":
        return series.cast(pl.Datetime("us")).to_numpy()
    if kind == "categorical":
        return np.array(series.cast(pl.String).to_list(), dtype=object)
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
