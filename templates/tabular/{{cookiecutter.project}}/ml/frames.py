"""From tables to what the model reads: the signature of the data contract, and columns of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml.signature import Columns, Input, Kind, Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandera.polars import Column, DataFrameSchema

    from ml.contract import Contract


def signature(schema: DataFrameSchema, contract: Contract) -> Signature:
    """Derive what a request may carry from the data contract.

    The time column is an input that may be missing: a request is about now unless it says otherwise.
    """
    apart = {contract.target, contract.entity}
    inputs, ignored = [], []
    for name, column in schema.columns.items():
        if kind(column) == "ignored" or name in apart:
            ignored.append(name)
        else:
            inputs.append(_input(name, column, optional=name == contract.time_column))
    return Signature(inputs=tuple(inputs), ignored=tuple(ignored))


def kind(column: Column) -> str:
    """Return the kind that the data contract gives a column."""
    return str((column.metadata or {})["kind"])


def _input(name: str, column: Column, *, optional: bool) -> Input:
    of_kind: Kind = kind(column)  # type: ignore[assignment]
    bounds = [check.statistics for check in column.checks]
    lower = [bound["min_value"] for bound in bounds if "min_value" in bound]
    upper = [bound["max_value"] for bound in bounds if "max_value" in bound]
    return Input(
        name=name,
        kind=of_kind,
        whole=of_kind == "numeric" and pl_type(column).is_integer(),
        nullable=bool(column.nullable) or optional,
        minimum=max(map(float, lower), default=None),
        maximum=min(map(float, upper), default=None),
    )


def pl_type(column: Column) -> pl.DataType:
    """Return the polars type of a column of the data contract."""
    found: Any = column.dtype.type
    return found if isinstance(found, pl.DataType) else found()


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
