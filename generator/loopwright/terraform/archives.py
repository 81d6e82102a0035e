"""Zip files that are the same for the same content, whenever and wherever they are made."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["archive", "file_bytes"]

_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644


def archive(files: Mapping[str, str | Mapping[str, str]]) -> bytes:
    """Return a zip file of the files, by their paths, sorted."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for path, content in sorted(files.items()):
            info = zipfile.ZipInfo(path, _TIME)
            info.external_attr = _MODE << 16
            info.create_system = 3  # Unix, on every system: the mode above is read only then
            # Stored, because two versions of zlib may compress one text to two archives.
            zipped.writestr(info, file_bytes(content), zipfile.ZIP_STORED)
    return buffer.getvalue()


def file_bytes(content: str | Mapping[str, str]) -> bytes:
    """Return the bytes of a file as the graph holds it: a text, or base64 under ``__bytes__``."""
    return content.encode() if isinstance(content, str) else base64.b64decode(content["__bytes__"])
