"""A report as three files: the document to compute with, Markdown, and the page that the project draws of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopwright.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.programs import Programs

__all__ = ["write"]

KINDS = ("json", "md", "html")


def write(project: Programs, name: str, document: Mapping[str, Any], markdown: str, folder: Path) -> list[Path]:
    """Write a report; where one of the files cannot be made, those of an earlier report stay as they are.

    Args:
        project: Draws the page, by its `python -m ml NAME`.
        name: Of the files, and of the project's command.
        document: What is to be told.
        markdown: The same in words.
        folder: Where to; it is made.

    Returns:
        The files: JSON, Markdown, HTML.

    Raises:
        TargetError: The folder cannot be written.
        LoopwrightError: The page cannot be drawn; the project says why.
        ValueError: A number of the document is not finite.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as beside:
            made = [Path(beside).absolute() / f"{name}.{kind}" for kind in KINDS]
            text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            made[0].write_text(text, encoding="utf-8")
            made[1].write_text(markdown, encoding="utf-8")
            project.run("-m", "ml", name, str(made[0]), str(made[2]))
            return [file.replace(folder / file.name) for file in made]
    except OSError as error:
        raise TargetError(
            f"the report cannot be written into {folder}",
            because=str(error.strerror or error),
            attempt="name another folder with --report",
        ) from error
