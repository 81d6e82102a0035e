"""The artefact: the folder that a trained model is, and the hash that names it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ml.errors import LoopError

if TYPE_CHECKING:
    from pathlib import Path


class ArtefactError(LoopError):
    """The artefact is not the one that was asked for."""


def digest(folder: Path) -> str:
    """Return the SHA-256 over the names and the bytes of all files of ``folder``, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix().encode()
            total.update(b"%d %d " % (len(name), len(content)) + name + content)
    return total.hexdigest()


def verify(folder: Path, expected: str) -> None:
    """Refuse a model that is not the registered one.

    Raises:
        ArtefactError: The folder's SHA-256 is not ``expected``.
    """
    found = digest(folder)
    if found != expected:
        raise ArtefactError(
            f"the model in {folder} is refused",
            because=f"its SHA-256 is {found}, the registered one is {expected}",
            attempt="fetch the model from the registry again; if it differs still, somebody changed it there",
        )
