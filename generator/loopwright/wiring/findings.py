"""What the proof says: findings, notes, and how much was looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Finding", "Proof", "as_document", "lines", "plain", "told"]


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One wire that leads nowhere, or to the wrong place."""

    rule: str
    """Its id, as in ``docs/wiring.md``."""
    node: str
    """The id of the node in the graph, or a file of the project."""
    path: str
    """Where in the node's inputs; empty for the whole of it."""
    what: str
    because: str
    attempt: str
    """What to try."""
    note: bool = False
    """Worth knowing, and nothing is broken by it."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was found in one stack, and what was proven."""

    stack: str
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    proven: Mapping[str, int] = field(default_factory=dict)
    """How many of what were looked at."""

    @property
    def holds(self) -> bool:
        """Tell that nothing is broken."""
        return not self.findings


def lines(proof: Proof) -> Iterator[str]:
    """Yield the proof as text for people."""
    word = "proven" if proof.holds else f"{len(proof.findings)} broken"
    yield f"{proof.stack}: wiring {word} ({', '.join(f'{count} {what}' for what, count in proof.proven.items())})"
    for finding in proof.findings:
        yield from told("error", finding)
    for finding in proof.notes:
        yield from told("note", finding)


def as_document(proof: Proof) -> dict[str, Any]:
    """Return the proof as JSON."""
    return {
        "stack": proof.stack,
        "holds": proof.holds,
        "proven": dict(proof.proven),
        "findings": [plain(finding) for finding in proof.findings],
        "notes": [plain(finding) for finding in proof.notes],
    }


def told(word: str, finding: Finding) -> Iterator[str]:
    """Yield one finding as text."""
    place = f"{finding.node}, {finding.path}" if finding.path else finding.node
    yield f"  {word} {finding.rule}: {finding.what}"
    yield f"    at: {place}"
    yield f"    because: {finding.because}"
    yield f"    try: {finding.attempt}"


def plain(finding: Finding) -> dict[str, Any]:
    """Return one finding as JSON."""
    fields = asdict(finding)
    del fields["note"]
    return fields | {"try": fields.pop("attempt")}
