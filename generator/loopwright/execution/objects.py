"""S3 as a folder: one folder a bucket, one file an object."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Objects"]


@dataclass(frozen=True)
class Objects:
    """The objects below a folder."""

    root: Path

    def path(self, uri: str) -> Path:
        """Return the file of an object, or the folder of a prefix.

        Raises:
            LoopwrightError: It is no `s3://` address.
        """
        if not uri.startswith("s3://"):
            raise LoopwrightError(
                f"{uri!r} is no place in S3", because="an address begins with s3://", attempt="mend the definition"
            )
        return self.root / uri.removeprefix("s3://").rstrip("/")

    def fetch(self, uri: str, folder: Path) -> None:
        """Copy what lies at or below an address into ``folder``, as SageMaker does for an input of type S3Prefix.

        Raises:
            LoopwrightError: There is nothing; SageMaker ends the job then.
        """
        source = self.path(uri)
        folder.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy2(source, folder / source.name)
        elif source.is_dir() and any(path.is_file() for path in source.rglob("*")):
            shutil.copytree(source, folder, dirs_exist_ok=True)
        else:
            raise LoopwrightError(
                f"there is no object at {uri}",
                because="an input of a job has to hold something",
                attempt="put the data there, or name another place",
            )

    def store(self, source: Path, uri: str) -> None:
        """Copy a file, or all files below a folder, to an address."""
        target = self.path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
