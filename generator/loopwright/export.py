"""``loopwright export terraform``: a stack as files for Terraform, from a program that may be translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopwright.errors import LoopwrightError
from loopwright.graph.load import load
from loopwright.graph.transparent import transparent
from loopwright.placeholder import image_digest
from loopwright.terraform.export import export

if TYPE_CHECKING:
    from pathlib import Path

    from loopwright.repository.plan import Action

__all__ = ["terraform"]

_SHOWN = 5


def terraform(project: Path, stack: str, *, python: Path | None = None) -> tuple[tuple[Action, ...], bool]:
    """Return the files of a stack, and whether it is the whole loop or, without an image, its foundation.

    The program is evaluated twice, with tokens and with plausible values: one that looks into a value which only AWS
    knows makes two documents, and neither would be right.

    Raises:
        LoopwrightError: The program cannot be evaluated or translated; nothing is left out silently.
    """
    graph = load(project, stack, python=python)
    looked = transparent(graph, load(project, stack, python=python, answers="concrete"))
    if looked:
        more = f" and {len(looked) - _SHOWN} more" if len(looked) > _SHOWN else ""
        raise LoopwrightError(
            f"the stack {stack} cannot be exported",
            because=f"infra/ decides by values that only AWS knows: {'; '.join(looked[:_SHOWN])}{more}",
            attempt="pass resource outputs on, or format them into texts, and decide by settings instead",
        )
    return export(graph), bool(image_digest(graph))
