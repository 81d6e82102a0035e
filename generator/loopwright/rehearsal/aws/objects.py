"""The objects of a bucket as files: how a key is a path, what lies below a prefix, and what an object's tag is.

"Listing object keys programmatically" and "ListObjectsV2" (Amazon S3 User Guide and API Reference): keys come in the
order of their UTF-8 bytes, which is that of their characters. A folder's files come where its name and a slash do.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loopwright.rehearsal.aws.requests import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Object", "Tags", "at", "below"]

CHUNK, LONGEST = 2**20, 255
"""Bytes that are read at once, and bytes of a file's name."""


class Object(NamedTuple):
    """A file of a bucket."""

    key: str
    path: str
    size: int
    """Bytes."""
    modified: datetime
    """In whole seconds of UTC, as S3 keeps it."""
    stamp: tuple[int, int, int, int]
    """Changes with whatever is done to the file."""


def at(bucket: Path, key: str) -> Object | None:
    """Return an object; None where there is none.

    Raises:
        UnknownError: No file of a folder can have that key.
    """
    path = bucket.joinpath(*_steps(key))
    if not path.is_file() or path.resolve() != path:
        return None
    return _object(key, str(path), path.stat())


def below(bucket: Path, prefix: str, after: str = "", delimiter: str = "") -> Iterator[Object | str]:
    """Yield the objects whose keys begin with a prefix, in S3's order, and with a delimiter the prefixes they share.

    Args:
        bucket: The bucket's folder, with no link on the way to it.
        prefix: What the keys begin with.
        after: The key, or the shared prefix, after which it goes on.
        delimiter: ``/``, or nothing.

    Raises:
        UnknownError: No file of a folder can have a key that begins so.
    """
    folder, _, name = prefix.rpartition("/")
    _steps(f"{prefix}x")
    around = f"{folder}/" if folder else ""
    # What is behind a link is not in the bucket.
    if (bucket / folder).resolve() != bucket / folder:
        return
    for entry in _sorted(f"{bucket}/{folder}"):
        if entry.startswith(name):
            yield from _entry(str(bucket), around + entry, after, delimiter)


def _entry(bucket: str, key: str, after: str, delimiter: str) -> Iterator[Object | str]:
    if not key.endswith("/"):
        if key > after:
            path = f"{bucket}/{key}"
            # There may be very many: no Path is made for each.
            yield _object(key, path, os.stat(path))  # noqa: PTH116
    elif delimiter:
        if key > after and next(_all(bucket, key, ""), None):
            yield key
    else:
        yield from _all(bucket, key, after)


def _all(bucket: str, folder: str, after: str) -> Iterator[Object]:
    """Yield everything in a folder, however deep; folders that lie before ``after`` are not looked at."""
    if folder <= after and not after.startswith(folder):
        return
    for entry in _sorted(f"{bucket}/{folder}"):
        yield from _entry(bucket, folder + entry, after, "")  # type: ignore[misc]


def _sorted(folder: str) -> list[str]:
    """Return the names in a folder in S3's order, with a slash behind those of folders; links are left out."""
    if not os.path.isdir(folder):  # noqa: PTH112
        return []
    with os.scandir(folder) as found:
        folders = ((each, each.is_dir(follow_symlinks=False)) for each in found)
        names = [f"{each.name}/" if down else each.name for each, down in folders if down or _is_file(each)]
    return sorted(names)


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _steps(key: str) -> list[str]:
    steps = key.split("/")
    if "\0" in key or any(
        step in {"", ".", ".."} or len(step.encode(errors="surrogateescape")) > LONGEST for step in steps
    ):
        raise unknown(f"an object called {key!r}", "objects are files here, and no file can have that name")
    return steps


def _object(key: str, path: str, facts: os.stat_result) -> Object:
    return Object(
        key=key,
        path=path,
        size=facts.st_size,
        modified=datetime.fromtimestamp(int(facts.st_mtime), UTC),
        stamp=(facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns),
    )


class Tags:
    """The tags of objects, each computed once for what is in its file.

    A tag changes with the content and only with it, which is all that S3 promises of one ("Object", Amazon S3 API
    Reference); where objects are not encrypted with a key of one's own it is the MD5 of the content, as here.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int, int], str]] = {}

    def of(self, found: Object) -> str:
        """Return the tag of an object, without quotation marks."""
        stamp, tag = self._known.get(found.path, (None, ""))
        if stamp != found.stamp:
            tag = _md5(found.path)
            self._known[found.path] = (found.stamp, tag)
        return tag


def _md5(path: str) -> str:
    total = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as file:
        while part := file.read(CHUNK):
            total.update(part)
    return total.hexdigest()
