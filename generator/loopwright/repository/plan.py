"""What is to be written, as data: a dry run, the JSON and the progress are views of it, and `apply` carries it out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Action", "plan", "safe_path"]

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True)
class Action:
    """One file to write."""

    path: PurePosixPath
    """Relative to the project."""
    content: bytes | Path
    """The bytes, or a finished file that is moved to its place."""
    executable: bool = False
    status: Literal["create"] = "create"


def plan(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions sorted by path, each path checked.

    Raises:
        LoopwrightError: A path leaves the project, is taken twice, or is both a file and a folder.
    """
    found: dict[PurePosixPath, Action] = {}
    for action in actions:
        path = safe_path(str(action.path))
        if path in found:
            raise _refused(str(path), "two files would have it")
        found[path] = action
    for path in found:
        for folder in path.parents:
            if folder in found:
                raise _refused(str(path), f"{folder} is a file")
    return tuple(found[path] for path in sorted(found))


def safe_path(text: str) -> PurePosixPath:
    """Return ``text`` as a path that stays inside the project on every system.

    Raises:
        LoopwrightError: It is empty, absolute, holds ``..`` or a character that some system reads differently, or
            reaches into ``.git``.
    """
    parts = text.split("/")
    if any(not part or part in {".", ".."} or len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts):
        raise _refused(text, "it is empty, absolute, too long, or holds '.' or '..'")
    if _FORBIDDEN.search(text) or any(part[-1] in " ." for part in parts) or not _encodable(text):
        raise _refused(text, "some systems read one of its characters differently")
    if parts[0].lower() == ".git":
        raise _refused(text, "git alone writes there")
    return PurePosixPath(text)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _refused(path: str, because: str) -> LoopwrightError:
    return LoopwrightError(
        f"the path {path!r} is refused",
        because=because,
        attempt="this is a fault of the template: report it with the lines above",
    )
