"""Whether a call fits AWS's own description of it: members, ranges, lengths, patterns and enumerations.

moto reads what it needs of a request and ignores the rest, so that a misspelt enumeration or a name that is too long
goes unnoticed. botocore ships AWS's service models, and these say what every member must look like.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

    from .wire import Call

# Java's classes of characters, as near as `re` has them; each is at least as wide, so nothing good is refused.
CLASSES = {"L": r"\w", "M": r"\w", "N": r"\d", "Z": r"\s", "P": r"!-/:-@\[-`{-~\u00a1-\uffff", "S": r"$+<->^`|~"}
CLASSES |= {"Alnum": "a-zA-Z0-9", "Alpha": "a-zA-Z", "Print": r" -~", "Graph": "!-~", "ASCII": r"\x00-\x7f"}
NAMED = re.compile(r"\\p\{(\w+)\}")
# Models that ask for more than AWS does.
LENIENT = frozenset({("s3", "PutObject"), ("s3", "UploadPart")})


def problems(call: Call) -> list[str]:
    """Return what is wrong with the members of a call, each as a sentence that begins with the member's path."""
    shape = call.operation.input_shape
    if shape is None or (call.service, call.action) in LENIENT:
        return []
    return list(_walk(shape, call.params, ""))


def _walk(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path)
        case "list":
            yield from _size(shape, len(value), path, "entries")
            for index, entry in enumerate(value):
                yield from _walk(shape.member, entry, f"{path}[{index}]")
        case "map":
            yield from _size(shape, len(value), path, "entries")
            for key, entry in value.items():
                yield from _walk(shape.key, key, f"{path} key {key!r}")
                yield from _walk(shape.value, entry, f"{path}.{key}")
        case "string" if not isinstance(value, str):
            yield f"{path}: {value!r} is not a text"
        case "string":
            yield from _text(shape, value, path)
        case "integer" | "long" | "float" | "double":
            yield from _number(shape, value, path)


def _structure(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{prefix}{name}: is required"
    for name, entry in value.items():
        if name not in shape.members:
            yield f"{prefix}{name}: no such member"
        elif entry is not None:
            yield from _walk(shape.members[name], entry, f"{prefix}{name}")
    if shape.is_tagged_union and sum(entry is not None for entry in value.values()) != 1:
        yield f"{path}: needs exactly one of {', '.join(shape.members)}"


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _size(shape, len(value), path, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"
    pattern = compiled(shape.metadata.get("pattern"))
    if pattern and not pattern.fullmatch(value):
        yield f"{path}: {value!r} does not match {pattern.pattern}"


def _number(shape: Shape, value: float, path: str) -> Iterator[str]:
    if not math.isfinite(value):
        yield f"{path}: {value} is not a number"
    else:
        yield from _size(shape, value, path, "")


def _size(shape: Shape, size: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{path}: {size} {unit} are fewer than {low}".replace("  ", " ")
    if high is not None and size > high:
        yield f"{path}: {size} {unit} are more than {high}".replace("  ", " ")


@functools.cache
def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return a model's pattern for `re`, or None where there is none or Java alone understands it."""
    if not pattern:
        return None
    try:
        inside = re.sub(r"\[(?:\\.|[^\]\\])*\]", lambda found: NAMED.sub(_ranges, found[0]), pattern)
        return re.compile(NAMED.sub(lambda found: f"[{_ranges(found)}]", inside))
    except (re.error, KeyError):
        return None


def _ranges(named: re.Match[str]) -> str:
    name = named[1]
    return CLASSES[name] if name in CLASSES or len(name) > 2 else CLASSES[name[0]]  # such as Lu, Nd
