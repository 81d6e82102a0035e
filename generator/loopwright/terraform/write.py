"""Write an export where it is asked for, without touching what is not ours: state, backends, other files.

A folder is ours if its ``main.tf.json`` says so. Then its ``README.md`` and ``assets/`` are, too, and archives that
nothing refers to any more are taken away.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from loopwright.errors import TargetError
from loopwright.placing import place, unwritable
from loopwright.repository.plan import plan
from loopwright.terraform.document import MADE
from loopwright.terraform.export import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loopwright.repository.plan import Action

__all__ = ["write"]

_ARCHIVE = re.compile(r"[0-9a-f]{16}\.zip")


def write(target: Path, actions: Iterable[Action]) -> None:
    """Write the files of an export into a folder, which is made if it is missing.

    ``main.tf.json`` comes last: until then it refers to the archives of the former export, which are still there.

    Raises:
        TargetError: A file of another origin is in the way, or the folder cannot be written. The first case writes
            nothing.
    """
    wanted = plan(actions)
    try:
        if not _is_ours(target):
            _refuse_taken(target, wanted)
        for action in sorted(wanted, key=lambda action: str(action.path) == MAIN):
            _replace(target / action.path, action)
        _tidy(target, {str(action.path) for action in wanted})
    except OSError as error:
        raise unwritable(target, error, "mend that, or choose another folder with --out") from error


def _is_ours(target: Path) -> bool:
    """Tell a former export by its document; a README of somebody else beside it is not taken for ours."""
    readme = target / "README.md"
    if readme.exists() and "`loopwright export terraform`" not in readme.read_text(encoding="utf-8", errors="replace"):
        return False
    try:
        found = json.loads((target / MAIN).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("//", "")).startswith(MADE)


def _refuse_taken(target: Path, wanted: Iterable[Action]) -> None:
    taken = [str(action.path) for action in wanted if os.path.lexists(target / action.path)]
    if taken:
        raise TargetError(
            f"{target} holds files that an export would replace",
            because=f"{', '.join(taken)} did not come from an export of ours",
            attempt="choose another folder with --out, or move these away",
        )


def _replace(path: Path, action: Action) -> None:
    content = action.content.read_bytes() if isinstance(action.content, Path) else action.content
    if path.is_symlink() or not path.is_file() or path.read_bytes() != content:
        place(path, content)


def _tidy(target: Path, wanted: set[str]) -> None:
    for path in sorted((target / "assets").glob("*.zip")):
        if _ARCHIVE.fullmatch(path.name) and f"assets/{path.name}" not in wanted:
            path.unlink()
