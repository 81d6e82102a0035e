"""Which step waits for which: what it names, and the condition that it is behind."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ELSE", "IF", "Place", "placed"]

IF, ELSE = "IfSteps", "ElseSteps"
STEP = re.compile(r"Steps\.([^.]+)\.")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A step, and where in the definition it stands."""

    step: Mapping[str, Any]
    condition: str
    """The condition that it is behind; empty at the top."""
    branch: str
    """The branch that it is in; empty at the top."""

    @cached_property
    def needs(self) -> set[str]:
        """The steps that have to end before."""
        own = {key: value for key, value in self.step["Arguments"].items() if key not in {IF, ELSE}}
        named = {*STEP.findall(json.dumps(own)), *self.step.get("DependsOn", ())}
        return (named | {self.condition}) - {"", self.step["Name"]}


def placed(steps: Sequence[Mapping[str, Any]], condition: str = "", branch: str = "") -> Iterator[Place]:
    """Yield steps in their order, and those of its branches behind each condition."""
    for step in steps:
        yield Place(step=step, condition=condition, branch=branch)
        for inner in (IF, ELSE) if step["Type"] == "Condition" else ():
            yield from placed(step["Arguments"][inner], step["Name"], inner)
