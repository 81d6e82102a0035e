"""The requests that a run will make: the arguments of every job against the model of its operation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken
from loopwright.definitions.fill import filled, types
from loopwright.definitions.limits import limits
from loopwright.definitions.shapes import JOBS, request, sample, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document, Step
    from loopwright.wiring.findings import Finding

__all__ = ["requests"]

_LONGEST = 400
_LINE = re.compile(r"\n(?=Invalid |Missing |Must |Unknown )")
_PLACE = re.compile(r"(?:parameter|in) (?P<place>[A-Z]\S*?)(?:,|:| )")


def requests(document: Document) -> Iterator[Finding]:
    """Yield what SageMaker would refuse of the requests of a definition's jobs."""
    for step in document.steps:
        if step.kind not in JOBS:
            continue
        shape, path, name = request(step.kind), f"{step.path}.Arguments", JOBS[step.kind].name
        yield from types(step.arguments, shape, path, document)
        whole = filled(step.arguments, shape, document)
        if name:
            whole.setdefault(name, sample(shape.members[name]))
        yield from _invalid(step, whole)
        yield from limits(whole, shape, path)


def _invalid(step: Step, whole: dict[str, Any]) -> Iterator[Finding]:
    from botocore.validate import ParamValidator  # noqa: PLC0415 - see shapes.py

    report = ParamValidator().validate(whole, request(step.kind))
    for line in _LINE.split(report.generate_report()) if report.has_errors() else ():
        place = _PLACE.search(line)
        path = f"{step.path}.Arguments.{place['place']}" if place else f"{step.path}.Arguments"
        what = f"{JOBS[step.kind].operation} refuses the arguments of {step.name}"
        yield broken("pipelines.request", path, what, shown(line, _LONGEST))
