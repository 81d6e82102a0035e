"""How far what was served moved from what the model learned from: its inputs, and what it said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.drift.compare import compare
from ml.watch.profiles import Profiles, profiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.baseline import Baseline
    from ml.drift.compare import Report
    from ml.watch.state import State
    from ml.window import Window

PERIODS = 7
"""So many periods at most are looked back on for enough rows to judge."""


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What was compared."""

    periods: int
    """How many of them it took to have enough rows."""
    inputs: Report
    predictions: Report | None
    """None where no answer could be read."""

    def metrics(self) -> dict[str, float]:
        """Return what to publish of it."""
        said = {} if self.predictions is None else {"PredictionDrift": self.predictions.ratio}
        return {"DriftScore": self.inputs.ratio, "DriftedShare": self.inputs.share} | said

    def scores(self) -> Iterator[tuple[str, float]]:
        """Yield each input and how far it moved."""
        return ((move.name, move.ratio) for move in self.inputs.moves)

    def document(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        said = None if self.predictions is None else self.predictions.document()
        return {"periods": self.periods, "inputs": self.inputs.document(), "predictions": said}


def moved(state: State, window: Window, model: str, base: Baseline, least: int) -> Movement | None:
    """Compare the rows of the latest periods with the baseline of the model that answered them.

    Args:
        state: What was kept of each period.
        window: The latest one.
        model: SHA-256 of the model that serves; what another one answered is left out.
        base: Its baseline.
        least: Rows that a comparison needs. So many periods are added up as it takes, but `PERIODS` at most.

    Returns:
        What moved; None where there are too few rows.
    """
    found: Profiles | None = None
    for ago in range(PERIODS):
        more = profiles(state, window.ago(ago), model, base)
        found = more if found is None else found + more if more else found
        if found and found.inputs.rows >= least:
            said = found.predictions
            return Movement(
                periods=ago + 1,
                inputs=compare(base.inputs, found.inputs),
                predictions=compare(base.predictions, said) if said.rows else None,
            )
    return None
