"""Names of steps, and the order in which they run."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from loopwright.definitions.document import broken, entries
from loopwright.definitions.limits import limits
from loopwright.definitions.resolve import gapped, references
from loopwright.definitions.shapes import STEPS, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from loopwright.definitions.document import Document, Step
    from loopwright.wiring.findings import Finding

__all__ = ["names", "order"]


def names(document: Document) -> Iterator[Finding]:
    """Yield the steps whose name SageMaker refuses, that share one, or whose type is not known here."""
    seen: set[str] = set()
    for step in document.steps:
        yield from limits(gapped(step.name), shape("StepName"), f"{step.path}.Name")
        if not step.name:
            yield broken("pipelines.name", f"{step.path}.Name", "a step has no name", "its name is empty")
        if step.name in seen:
            what = f"there are two steps {step.name}"
            yield broken("pipelines.name", f"{step.path}.Name", what, "names are unique, inside conditions too")
        seen.add(step.name)
        if step.kind not in STEPS:
            because = f"the types that can be proven are {', '.join(sorted(STEPS))}"
            yield broken("pipelines.step_type", f"{step.path}.Type", f"{step.kind} cannot be proven", because)


def order(document: Document) -> Iterator[Finding]:
    """Yield the dependencies on no step, and those that no order can satisfy."""
    for step in document.steps:
        given = step.body.get("DependsOn")
        if given is not None and not isinstance(given, list):
            path = f"{step.path}.DependsOn"
            yield broken("pipelines.order", path, f"{step.name} waits for nobody", "DependsOn is not a list")
        for path, name in entries(given, f"{step.path}.DependsOn"):
            if not isinstance(name, str) or name not in document.named:
                because = f"no step is named {name}"
                yield broken("pipelines.order", path, f"{step.name} waits for what never comes", because)
    before = {step.name: _before(step) & set(document.named) for step in document.steps}
    try:
        ordered = tuple(TopologicalSorter(before).static_order())
    except CycleError as error:
        chain = error.args[1]
        because = f"each waits for the one before it: {', '.join(chain)}"
        path = document.named[chain[0]].path
        yield broken("pipelines.order", path, f"{chain[0]} waits for itself", because)
    else:
        yield from _never(document, before, ordered)


def _never(document: Document, before: Mapping[str, set[str]], ordered: Iterable[str]) -> Iterator[Finding]:
    """Yield the steps that wait for both branches of a condition: only one is ever taken."""
    behind: dict[str, set[tuple[str, str]]] = {}
    for name in ordered:
        step = document.named[name]
        own = {(step.condition, step.branch)} if step.condition else set()
        behind[name] = own.union(*(behind[other] for other in before[name]))
        conditions = [condition for condition, _ in behind[name]]
        if both := [condition for condition in conditions if conditions.count(condition) > 1]:
            because = f"it waits for steps of both branches of {both[0]}, and only one is taken"
            yield broken("pipelines.order", step.path, f"{name} never runs", because)


def _before(step: Step) -> set[str]:
    """Return the steps that have to end first: what it reads, what it names, the condition that it is behind."""
    read = (name.split(".") for _, name in references(step.arguments, "") if name.startswith("Steps."))
    waits = (name for _, name in entries(step.body.get("DependsOn"), "") if isinstance(name, str))
    return {*(words[1] for words in read), *waits, *([step.condition] if step.condition else [])}
