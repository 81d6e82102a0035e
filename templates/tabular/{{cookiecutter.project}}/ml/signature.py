"""The signature: what one row of input looks like, as it travels with the model.

Training derives it from the data contract (`ml/schema.py`) and saves it beside the model, so that the server refuses
and accepts what the contract does without the contract's libraries in its environment.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["numeric", "categorical", "boolean", "timestamp"]
Columns = dict[str, NDArray[np.generic]]
"""Rows by column, all of one length. numeric and boolean: float64, NaN is null. categorical: object, str or None.
timestamp: datetime64[us] in UTC, NaT is null."""

FILE = "signature.json"


@dataclass(frozen=True, kw_only=True)
class Input:
    """One column that a request carries."""

    name: str
    kind: Kind
    whole: bool = False
    """Only whole numbers are allowed: the data contract has the column as integers, be they quantities or codes."""
    nullable: bool = False
    now: bool = False
    """Null stands for the time of the request."""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a request may carry: the inputs, and known columns that are ignored (target, entity, identifiers)."""

    inputs: tuple[Input, ...]
    ignored: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    """Known columns that no request may carry: personal data."""

    def save(self, folder: Path) -> None:
        """Write `signature.json` into ``folder``."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Signature:
        """Read `signature.json` from ``folder``."""
        document: Mapping[str, list[dict[str, object]]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        inputs = tuple(Input(**entry) for entry in document["inputs"])  # type: ignore[arg-type]
        names = {key: tuple(map(str, document.get(key, ()))) for key in ("ignored", "personal")}
        return cls(inputs=inputs, **names)
