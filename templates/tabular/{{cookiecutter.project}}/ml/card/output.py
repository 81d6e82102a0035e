"""Writes the card of the run in this folder, as Markdown and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.card import figures, origins
from ml.card.markdown import markdown
from ml.card.page import page
from ml.card.parts import LONGEST_SENTENCE, Card, name
from ml.card.run import read
from ml.paths import CARD, CARD_PAGE

if TYPE_CHECKING:
    from pathlib import Path

    from ml.card.run import Run
    from ml.contract import Contract


def write(contract: Contract, tracked: str | None) -> list[Path]:
    """Write the card of the model that the gates have just judged, be it passed or refused.

    Args:
        contract: The contract of the run.
        tracked: The id of its MLflow run; None where there is none.

    Returns:
        The files.
    """
    made = card(read(contract, tracked))
    CARD.write_text(markdown(made), encoding="utf-8")
    CARD_PAGE.write_text(page(made), encoding="utf-8")
    return [CARD, CARD_PAGE]


def card(run: Run) -> Card:
    """Return the card of a run."""
    return Card(
        title=f"Model card: {name(run.contract.project)}",
        passed=bool(run.gates["passed"]),
        verdict=f"{name(run.gates['reason'], LONGEST_SENTENCE)}.",
        sections=[
            origins.purpose(run),
            figures.figures(run),
            figures.gates(run),
            figures.slices(run),
            figures.answers(run),
            figures.importance(run),
            origins.data(run),
            origins.limits(run),
            origins.lineage(run),
        ],
    )
