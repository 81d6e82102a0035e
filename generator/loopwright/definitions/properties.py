"""Properties of steps: what a reference such as ``Outputs['out'].S3Output.S3Uri`` leads to.

A step's properties are what its Describe call answers, and that repeats the request. So what a reference names in a
list or a map has to be in the step's own arguments, where the request has that list or map at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import entries
from loopwright.definitions.shapes import JOBS, KINDS, STEPS, answer, request

if TYPE_CHECKING:
    from botocore.model import Shape

    from loopwright.definitions.document import Step

__all__ = ["FILES", "Property", "outputs", "property_of"]

FILES = "PropertyFiles."
_WORD = re.compile(r"\.(?P<member>[A-Za-z]\w*)|\['(?P<key>[^']*)'\]|\[(?P<index>\d+)\]")


@dataclass(frozen=True, kw_only=True)
class Property:
    """What a path leads to."""

    kind: str = ""
    """Its type; empty where nobody documents it."""
    fault: str = ""
    """Why it leads nowhere."""


@dataclass(frozen=True)
class _Place:
    """Where a path has got to: in the answer, in the request's shape, and in what was requested."""

    answer: Shape
    request: Shape | None
    given: Any


def property_of(step: Step, path: str) -> Property:
    """Return what a path of a step's properties leads to."""
    if step.kind == "Condition" and path == "Outcome":
        return Property(kind="string")
    if step.kind not in STEPS:
        return Property()  # its properties are not known here, and that alone is told
    if step.kind not in JOBS or not path:
        return Property(fault=f"a {step.kind} step has no property {path}".rstrip())
    place, rest = _Place(answer(step.kind), request(step.kind), step.arguments), f".{path}"
    while rest:
        word = _WORD.match(rest)
        went = _next(place, word) if word else f"{path} is no path of properties"
        if word is None or isinstance(went, str):
            return Property(fault=str(went))
        place, rest = went, rest[word.end() :]
    kind = str(place.answer.type_name)
    return Property(kind=KINDS.get(kind, kind))


def outputs(step: Step) -> list[Any]:
    """Return the names of a processing step's outputs."""
    config = step.arguments.get("ProcessingOutputConfig")
    given = config.get("Outputs") if isinstance(config, dict) else None
    return [each.get("OutputName") for _, each in entries(given, "") if isinstance(each, dict)]


def _next(place: _Place, word: re.Match[str]) -> _Place | str:
    """Return where one word of a path leads, or why it leads nowhere."""
    kind, key = place.answer.type_name, word["key"]
    if kind == "structure" and word["member"] in place.answer.members:
        return _member(place, word["member"])
    if kind == "map" and key is not None:
        return _item(place, "value", key, list(place.given) if isinstance(place.given, dict) else [])
    items = place.given if isinstance(place.given, list) else []
    if kind == "list" and word["index"]:
        return _item(place, "member", int(word["index"]), list(range(len(items))))
    if kind == "list" and key is not None and (name := _name(place.answer.member)):
        return _item(place, "member", key, [each.get(name) if isinstance(each, dict) else None for each in items])
    return f"{place.answer.name} has no {word[0].removeprefix('.')}"


def _member(place: _Place, name: str) -> _Place:
    asked = place.request.members.get(name) if place.request and place.request.type_name == "structure" else None
    given = place.given.get(name) if isinstance(place.given, dict) else None
    return _Place(place.answer.members[name], asked, given)


def _item(place: _Place, inner: str, key: str | int, known: list[Any]) -> _Place | str:
    """Return one item of a map or a list.

    Args:
        place: The map or list.
        inner: How the model names the shape of its items.
        key: The item's name or place.
        known: The names or places of what was requested, in order.
    """
    shape = getattr(place.answer, inner)
    if place.request is None:  # only the run knows what will be in it
        return _Place(shape, None, None)
    given = list(place.given.values()) if isinstance(place.given, dict) else place.given
    chosen = [item for name, item in zip(known, given or (), strict=True) if name == key] if known else []
    if len(chosen) > 1:
        return f"the step has {len(chosen)} of the name {key}"
    if not chosen and all(isinstance(name, str | int) for name in known):
        return f"the step has {', '.join(map(str, known)) or 'none'}"
    return _Place(shape, getattr(place.request, inner), chosen[0] if chosen else None)


def _name(shape: Shape) -> str:
    """Return the member by which an item of a list is named in a path, such as ``OutputName``."""
    members = shape.members if shape.type_name == "structure" else ()
    return next((each for each in members if each.endswith("Name")), "")
