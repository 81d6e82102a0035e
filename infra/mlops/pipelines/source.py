"""What the compiled definitions were made of, and whether that is what there is now. Neither Pulumi nor the SDK."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.pipelines.stages import MONITOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.pipelines.stages import Stage

__all__ = ["DEFINITIONS", "SOURCE", "as_text", "load", "source"]

DEFINITIONS = Path(__file__).parents[2] / "definitions"
SOURCE = "SOURCE.json"
AUTHORS = ("author.py", "stages.py")


def load(name: str, stages: Sequence[Stage], folder: Path = DEFINITIONS) -> dict[str, Any]:
    """Read a compiled definition.

    Raises:
        ValueError: It is not what the SDK wrote from these stages and this code.
    """
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    made_of = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
    now = source(stages, {name: text})
    stale = [key for key, value in now.items() if made_of.get(key) != value]
    if stale:
        raise ValueError(f"infra/definitions/{name}.json is stale: {' and '.join(stale)} changed since it was compiled")
    return json.loads(text)


def source(stages: Sequence[Stage], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of all that compiled definitions are made of, and of what they say."""
    listed = as_text([asdict(stage) for stage in (*stages, MONITOR)])
    authors = {name: (Path(__file__).parent / name).read_text(encoding="utf-8") for name in AUTHORS}
    parts = {"the stages of dvc.yaml": listed, **authors, **{f"{name}.json": text for name, text in texts.items()}}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in parts.items()}


def as_text(value: Any) -> str:
    """Return JSON that a person can read and git can compare."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
