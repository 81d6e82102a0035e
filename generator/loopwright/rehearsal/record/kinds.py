"""The kinds of lines in a decision record, and what each of them holds.

A record begins with `opened`. It ends with `closed`, unless the rehearsal was interrupted. SHA-256 are in hexadecimal,
and None is what was not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KINDS", "Closed", "Decision", "Execution", "Fault", "Gate", "Gates", "Opened", "Registered", "Rollout"]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What is rehearsed, and with what."""

    project: str
    stack: str
    seed: int
    scenario: str | None
    contract_sha256: str
    """Of `loop.yaml`."""
    handlers_sha256: str
    """Of the functions' code, by `origins.handlers`."""
    graph_sha256: str
    """The `digest` of the stack's resource graph."""
    data_sha256: str
    image: str
    """The digest, `sha256:...`."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the controller or the deployer decided at a wake-up."""

    component: str
    """`controller` or `deployer`."""
    woken_by: str
    decision: Mapping[str, Any]
    """The document as the handler returned it: with the state and the policy or image that it followed from, what was
    `decided`, and beside that what became of it."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How an execution of the training pipeline ended."""

    name: str
    """The last part of its ARN."""
    reason: str
    data_version: str | None
    window_sha256: str | None
    data_sha256: str | None
    status: str
    probe: Mapping[str, Any] | None
    """What `verdicts.probe` takes of its report; None: it came to no probe."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate's verdict, with what it follows from."""

    gate: str
    passed: bool
    value: float | str | None
    """The figure that was judged; None: there is none, or it is left out."""
    limit: float | str | None
    rule: str | None
    """How the value has to stand to the limit: a name in `anew.verdicts.RULES`; None: the two alone do not say."""
    note: str
    slices: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the gates said to the model of an execution."""

    execution: str
    metric: str
    passed: bool
    gates: Sequence[Gate]


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version that came into the registry, or whose approval changed."""

    version: int
    execution: str | None
    model_sha256: str
    artefact_sha256: str
    image: str
    """The digest, `sha256:...`."""
    approval: str
    """`Approved`, `PendingManualApproval` or `Rejected`."""
    approved_by: str
    """Who or what said so: `the contract`, a person, or `the deployer`."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What became of a version on its way to the traffic."""

    version: int
    outcome: str
    """`live` or `rolled back`."""
    because: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the scenario broke, or mended."""

    scenario: str
    what: str
    mended: bool


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The end."""

    counts: Mapping[str, int]
    """Lines of each kind before this one."""


KINDS: Mapping[str, type] = {
    "opened": Opened,
    "decision": Decision,
    "execution": Execution,
    "gates": Gates,
    "registered": Registered,
    "rollout": Rollout,
    "fault": Fault,
    "closed": Closed,
}
