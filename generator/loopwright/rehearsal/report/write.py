"""Writes the report of a rehearsal: `rehearsal.json`, `rehearsal.md` and `rehearsal.html`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright import documents
from loopwright.rehearsal.report.words import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopwright.programs import Programs

__all__ = ["write"]


def write(project: Programs, document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the report; it fails as ``documents.write`` does, and leaves an earlier report as it is then.

    Args:
        project: Draws the page.
        document: The rehearsal's.
        folder: Where to; it is made.

    Returns:
        The files: JSON, Markdown, HTML.
    """
    return documents.write(project, "rehearsal", document, markdown(document), folder)
