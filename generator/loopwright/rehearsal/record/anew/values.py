"""From JSON back to the dataclasses that it was made of, by their own type hints."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["UnreadableError", "made"]

NAMES = {"Any": Any, "Mapping": Mapping, "Sequence": Sequence, "datetime": datetime}
"""Names in hints that a module imports for its type checker alone."""


class UnreadableError(ValueError):
    """What is recorded does not fit the type that it is to have."""


def made(kind: Any, value: Any, place: str) -> Any:
    """Return what a recorded value was.

    Args:
        kind: Its type: None, a bool, int, float, str or datetime, a dataclass, a tuple of any length, a mapping with
            texts for keys, a union of these, or Any.
        value: As JSON holds it.
        place: Where it stands, for the error.

    Raises:
        UnreadableError: It is no such thing; says where.
    """
    # Most are texts. A policy may have whole numbers where a float is asked for; they are recorded as they were.
    if type(value) is kind or kind is Any or (kind is float and type(value) is int):
        return value
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _one_of(get_args(kind), value, place)
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _object(kind, value, place)
    if origin is tuple and isinstance(value, list):
        return tuple(made(get_args(kind)[0], each, f"{place}[{n}]") for n, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {key: made(get_args(kind)[1], each, f"{place}.{key}") for key, each in value.items()}
    if kind is datetime and isinstance(value, str):
        return _moment(value, place)
    raise UnreadableError(f"{place} is {value!r:.200}, and has to be {kind}")


def _moment(value: str, place: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise UnreadableError(f"{place}: {error}") from None


def _one_of(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    refused = []
    for kind in kinds:
        try:
            return made(kind, value, place)
        except UnreadableError as error:
            refused.append(error)
    raise refused[0]


def _object(kind: type, value: Mapping[str, Any], place: str) -> Any:
    known, hints = fields(kind), _hints(kind)
    if unknown := set(value) - {field.name for field in known}:
        raise UnreadableError(f"{place} has {', '.join(sorted(unknown))}, which {kind.__name__} does not have any more")
    if missing := [field.name for field in known if field.name not in value and _needed(field)]:
        raise UnreadableError(f"{place} has no {', '.join(missing)}, which {kind.__name__} has now")
    return kind(**{key: made(hints[key], each, f"{place}.{key}") for key, each in value.items()})


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns=NAMES)
