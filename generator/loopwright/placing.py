"""A file put in place whole: a reader sees the old one or the new one, and a failure leaves the old one."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from loopwright.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["place", "replace_own", "unwritable"]


def place(target: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file, with the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def replace_own(target: Path, content: bytes, own: Callable[[bytes], bool]) -> None:
    """Put an export of one file in its place; ``own`` tells of a file that is there whether an export wrote it.

    Raises:
        TargetError: A file of another origin is in the way, or the place cannot be written.
    """
    try:
        if os.path.lexists(target) and not (target.is_file() and own(target.read_bytes())):
            raise TargetError(
                f"{target} is taken",
                because="it did not come from an export of ours",
                attempt="another file with --out, or move this one away",
            )
        place(target, content)
    except OSError as error:
        raise unwritable(target, error, "mend that, or choose another file with --out") from error


def unwritable(target: Path, error: OSError, attempt: str) -> TargetError:
    """Return what is told of a place that cannot be written."""
    because = f"{error.strerror or error} ({error.filename})"
    return TargetError(f"{target} cannot be written", because=because, attempt=attempt)
