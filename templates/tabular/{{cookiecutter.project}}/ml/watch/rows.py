"""Rows: the accepted rows of a period as a table, with what was said of them, written in parts.

Beside every input of the data contract, typed as history has it, a row has `__id__` and `__row__`, which labels name it
by, `__time__` (when it was answered, UTC), and `__model__`, the SHA-256 of what answered it. What was said is
`__value__`, or `__label__`, `__probability__` (as in `Baseline.predictions`), `__classes__` (a JSON list) and
`__probabilities__`, one a class; all null where the row was not answered.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from ml.frames import pl_type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pandera.polars import DataFrameSchema

    from ml.capture import Request
    from ml.signature import Signature

BATCH = 20_000
"""So many rows at most are held in memory."""
OURS = {
    "__id__": pl.String(),
    "__row__": pl.Int64(),
    "__time__": pl.Datetime("us"),
    "__model__": pl.String(),
    "__value__": pl.Float64(),
    "__label__": pl.String(),
    "__probability__": pl.Float64(),
    "__classes__": pl.String(),
    "__probabilities__": pl.List(pl.Float64()),
}
ANSWERED = "__value__ IS NOT NULL OR __label__ IS NOT NULL"
"""Whether anything was said of a row, for a query."""
READ: Mapping[str, pl.DataType] = {
    "numeric": pl.Float64(),
    "boolean": pl.Float64(),
    "categorical": pl.String(),
    "timestamp": pl.Datetime("us"),
}
"""How the request door reads each kind."""


class Writer:
    """Writes the rows of one period below a folder."""

    def __init__(self, folder: Path, signature: Signature, schema: DataFrameSchema, serves: str | None) -> None:
        """Write rows of ``signature``; what does not say which model answered was answered by ``serves``."""
        self.folder, self.serves, self.parts, self.held = folder, serves, 0, 0
        self.models: dict[str, Counter[str]] = {}
        """By SHA-256: `rows`, and how many of them were `answered`."""
        self._types = {entry.name: READ[entry.kind] for entry in signature.inputs} | OURS
        self._declared = {entry.name: pl_type(schema.columns[entry.name]) for entry in signature.inputs}
        self._values: dict[str, list[Any]] = {name: [] for name in self._types}

    def add(self, request: Request) -> None:
        """Take the accepted rows of a request."""
        if not request.accepted:
            return
        for columns in request.columns:
            for name, values in columns.items():
                self._values[name].extend(values.tolist())
        said = request.answer
        model = said.model if said and said.model else self.serves
        self._put("__id__", request, [request.id] * request.accepted)
        self._put("__row__", request, list(request.rows))
        self._put("__time__", request, [request.time and request.time.replace(tzinfo=None)] * request.accepted)
        self._put("__model__", request, [model] * request.accepted)
        for name in ("value", "label", "probability"):
            self._put(f"__{name}__", request, said.columns.get(name) if said else None)
        classes = json.dumps(said.classes, ensure_ascii=False) if said and said.classes else None
        self._put("__classes__", request, [classes] * request.accepted)
        self._put("__probabilities__", request, said.probabilities if said else None)
        self.held += request.accepted
        if model:
            counted = self.models.setdefault(model, Counter(rows=0, answered=0))
            counted.update(rows=request.accepted, answered=request.accepted if said else 0)

    def path(self, number: int) -> Path:
        """Return where a part is written, counted from 0."""
        return self.folder / part(number)

    def _put(self, name: str, request: Request, values: list[Any] | None) -> None:
        self._values[name].extend([None] * request.accepted if values is None else values)

    def flush(self) -> None:
        """Write what is held as the next part."""
        if not self.held:
            return
        frame = pl.DataFrame(self._values, schema=self._types, strict=False)
        numbers = [name for name, of_type in self._declared.items() if frame.schema[name] == pl.Float64]
        frame = frame.with_columns(pl.col(numbers).fill_nan(None)) if numbers else frame
        # A value that the door accepts has a value of the declared type.
        frame = frame.with_columns(pl.col(name).cast(of_type) for name, of_type in self._declared.items())
        self.folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(self.path(self.parts))
        self.parts, self.held = self.parts + 1, 0
        for values in self._values.values():
            values.clear()


def part(number: int) -> str:
    """Return the name of a part, counted from 0."""
    return f"part-{number:05d}.parquet"
