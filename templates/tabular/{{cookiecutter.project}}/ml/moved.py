"""How far what was served moved from what the model learned from: its inputs, and what it said of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml import baseline
from ml.artefact import digest
from ml.drift.compare import compare
from ml.drift.measure import measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ml.capture import Request
    from ml.drift.compare import Report
    from ml.drift.reference import Reference
    from ml.signature import Columns
    from ml.window import Window

PERIODS = 7
"""So many periods at most are looked back on for enough rows to judge."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The accepted rows of the latest periods, period by period."""

    least: int
    """Rows that a comparison needs."""
    window: Window
    """The latest period."""
    periods: dict[int, list[Request]] = field(default_factory=lambda: defaultdict(list))
    """Requests by how many periods ago they were answered."""

    def add(self, request: Request) -> None:
        """Keep a request, if it is of one of these periods."""
        if request.time is None or not request.accepted or request.time >= self.window.end:
            return
        # Rounded down from the end, which is in no period: its start is in a period.
        ago = -((request.time - self.window.end) // (self.window.end - self.window.start)) - 1
        if ago < PERIODS:
            self.periods[ago].append(request)

    def latest(self, model: str) -> list[Request]:
        """Return the requests of so many periods that they hold enough rows; none if all of them do not.

        Args:
            model: SHA-256 of the model that serves; what another one answered is left out.
        """
        found: list[Request] = []
        for ago in range(PERIODS):
            found += [each for each in self.periods.get(ago, ()) if _of(each, model)]
            if sum(each.accepted for each in found) >= self.least:
                return found
        return []


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What was compared."""

    requests: int
    inputs: Report
    predictions: Report | None
    """None where no answer could be read."""

    def metrics(self) -> dict[str, float]:
        """Return what to publish of it."""
        said = {} if self.predictions is None else {"PredictionDrift": self.predictions.ratio}
        return {"DriftScore": self.inputs.ratio, "DriftedShare": self.inputs.share} | said

    @property
    def broken_share(self) -> float:
        """The share of the inputs that are more likely at fault than drifting."""
        return len({name for name, _ in self.inputs.breaks}) / max(1, len(self.inputs.moves))

    def scores(self) -> Iterator[tuple[str, float]]:
        """Yield each input and how far it moved."""
        return ((move.name, move.ratio) for move in self.inputs.moves)

    def document(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        said = None if self.predictions is None else self.predictions.document()
        return {"requests": self.requests, "inputs": self.inputs.document(), "predictions": said}


def moved(sample: Sample, folder: Path) -> Movement | None:
    """Compare the latest rows with the baseline of the model in ``folder``; None where there are too few.

    Raises:
        BaselineError: The model has no baseline that can be read.
    """
    base = baseline.load(folder)
    requests = sample.latest(digest(folder))
    if not requests:
        return None
    rows = _frame([columns for each in requests for columns in each.columns])
    said = [each.answer.columns for each in requests if each.answer]
    return Movement(
        requests=len(requests),
        inputs=_compared(base.inputs, rows),
        predictions=_compared(base.predictions, _said(said)) if said else None,
    )


def _compared(reference: Reference, rows: pl.DataFrame) -> Report:
    return compare(reference, measure(rows, reference.profile.features))


def _of(request: Request, model: str) -> bool:
    return request.answer is None or request.answer.model in {None, model}


def _frame(parts: Sequence[Columns]) -> pl.DataFrame:
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    types = {"O": pl.String(), "M": pl.Datetime("us")}
    return pl.DataFrame(
        {name: pl.Series(values, dtype=types.get(values.dtype.kind, pl.Float64())) for name, values in joined.items()}
    )


def _said(parts: Sequence[dict[str, list[Any]]]) -> pl.DataFrame:
    return pl.DataFrame({name: [value for part in parts for value in part[name]] for name in parts[0]})
