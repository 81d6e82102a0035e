"""Column names: from whatever stands in a header to identifiers that Python, SQL and YAML all take as they are."""

from __future__ import annotations

import itertools
import keyword
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 60
_CLEAN = re.compile(r"[a-z][a-z0-9_]*")


def clean_names(names: Sequence[str]) -> dict[str, str]:
    """Map each original name to its clean one.

    A clean name is unique and matches ``[a-z][a-z0-9_]*``; a name that does so already stays as it is. Where an
    original name occurs twice, the map holds its first place.
    """
    mapping: dict[str, str] = {}
    for original, clean in zip(names, unique_names(names), strict=True):
        mapping.setdefault(original, clean)
    return mapping


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the clean names in the order of ``names``; those that are clean already are served first."""
    wanted = [_clean(name) or f"column_{place}" for place, name in enumerate(names, start=1)]
    served: dict[int, str] = {}
    taken: set[str] = set()
    for place in sorted(range(len(names)), key=lambda place: wanted[place] != names[place]):
        served[place] = _free(wanted[place], taken)
        taken.add(served[place])
    return [served[place] for place in range(len(names))]


def _clean(name: str) -> str:
    if _CLEAN.fullmatch(name) and not keyword.iskeyword(name) and len(name) <= _LONGEST:
        return name
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold()
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    short = re.sub(r"[^a-z0-9]+", "_", plain)[:_LONGEST].strip("_")
    if short[:1].isdigit():
        return f"column_{short}"
    return f"{short}_" if keyword.iskeyword(short) else short


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(candidate for number in itertools.count(2) if (candidate := f"{name}_{number}") not in taken)
