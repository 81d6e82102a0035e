"""The champion as the gates meet it: from the registry of this repository, or laid out by a platform."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml import baseline, paths
from ml.artefact import digest
from ml.registry import CHAMPION, Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The model that serves now."""

    name: str
    """As people call it."""
    sha256: str
    """What `ml/artefact.py` gives its folder."""
    train_until: str
    """ISO time of its newest training row, `None` where rows have no time."""
    fetch: Callable[[], Path]
    """Puts it into a folder."""


def registered(registry: Registry) -> Champion | None:
    """Return the champion of the registry, if there is one."""
    holder = registry.holder(CHAMPION)
    if holder is None:
        return None
    return Champion(
        name=f"version {holder.number}",
        sha256=holder.sha256,
        train_until=holder.tags["train_until"],
        fetch=lambda: registry.fetch(holder, paths.CHAMPION),
    )


def laid_out(folder: Path = paths.CHAMPION) -> Champion | None:
    """Return the champion that a platform laid out; a folder without a model says that there is none."""
    if not (folder / baseline.FILE).is_file():
        return None
    until = json.loads((folder / baseline.FILE).read_text(encoding="utf-8"))["until"]
    sha256 = digest(folder)
    return Champion(name=f"model {sha256[:12]}", sha256=sha256, train_until=str(until), fetch=lambda: folder)
