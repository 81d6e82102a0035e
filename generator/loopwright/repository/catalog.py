"""Where the templates are: the copy bundled in the wheel first, the checkout second."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Template", "bundled", "files", "find"]

BODY = "{{cookiecutter.project}}"
LEFTOVERS = ("__pycache__", ".venv", ".*_cache", ".hypothesis", ".DS_Store")
"""What running a template as a project leaves in it, even before its own ``.gitignore`` says so."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """One cookiecutter template: ``cookiecutter.json`` beside a folder that is a project itself."""

    name: str
    root: Path

    @property
    def body(self) -> Path:
        """The project that is rendered."""
        return self.root / BODY

    @property
    def licenses(self) -> Path:
        """The licence texts, one whole file per option."""
        return self.root.parent / "licenses"

    def files(self) -> Iterator[Path]:
        """Yield the files of the body, sorted, without what the project itself ignores."""
        return files(self.body)


def find(name: str = "tabular") -> Template:
    """Return a template by name.

    Raises:
        LoopwrightError: No such template came with this installation.
    """
    return Template(name=name, root=bundled(f"templates/{name}/cookiecutter.json").parent)


def bundled(path: str) -> Path:
    """Return a file or folder that travels beside the package.

    Raises:
        LoopwrightError: It did not come with this installation.
    """
    here = Path(__file__).parents[1]
    for root in (here / "_bundle", here.parents[1]):
        if (root / path).exists():
            return root / path
    raise LoopwrightError(
        f"{path} is not here",
        because=f"neither the installed package nor a checkout around {here} holds it",
        attempt="install loopwright again",
    )


def files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without what running it as a project leaves and what it ignores."""
    ignored = (*LEFTOVERS, *_ignored(root / ".gitignore"))
    for folder, names, found in os.walk(root):
        names[:] = sorted(name for name in names if not _matches(Path(folder, name), root, ignored))
        paths = (Path(folder, name) for name in sorted(found))
        yield from (path for path in paths if not _matches(path, root, ignored))


def _ignored(gitignore: Path) -> tuple[str, ...]:
    """Return the patterns of a ``.gitignore`` that holds names and paths only (no negation)."""
    lines = gitignore.read_text(encoding="utf-8").splitlines() if gitignore.is_file() else []
    return tuple(line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#"))


def _matches(path: Path, root: Path, patterns: tuple[str, ...]) -> bool:
    whole = "/" + path.relative_to(root).as_posix()
    return any(
        fnmatch.fnmatchcase(
            whole if "/" in pattern else path.name, pattern if "/" not in pattern else f"/{pattern.lstrip('/')}"
        )
        for pattern in patterns
    )
