"""Clients of AWS services that know no more than a test's world, and are as strict as the services' own models.

An operation that nobody expects fails; so does a request or an answer that the service's model does not know, with the
enumerations, patterns and limits that botocore itself leaves to the service. Every call is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator


class Crash(BaseException):
    """The function's process ends here; nothing in it may catch that."""


@dataclass(frozen=True)
class Body:
    """The body of an object, as a stream."""

    content: bytes

    def iter_chunks(self, size):
        return (self.content[at : at + size] for at in range(0, len(self.content), size))


@cache
def service(name):
    return botocore.session.get_session().get_service_model(name)


def check(value, shape, place):
    """Fail like the service would: botocore checks types, required members and minima only."""
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), f"{place}: {report.generate_report()}"
    _limits(value, shape, place)


def _limits(value, shape, place):
    limits = shape.metadata
    if shape.type_name == "structure":
        for key, item in value.items():
            _limits(item, shape.members[key], f"{place}.{key}")
    elif shape.type_name == "list":
        assert len(value) <= limits.get("max", len(value)), f"{place}: too many"
        for item in value:
            _limits(item, shape.member, place)
    elif shape.type_name == "map":
        assert len(value) <= limits.get("max", len(value)), f"{place}: too many"
        for key, item in value.items():
            _limits(key, shape.key, place)
            _limits(item, shape.value, f"{place}.{key}")
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, f"{place}: {value!r} is not one of {shape.enum}"
        assert len(value) <= limits.get("max", len(value)), f"{place}: {value!r} is too long"
        assert matches(limits.get("pattern"), value), f"{place}: {value!r} does not match {limits.get('pattern')}"
    elif shape.type_name in {"integer", "long", "float", "double"}:
        assert abs(value) < float("inf"), f"{place}: {value} is no number"
        assert value <= limits.get("max", value), f"{place}: {value} is too much"


def matches(pattern, value):
    try:
        return pattern is None or re.fullmatch(pattern, value) is not None
    except re.error:  # Java's classes and flags; Python has none of them
        return True


@dataclass(frozen=True)
class Client:
    """A client of one service that knows the operations of `World` alone."""

    world: Any
    name: str

    def __getattr__(self, method):
        known = getattr(self.world, f"{self.name}_{method}", None)
        assert known, f"nobody expects {self.name}.{method}"
        operations = {xform_name(each): each for each in service(self.name).operation_names}
        model = service(self.name).operation_model(operations[method])

        def call(**request):
            place = f"{self.name}.{method}"
            check(request, model.input_shape, place)
            self.world.calls.append((self.name, method, request))
            number, when = self.world.crash or (0, "")
            if len(self.world.calls) == number and when == "before":
                raise Crash
            if method in self.world.failing:
                raise self.world.failing[method]
            answer = known(**request)
            if model.output_shape and not isinstance((answer or {}).get("Body"), Body):
                check(answer or {}, model.output_shape, f"the answer of {place}")
            if len(self.world.calls) == number:
                raise Crash
            return answer

        return call
