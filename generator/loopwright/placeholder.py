"""The whole loop of a stack that has no image yet: evaluated with a digest that no image has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from loopwright.graph.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopwright.graph.model import ResourceGraph

__all__ = ["FOUNDATION", "NO_IMAGE", "PLACEHOLDER", "image_digest", "set_digest", "whole"]

PLACEHOLDER = "sha256:" + "0" * 64
NO_IMAGE = "no image yet: imageDigest is not set, so this shows what there will be once it is"

FOUNDATION = (
    "no image yet: this is the foundation that the image is pushed to; then set imageDigest in infra/ and export again"
)


def image_digest(graph: ResourceGraph) -> str:
    """Return the digest of the stack's image; empty for a stack that is only a foundation."""
    return graph.config.get(f"{graph.project}:imageDigest", "")


def whole(
    project: Path, stack: str, *, settings: Mapping[str, str] | None = None, python: Path | None = None
) -> tuple[ResourceGraph, bool]:
    """Evaluate a stack, with a placeholder for the image where there is none yet.

    Args:
        project: The generated repository.
        stack: The stack's name.
        settings: Configuration values to overlay, by their full names.
        python: A python that has the project's packages; found when it is not given.

    Returns:
        The graph, and whether the placeholder is in it.

    Raises:
        LoopwrightError: The program cannot be evaluated.
    """
    given, key = dict(settings or {}), _key(project)
    bare = not (given.get(key) or set_digest(project, stack))
    return load(project, stack, settings=given | ({key: PLACEHOLDER} if bare else {}), python=python), bare


def set_digest(project: Path, stack: str) -> str:
    """Return the digest that a stack's settings have; empty where there is no image yet.

    Looked up rather than evaluated: an evaluation takes seconds.
    """
    config = _mapping(project / "infra" / f"Pulumi.{stack}.yaml").get("config")
    return str((config if isinstance(config, dict) else {}).get(_key(project)) or "")


def _key(project: Path) -> str:
    return f"{_mapping(project / 'infra' / 'Pulumi.yaml').get('name')}:imageDigest"


def _mapping(file: Path) -> dict[str, Any]:
    """Return what a YAML file says; nothing if it cannot be read, which evaluating it tells better."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
