"""What a run is made of, as hashes: data, environment, code."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from ml.paths import LOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CODE = ("ml", "dvc.yaml", "loop.yaml", "params.yaml", "requirements")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def together(files: Sequence[Path]) -> str:
    """Return one SHA-256 of several files, by those of each."""
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()


def lock() -> str:
    """Return the SHA-256 of the lock of the environment that trains and serves."""
    return sha256(LOCK)


def commit() -> str:
    """Return the git commit, with `+changes` where the code differs from it; `none` outside a repository.

    An image holds no repository: it was told its commit when it was built.
    """
    if told := os.environ.get("GIT_COMMIT"):
        return told
    head = _git("rev-parse", "HEAD")
    if not head:
        return "none"
    return f"{head}+changes" if _git("status", "--porcelain", "--", *CODE) else head


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return done.stdout.strip() if done.returncode == 0 else ""
