"""A definition as the rules read it: its parameters and steps by name. What has no such shape is a finding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from loopwright.branches import BRANCHES, placed
from loopwright.wiring.definitions import MEND
from loopwright.wiring.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Document", "Step", "broken", "entries", "malformed", "read"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step, those inside a condition too."""

    name: str
    kind: str
    """Its type, such as ``Processing``."""
    body: Mapping[str, Any]
    path: str
    """Where it stands, as in ``Steps[2].Arguments.IfSteps[0]``."""
    condition: str = ""
    """The condition step whose branch it is in."""
    branch: str = ""
    """Which of its branches."""

    @property
    def arguments(self) -> dict[str, Any]:
        """What the step hands over, without the steps of its branches."""
        given: dict[str, Any] = self.body["Arguments"]
        return {key: value for key, value in given.items() if self.kind != "Condition" or key not in BRANCHES}


@dataclass(frozen=True, kw_only=True)
class Document:
    """One definition, as far as it has the shape of one."""

    body: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    steps: tuple[Step, ...]

    @cached_property
    def named(self) -> Mapping[str, Step]:
        """The steps by name."""
        return {step.name: step for step in self.steps}


def read(body: Mapping[str, Any]) -> Document:
    """Return a definition without what ``malformed`` tells of."""
    parameters = {each["Name"]: each for _, each in entries(body.get("Parameters"), "") if not _lacks(each)}
    return Document(body=body, parameters=parameters, steps=tuple(_steps(body.get("Steps"))))


def malformed(body: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is no parameter and no step."""
    steps = body.get("Steps")
    if not isinstance(steps, list) or not steps:
        yield broken("pipelines.shape", "Steps", "there is nothing to run", "a definition has a list of steps")
    if not isinstance(body.get("Parameters", []), list):
        yield broken("pipelines.shape", "Parameters", "there are no parameters", "Parameters is not a list")
    for path, each in entries(body.get("Parameters"), "Parameters"):
        if lacks := _lacks(each):
            yield broken("pipelines.shape", path, "this is no parameter", lacks)
    for each in placed(steps):
        if lacks := _lacks(each.step) or _lacks_arguments(each.step):
            yield broken("pipelines.shape", each.path, "this is no step", lacks)


def broken(rule: str, path: str, what: str, because: str, attempt: str = MEND) -> Finding:
    """Return a finding; whoever asks ``validate`` names the node."""
    return Finding(rule=rule, node="", path=path, what=what, because=because, attempt=attempt)


def entries(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the items of a list behind their paths; none where it is no list."""
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield f"{path}[{index}]", each


def _steps(steps: Any) -> Iterator[Step]:
    for each in placed(steps):
        body = each.step
        if not _lacks(body) and not _lacks_arguments(body):
            where = {"path": each.path, "condition": each.condition, "branch": each.branch}
            yield Step(name=body["Name"], kind=body["Type"], body=body, **where)


def _lacks(value: Any) -> str:
    """Return what a parameter or a step lacks to be one, or nothing."""
    if not isinstance(value, dict):
        return "it is not an object"
    missing = [key for key in ("Name", "Type") if not isinstance(value.get(key), str)]
    return f"it has no text {' and no text '.join(missing)}" if missing else ""


def _lacks_arguments(value: Any) -> str:
    return "" if isinstance(value.get("Arguments"), dict) else "it has no object Arguments"
