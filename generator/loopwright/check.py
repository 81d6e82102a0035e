"""``loopwright check``: everything about a repository's infrastructure that can be proven without an account.

A check is a name and a function; the list of them is the only place that knows all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright import definitions
from loopwright.errors import Differs, LoopwrightError, UsageError
from loopwright.graph.load import stacks as known_stacks
from loopwright.placeholder import NO_IMAGE, whole
from loopwright.wiring import prove
from loopwright.wiring.findings import Finding, plain, told
from loopwright.wiring.limits import limits
from loopwright.wiring.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from loopwright.graph.model import ResourceGraph

__all__ = ["CHECKS", "Check", "CheckResult", "Outcome", "Subject", "as_document", "check", "differs", "lines"]

_FEW = 3


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked."""

    project: Path
    graphs: Mapping[str, ResourceGraph]
    """The whole loop of every stack that could be evaluated; what has no image yet has a placeholder."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one check found in one stack, or in all of them together."""

    check: str
    stack: str
    """Empty for a check of all stacks together."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    proven: Mapping[str, int] = field(default_factory=dict)
    """How many of what were looked at."""
    remark: str = ""

    @property
    def passed(self) -> bool:
        """Tell that nothing was found."""
        return not self.findings


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check, by its name."""

    name: str
    run: Callable[[Subject], Iterable[Outcome]]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What all checks found."""

    project: Path
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The checks that found something."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)


def wiring(subject: Subject) -> Iterator[Outcome]:
    """Prove the wiring of every stack."""
    sources = Sources(subject.project)
    for stack, graph in subject.graphs.items():
        proof = prove(graph, subject.project, sources=sources)
        yield Outcome(
            check="wiring", stack=stack, findings=proof.findings, notes=proof.notes, proven=dict(proof.proven)
        )


def names(subject: Subject) -> Iterator[Outcome]:
    """Measure the names and documents of every stack."""
    for stack, graph in subject.graphs.items():
        findings, proven = limits(graph, subject.project)
        yield Outcome(check="names", stack=stack, findings=tuple(findings), proven=proven)


def pipelines(subject: Subject) -> Iterator[Outcome]:
    """Prove every pipeline definition against SageMaker's own model."""
    for stack, graph in subject.graphs.items():
        findings, proven = definitions.pipelines(graph, subject.project)
        yield Outcome(check="pipelines", stack=stack, findings=tuple(findings), proven=proven)


CHECKS = (
    Check(name="wiring", run=wiring),
    Check(name="pipelines", run=pipelines),
    Check(name="names", run=names),
)


def check(
    project: Path,
    stacks: Sequence[str] = (),
    *,
    python: Path | None = None,
    checks: Sequence[Check] = CHECKS,
) -> CheckResult:
    """Evaluate stacks and run every check on them.

    Args:
        project: The generated repository.
        stacks: Their names; all of them when none is given.
        python: A python that has the project's packages; found when it is not given.
        checks: What to run.

    Raises:
        LoopwrightError: There is no such stack, or none of them can be evaluated at all.
    """
    graphs: dict[str, ResourceGraph] = {}
    outcomes: list[Outcome] = []
    refused: list[LoopwrightError] = []
    for stack in stacks or known_stacks(project):
        try:
            graphs[stack], placeholder = whole(project, stack, python=python)
        except UsageError:
            raise
        except LoopwrightError as error:
            refused.append(error)
            outcomes.append(Outcome(check="graph", stack=stack, findings=(_refused(stack, error),)))
        else:
            proven = {"nodes": len(graphs[stack])}
            outcomes.append(Outcome(check="graph", stack=stack, proven=proven, remark=NO_IMAGE if placeholder else ""))
    if refused and not graphs:
        raise refused[0]
    subject = Subject(project=project, graphs=graphs)
    outcomes += [outcome for each in checks for outcome in each.run(subject)]
    return CheckResult(project=project, outcomes=tuple(outcomes))


def _refused(stack: str, error: LoopwrightError) -> Finding:
    return Finding(
        rule="graph.evaluate",
        node=f"infra/Pulumi.{stack}.yaml",
        path="",
        what=error.what,
        because=error.because,
        attempt=error.attempt,
    )


def differs(result: CheckResult) -> Differs | None:
    """Return the error of checks that found something; None if none did."""
    count = sum(len(outcome.findings) for outcome in result.failed)
    if not count:
        return None
    which = ", ".join(dict.fromkeys(outcome.check for outcome in result.failed))
    first = result.failed[0].findings[0]
    return Differs(
        f"{count} wire{'s' if count > 1 else ''} of {result.project} cannot hold",
        because=f"found by {which}; the first is {first.rule}: {first.what}",
        attempt="mend what is listed above; docs/wiring.md explains each rule",
    )


def lines(result: CheckResult) -> Iterator[str]:
    """Yield one line a check, with what it found below."""
    widest = max((len(_title(outcome)) for outcome in result.outcomes), default=0)
    for outcome in result.outcomes:
        word = "pass" if outcome.passed else "FAIL"
        yield f"{word}  {_title(outcome):<{widest}}  {_counts(outcome)}".rstrip()
        for finding in outcome.findings:
            yield from (f"    {line}" for line in told("error", finding))
        for finding in outcome.notes:
            yield f"      note {finding.rule}: {finding.what}"
    for remark in dict.fromkeys(outcome.remark for outcome in result.outcomes if outcome.remark):
        yield f"notice: {remark}"


def _title(outcome: Outcome) -> str:
    return f"{outcome.stack}: {outcome.check}" if outcome.stack else outcome.check


def _counts(outcome: Outcome) -> str:
    """Return how much was looked at: the largest counts, because nobody reads twenty."""
    most = sorted(outcome.proven.items(), key=lambda entry: -entry[1])
    shown = ", ".join(f"{count} {what}" for what, count in most[:_FEW])
    rest = sum(count for _, count in most[_FEW:])
    return f"{shown} and {rest} more" if rest else shown


def as_document(result: CheckResult) -> dict[str, Any]:
    """Return the checks for a program to read."""
    return {
        "project": str(result.project),
        "passed": not result.failed,
        "checks": [
            {
                "check": outcome.check,
                "stack": outcome.stack or None,
                "passed": outcome.passed,
                "remark": outcome.remark or None,
                "proven": dict(outcome.proven),
                "findings": [plain(finding) for finding in outcome.findings],
                "notes": [plain(finding) for finding in outcome.notes],
            }
            for outcome in result.outcomes
        ],
    }
