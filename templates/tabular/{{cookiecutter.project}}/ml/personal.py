"""Personal data: the columns that the data contract tags with `"pii": True`.

They may be in the data and in nothing that is made of it. The first stage drops them before anything looks at a value,
the request door refuses whoever sends one, and neither the model nor the monitor knows them by more than their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from pandera.polars import Column, DataFrameSchema

    from ml.contract import Contract

TAG = "pii"


class PersonalError(LoopError):
    """A column of personal data has a use."""


def names(schema: DataFrameSchema) -> tuple[str, ...]:
    """Return the columns of the data contract that are tagged as personal data."""
    return tuple(name for name, column in schema.columns.items() if _tagged(column))


def drop(frame: pl.DataFrame, schema: DataFrameSchema) -> pl.DataFrame:
    """Return ``frame`` without its columns of personal data; it need not have them."""
    return frame.drop(names(schema), strict=False)


def without(schema: DataFrameSchema) -> DataFrameSchema:
    """Return the data contract of rows whose columns of personal data were dropped."""
    return schema.remove_columns(list(names(schema)))


def refuse_use(schema: DataFrameSchema, contract: Contract) -> None:
    """Refuse a data contract that gives a column of personal data a use: it would reach what is made of the data.

    Raises:
        PersonalError: One is a feature, or the target, the time, the entity, a slice, or part of the key.
    """
    uses: dict[str, Sequence[str | None]] = {
        "target": [contract.target],
        "time_column": [contract.time_column],
        "entity": [contract.entity],
        "gates.bias.slices": contract.gates.bias.slices if contract.gates.bias else [],
        "unique": [schema.unique] if isinstance(schema.unique, str) else schema.unique or [],
    }
    for name in names(schema):
        kind = (schema.columns[name].metadata or {}).get("kind")
        found = [use for use, columns in uses.items() if name in columns]
        found += [] if kind == "ignored" else [f"kind {kind}"]
        if found:
            raise PersonalError(
                f"the column {name!r} cannot be used",
                because=f"ml/schema.py tags it as personal data, and it is also {' and '.join(found)}",
                attempt="make it kind ignored and name another column, such as a key that tells nobody's name",
            )


def _tagged(column: Column) -> bool:
    return bool((column.metadata or {}).get(TAG))
