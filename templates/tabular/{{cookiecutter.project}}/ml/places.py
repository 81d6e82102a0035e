"""Places: where files lie, a folder or `s3://bucket/prefix`. Nothing else of the monitor knows S3."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ml.errors import LoopError, short

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 5
SECONDS = 10
"""So long one attempt may wait for AWS, to connect and to be answered."""
S3 = "s3://"


class PlaceError(LoopError):
    """A place cannot be read or written."""


class File(NamedTuple):
    """A file of a place."""

    name: str
    """From the place on, with `/` between the steps."""
    modified: datetime
    """When it was written, in UTC."""
    size: int
    """Bytes."""


class Place(Protocol):
    """A folder, wherever it is. Names are from the place on, with `/` between the steps."""

    def level(self, below: str = "") -> tuple[list[str], list[File]]:
        """Return the names of the folders and the files right below a folder, sorted; none where there is no folder."""

    def files(self, below: str = "") -> list[File]:
        """Return all files below a folder, however deep, sorted by name; none where there is no folder."""

    def read(self, name: str) -> bytes:
        """Return what is in a file that is there."""

    def fetch(self, name: str, room: Path) -> Path:
        """Return a path to read a file that is there from; below ``room``, if it has to be copied for that."""

    def write(self, name: str, content: bytes | Path) -> None:
        """Put bytes, or a copy of another file, under a name: whole, or not at all."""


def place(text: str) -> Place:
    """Return the place that a path or an `s3://` URI names."""
    if not text.startswith(S3):
        return Folder(Path(text))
    bucket, _, prefix = text.removeprefix(S3).partition("/")
    return Bucket(bucket, prefix.rstrip("/"))


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    root: Path

    def level(self, below: str = "") -> tuple[list[str], list[File]]:
        """Return the folders and the files right below."""
        found = sorted(self._at(below).iterdir()) if self._at(below).is_dir() else []
        return [each.name for each in found if each.is_dir()], [self._file(each) for each in found if each.is_file()]

    def files(self, below: str = "") -> list[File]:
        """Return all files below."""
        found = (self._file(each) for each in self._at(below).rglob("*") if each.is_file())
        return sorted(found) if self._at(below).is_dir() else []

    def read(self, name: str) -> bytes:
        """Return what is in a file."""
        return (self.root / name).read_bytes()

    def fetch(self, name: str, room: Path) -> Path:  # noqa: ARG002 - it is there already
        """Return the file itself."""
        return self.root / name

    def write(self, name: str, content: bytes | Path) -> None:
        """Write beside the target, then rename: who reads at the same time sees the old file or the new one."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        if isinstance(content, Path):
            shutil.copyfile(content, beside)
        else:
            beside.write_bytes(content)
        beside.replace(target)

    def _at(self, below: str) -> Path:
        return self.root / below if below else self.root

    def _file(self, path: Path) -> File:
        facts = path.stat()
        modified = datetime.fromtimestamp(facts.st_mtime, UTC)
        return File(path.relative_to(self.root).as_posix(), modified, facts.st_size)


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket on S3.

    What is not there is found by listing, never by asking for it: S3 tells who may not list everything that a missing
    object is forbidden.
    """

    bucket: str
    prefix: str

    def level(self, below: str = "") -> tuple[list[str], list[File]]:
        """Return the folders and the files right below."""
        folders, files = [], []
        for page in self._pages(below, Delimiter="/"):
            folders += [each["Prefix"].rstrip("/").rpartition("/")[2] for each in page.get("CommonPrefixes", ())]
            files += [self._file(each) for each in page.get("Contents", ())]
        return folders, files

    def files(self, below: str = "") -> list[File]:
        """Return all files below."""
        return [self._file(each) for page in self._pages(below) for each in page.get("Contents", ())]

    def read(self, name: str) -> bytes:
        """Return what is in a file."""
        with self._told("read", name):
            content: bytes = self._s3.get_object(Bucket=self.bucket, Key=self._key(name))["Body"].read()
            return content

    def fetch(self, name: str, room: Path) -> Path:
        """Copy a file below ``room``, as a stream."""
        target = room / self.bucket / self._key(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._told("read", name), target.open("wb") as copy:
            shutil.copyfileobj(self._s3.get_object(Bucket=self.bucket, Key=self._key(name))["Body"], copy)
        return target

    def write(self, name: str, content: bytes | Path) -> None:
        """Put an object, in one piece: it is there whole, or not at all."""
        with self._told("write", name):
            if isinstance(content, bytes):
                self._s3.put_object(Bucket=self.bucket, Key=self._key(name), Body=content)
                return
            with content.open("rb") as body:
                self._s3.put_object(Bucket=self.bucket, Key=self._key(name), Body=body)

    @cached_property
    def _s3(self) -> Any:
        return client("s3")

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _pages(self, below: str, **how: str) -> Iterator[dict[str, Any]]:
        prefix = self._key(f"{below}/" if below else "")
        with self._told("list", below):
            yield from self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, **how)

    def _file(self, found: dict[str, Any]) -> File:
        name = found["Key"][len(self.prefix) + 1 if self.prefix else 0 :]
        return File(name, found["LastModified"].astimezone(UTC), found["Size"])

    @contextmanager
    def _told(self, verb: str, name: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who asks AWS waits for it

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise PlaceError(
                f"the monitor cannot {verb} {S3}{self.bucket}/{self._key(name)}",
                because=short(error),
                attempt="run the job again once that is mended; what it had not finished it begins again",
            ) from error


def client(service: str) -> Any:
    """Return a client of an AWS service that waits and tries again, within bounds."""
    import boto3  # noqa: PLC0415 - only who asks AWS waits for it
    from botocore.config import Config  # noqa: PLC0415

    retries = {"mode": "adaptive", "total_max_attempts": ATTEMPTS}
    return boto3.client(
        service,
        # SageMaker sets the one name, boto3 reads only the other.
        region_name=os.environ.get("AWS_REGION") or None,
        config=Config(retries=retries, connect_timeout=SECONDS, read_timeout=SECONDS),
    )
