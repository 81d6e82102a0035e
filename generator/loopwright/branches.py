"""Branches: the steps of a SageMaker pipeline, those behind its conditions too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BRANCHES", "ELSE", "IF", "Placed", "placed"]

IF, ELSE = BRANCHES = ("IfSteps", "ElseSteps")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Whatever stands where a step does, and where that is."""

    step: Any
    path: str
    """As in ``Steps[2].Arguments.IfSteps[0]``."""
    condition: str
    """The condition step whose branch it is in; empty at the top."""
    branch: str
    """Which of its branches; empty at the top."""


def placed(steps: Any, path: str = "Steps", condition: str = "", branch: str = "") -> Iterator[Placed]:
    """Yield the items of a list of steps in their order, and those of its branches behind each condition.

    What is no list holds no steps, and what is no condition no branches.
    """
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        where = f"{path}[{index}]"
        yield Placed(step=step, path=where, condition=condition, branch=branch)
        match step:
            case {"Name": str() as name, "Type": "Condition", "Arguments": dict() as arguments}:
                for inner in BRANCHES:
                    yield from placed(arguments.get(inner), f"{where}.Arguments.{inner}", name, inner)
