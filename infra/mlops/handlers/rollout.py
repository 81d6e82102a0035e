"""What to serve: the deployer's decision, as a pure function of what is.

The registry is the deployer's memory. The metadata of a package says how far it came: `deploy` is `started:CONFIG`,
`live`, `replaced`, `waiting` or `rolled_back`; `deploy_seen` is when the endpoint had last changed before the start;
`deploy_previous` is the configuration that served until then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IN_SERVICE = "InService"
# Somebody or something is changing the endpoint: it cannot be changed now, and will wake the deployer when it is done.
MOVING = {
    "Creating": "the endpoint is being made",
    "Updating": "the endpoint is being updated",
    "SystemUpdating": "AWS itself is updating the endpoint",
    "RollingBack": "the endpoint is going back to what it served before",
    "Deleting": "the endpoint is being deleted",
}
# No update is accepted, or none would be safe.
BROKEN = {
    "OutOfService": "the endpoint takes no requests",
    "Failed": "the endpoint failed; it can only be made anew",
    "UpdateRollbackFailed": "an update and its rollback both failed; what serves is not certain",
}
STARTED, LIVE, REPLACED, WAITING, ROLLED_BACK = "started:", "live", "replaced", "waiting", "rolled_back"
APPROVED, REJECTED = "Approved", "Rejected"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version in the registry."""

    version: int
    arn: str
    approval: str
    completed: bool = True
    image: str = ""
    """The digest of its image; empty when it has not exactly one container."""
    artefact: str = ""
    """Where its artefact is: s3://bucket/key."""
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def deploy(self) -> str:
        """How far it came."""
        return self.marks.get("deploy", "")

    @property
    def asked(self) -> str:
        """The configuration that the endpoint was last asked to serve it with, while the outcome is open."""
        return self.deploy.removeprefix(STARTED) if self.deploy.startswith(STARTED) else ""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoint as SageMaker describes it."""

    status: str
    config: str
    modified: str
    version: int | None = None
    """Which package version serves; None: the bootstrap without a model, or one that the deployer did not make."""
    model: str = ""
    """The model that serves this version."""
    image: str = ""
    """The digest of the image that serves this version."""
    artefact: str = ""
    """The artefact that serves as this version."""
    oddity: str = ""
    """Why its configuration cannot be copied, if it cannot."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The world as it was read."""

    unreadable: str = ""
    endpoint: Endpoint | None = None
    packages: tuple[Package, ...] = ()
    alarms: Mapping[str, str] = field(default_factory=dict)
    """States of the rollback alarms by name."""
    sha256: str = ""
    """Of the desired package's artefact as it lies in S3, where it does not serve yet; empty: it cannot be known."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """The configuration that the next one is a copy of."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A change of a package's metadata."""

    package: Package
    deploy: str
    reject: bool = False


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows from a state: first the marks, then the deployment if there is one."""

    reason: str
    explanation: str
    marks: tuple[Mark, ...] = ()
    deploy: Package | None = None
    page: str = ""
    """The matter that a person must look at, if any."""


def desired(packages: Sequence[Package]) -> Package | None:
    """Return what should serve: the newest approved package that was never rolled back."""
    fit = [each for each in packages if each.approval == APPROVED and each.completed and each.deploy != ROLLED_BACK]
    return max(fit, key=lambda each: each.version, default=None)


def decide(state: State, image: str) -> Decision:
    """Return what follows from a state; ``image`` is the one image that may serve."""
    endpoint = state.endpoint
    if state.unreadable or endpoint is None:
        because = f"the state cannot be read: {state.unreadable or 'there is no endpoint'}"
        return _nothing("unreadable", because, page="the deployer is blind")
    if endpoint.status in MOVING:
        return _nothing(endpoint.status, MOVING[endpoint.status])
    if endpoint.status != IN_SERVICE:
        because = BROKEN.get(endpoint.status, f"the endpoint is {endpoint.status}, which the deployer does not know")
        return _nothing(endpoint.status, because, page=f"the endpoint is {endpoint.status}")
    marks = _settle(endpoint, state.packages)
    if back := [mark.package.version for mark in marks if mark.reject]:
        names = ", ".join(f"version {version}" for version in back)
        because = f"the endpoint went back from {names}, which will not be tried again"
        return replace(_nothing("rolled-back", because, page=f"{names} was rolled back"), marks=marks)
    decision = _next(state, endpoint, image)
    # A deployment that begins writes the mark of its package itself.
    chosen = decision.deploy.version if decision.deploy else None
    return replace(decision, marks=tuple(mark for mark in marks if mark.package.version != chosen))


def _nothing(reason: str, because: str, page: str = "") -> Decision:
    return Decision(reason=reason, explanation=f"nothing to deploy, because {because}", page=page)


def _settle(endpoint: Endpoint, packages: Sequence[Package]) -> tuple[Mark, ...]:
    """Let the registry follow the endpoint, which is in service: SageMaker reports a rollback to nobody."""
    marks = []
    for each in packages:
        if each.version == endpoint.version:
            if each.deploy not in {LIVE, ROLLED_BACK} and _genuine(endpoint, each):
                marks.append(Mark(package=each, deploy=LIVE))
        elif each.asked and each.asked != endpoint.config and endpoint.modified == each.marks.get("deploy_seen"):
            # Nothing happened since: the deployer ended between the mark and the update. It never served.
            marks.append(Mark(package=each, deploy=WAITING))
        elif each.asked and each.asked != endpoint.config:
            marks.append(Mark(package=each, deploy=ROLLED_BACK, reject=True))
        elif each.deploy == LIVE:
            marks.append(Mark(package=each, deploy=REPLACED))
    return tuple(marks)


def _genuine(endpoint: Endpoint, package: Package) -> bool:
    return (endpoint.image, endpoint.artefact) == (package.image, package.artefact)


def _next(state: State, endpoint: Endpoint, image: str) -> Decision:
    wanted, live = desired(state.packages), endpoint.version
    if wanted is None:
        return _without_any(live)
    if wanted.version == live:
        return _served(endpoint, wanted)
    if live is not None and wanted.version < live and not _rejected(state.packages, live):
        because = f"version {live} serves, is newer than version {wanted.version}, and nobody rejected it"
        return _nothing("no-downgrade", because, page=f"version {live} serves without approval")
    if obstacle := _obstacle(state, endpoint, wanted, image):
        return obstacle
    explanation = f"deploy version {wanted.version} in place of {f'version {live}' if live else 'no version'}"
    return Decision(reason="deploy", explanation=explanation, deploy=wanted)


def _without_any(live: int | None) -> Decision:
    if live is None:
        return _nothing("no-package", "no version is approved yet")
    because = f"no version is approved any more; version {live} goes on serving"
    return _nothing("all-revoked", because, page="no approved version is left")


def _served(endpoint: Endpoint, wanted: Package) -> Decision:
    if _genuine(endpoint, wanted):
        return _nothing("serves", f"version {wanted.version} serves, as it should")
    because = f"what serves as version {wanted.version} has another image or artefact than the registry says"
    return _nothing("impostor", because, page=f"what serves is not version {wanted.version}")


def _obstacle(state: State, endpoint: Endpoint, wanted: Package, image: str) -> Decision | None:
    if fault := endpoint.oddity or fault_of(wanted, state.sha256, image):
        because = f"version {wanted.version} is refused: {fault}"
        return _nothing("refused", because, page=f"version {wanted.version} is refused")
    # Sorted: JSON knows no order of names, and the record has to give the same words again.
    alarms = sorted(state.alarms.items())
    if gone := [name for name, value in alarms if value == "MISSING"]:
        because = f"the rollback alarm {gone[0]} does not exist"
        return _nothing("no-alarm", because, page="a rollback alarm is missing")
    firing = [name for name, value in alarms if value == "ALARM"]
    if firing and endpoint.version is not None:  # an endpoint without any model answers with errors, as it should
        # It would end the deployment at once, and the version would be taken for a bad one.
        because = f"{', '.join(firing)} is in ALARM already; version {wanted.version} waits"
        return _nothing("alarm", because, page=f"a rollback alarm keeps version {wanted.version} waiting")
    return None


def _rejected(packages: Sequence[Package], version: int) -> bool:
    return any(each.version == version and each.approval == REJECTED for each in packages)


def fault_of(package: Package, sha256: str, image: str) -> str:
    """Return why a package may not be served, or nothing: what cannot be verified is refused."""
    expected = package.marks.get("artefact_sha256", "").lower()
    if package.image != image.partition("@")[2]:
        return f"its image is {package.image or 'unknown'}, and the one that may serve is {image}"
    if not re.fullmatch("[0-9a-f]{64}", expected):
        return "the registry has no SHA-256 of its artefact"
    if not sha256:
        return f"its artefact {package.artefact or ''} does not exist, may not be read, or is too large to verify"
    return "" if sha256 == expected else f"its artefact's SHA-256 is {sha256}, the registered one is {expected}"
