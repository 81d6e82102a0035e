"""What a record was made from, in hashes, and what of it has changed since."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from loopwright.placeholder import PLACEHOLDER, set_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

__all__ = ["changed", "contract", "handlers", "image"]


def contract(project: Path) -> str:
    """Return the SHA-256 of `loop.yaml`; of nothing where there is none."""
    path = project / "loop.yaml"
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()


def handlers(project: Path) -> str:
    """Return one SHA-256 of the functions' code: of the names and hashes of all its files."""
    folder = project / "infra" / "mlops" / "handlers"
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(
            f"{path.relative_to(folder).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    return total.hexdigest()


def image(project: Path, stack: str) -> str:
    """Return the digest of the image that a stack runs: the placeholder's where it has none yet."""
    return set_digest(project, stack) or PLACEHOLDER


def changed(project: Path, opened: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a project has now otherwise than when its record was opened, each as a sentence for people.

    Args:
        project: The generated repository.
        opened: The facts of the first line.
    """
    if contract(project) != opened["contract_sha256"]:
        yield "loop.yaml has changed since; each decision is made again under the policy that is recorded with it"
    if handlers(project) != opened["handlers_sha256"]:
        yield "infra/mlops/handlers has changed since; its code of today may decide otherwise; where it does is told"
    if (now := image(project, opened["stack"])) != opened["image"]:
        yield f"the image was {opened['image']} and is {now}; deployments are decided for the one that is recorded"
