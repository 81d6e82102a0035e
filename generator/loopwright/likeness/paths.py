"""Paths into a node: as texts, and as patterns that match them."""

from __future__ import annotations

import re

__all__ = ["Path", "matches", "parse", "shown"]

Path = tuple[str, ...]
"""Keys from outside to inside; one in brackets is a place in a list, such as ``[0]`` or ``[Sid]``."""

_PART = re.compile(r"\[([^\[\]]+)\]|([^.\[\]]+)")
_WHOLE = re.compile(r"(?!\.)(?:\[[^\[\]]+\]|(?:^|(?<=\.))[^.\[\]]+|\.(?=[^.\[\]]))+")


def parse(pattern: str) -> Path:
    """Return the parts of a text such as ``rules[*].expiration.days``.

    Raises:
        ValueError: It is no such text.
    """
    if not _WHOLE.fullmatch(pattern):
        raise ValueError(pattern)
    return tuple(f"[{place}]" if place else key for place, key in _PART.findall(pattern))


def shown(path: Path) -> str:
    """Return a path as text; a key that holds a dot or a bracket stands in brackets."""
    text = ""
    for part in path:
        if part.startswith("["):
            text += part
        elif re.search(r"[.\[\]]", part):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def matches(path: Path, pattern: Path) -> bool:
    """Tell whether a path is what a pattern says: ``[*]`` is any place in a list, any other part itself."""
    return len(path) == len(pattern) and all(
        wanted == part or wanted.strip("[]") == part or (wanted == "[*]" and part.startswith("["))
        for part, wanted in zip(path, pattern, strict=True)
    )
