"""The chronicle: who did what and when, as the services' own events and the functions' answers tell it."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws import registry, views
from loopwright.rehearsal.record import verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from loopwright.rehearsal.aws.alarms import Alarm, State
    from loopwright.rehearsal.aws.retrying import Event
    from loopwright.rehearsal.cloud import Cloud
    from loopwright.rehearsal.pipelines import Run
    from loopwright.rehearsal.places import Places
    from loopwright.rehearsal.record.chain import Record
    from loopwright.rehearsal.record.kinds import Gate

__all__ = ["CONTRACT", "Chronicle", "Happening", "Retraining", "Rollout", "Version"]

PERSON, CONTRACT = "a person", "the contract"


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened."""

    at: datetime
    who: str
    kind: str
    what: str
    version: int | None = None


@dataclass(kw_only=True)
class Retraining:
    """One execution of the training pipeline."""

    at: datetime
    reason: str
    status: str = "Executing"
    ended: datetime | None = None
    outcome: str = "under way"
    because: str = ""
    probe: dict[str, Any] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)
    version: int | None = None


@dataclass(kw_only=True)
class Rollout:
    """One version on its way to the traffic."""

    version: int | None
    config: str
    at: datetime
    ended: datetime | None = None
    outcome: str = "under way"
    because: str = ""


@dataclass(kw_only=True)
class Version:
    """One version of the registry."""

    number: int
    registered: datetime
    approval: str
    by: str
    train_until: str
    artefact: str
    config: str = ""
    """What it served with, last."""


class Chronicle:
    """What happened in one rehearsal.

    Args:
        record: Takes what is decided.
        places: The names of what the loop goes round.
        contract: ``loop.yaml``.
    """

    def __init__(self, record: Record, places: Places, contract: dict[str, Any]) -> None:
        self._record, self._places, self._contract = record, places, contract
        self.cloud: Cloud
        self._actor = PERSON
        """Who calls AWS now."""
        self.happenings: list[Happening] = []
        self.retrainings: dict[str, Retraining] = {}
        """By ARN."""
        self.rollouts: list[Rollout] = []
        self.versions: dict[int, Version] = {}
        self.alarms: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        """Changes of state by name."""
        self._last: dict[str, tuple[Any, ...]] = {}

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self.cloud.clock.now

    @contextmanager
    def acting(self, who: str) -> Iterator[None]:
        """Let whatever is asked of AWS in a block be asked by somebody; otherwise it is a person."""
        self._actor = who
        try:
            yield
        finally:
            self._actor = PERSON

    def note(self, who: str, kind: str, what: str, version: int | None = None) -> None:
        """Note something that happened now."""
        self.happenings.append(Happening(at=self.now, who=who, kind=kind, what=what, version=version))

    def fault(self, scenario: str, what: str, *, mended: bool = False) -> None:
        """Note what a scenario broke, or mended."""
        self.note("fault", "mended" if mended else "fault", what)
        self._record.append("fault", self.now, scenario=scenario, what=what, mended=mended)

    def told(self, event: Event) -> None:
        """Take an event that a service sends."""
        if event["detail-type"] == registry.EVENT:
            self._package(event["detail"])
        elif event["detail-type"] == views.STATUS and event["detail"]["EndpointName"] == self._places.endpoint:
            self._endpoint(event["detail"]["EndpointStatus"], event["detail"].get("EndpointConfigName", ""))

    def changed(self, alarm: Alarm, _old: State, new: State) -> None:
        """Take a change of an alarm."""
        self.alarms[alarm.name].append((self.now, new.value))
        if new.value == "ALARM":
            self.note("alarm", "alarm", f"{alarm.name}: {alarm.description}")

    def decided(self, component: str, document: dict[str, Any]) -> None:
        """Take what a function decided; the same again, for the same reasons, is not told twice."""
        told = (document["reason"], document.get("page"), document.get("wanted"), bool(document.get("start")))
        kept = told != self._last.get(component) or bool(document.get("start")) or document["reason"] == "deploy"
        self._last[component] = told
        if not kept:
            return
        woken = str(document.get("woken_by", ""))
        self._record.append("decision", self.now, component=component, woken_by=woken, decision=document)
        if component == "controller":
            self._controller(document)

    def _controller(self, document: dict[str, Any]) -> None:
        if document["start"]:
            self.retrainings[str(document["outcome"])] = Retraining(at=self.now, reason=document["reason"])
            self.note("controller", "retrain", document["explanation"])
        elif document["wanted"]:
            self.note("controller", "held", document["explanation"])

    def ended(self, run: Run) -> None:
        """Take an execution of the training pipeline that is over."""
        execution, executed = run.execution, run.executed
        assert executed  # noqa: S101 - it is over
        name = execution.arn.rpartition("/")[2]
        reason = str(execution.parameters.get("Reason", "manual"))
        found = self.retrainings.setdefault(execution.arn, Retraining(at=execution.started, reason=reason))
        found.ended, found.status = self.now, execution.status
        reports = {key[1]: json.loads(path.read_text()) for key, path in executed.scope.files.items() if path.is_file()}
        probe, gates = reports.get("Probe"), reports.get("Gates")
        found.probe = verdicts.probe(probe) if probe else {}
        judged = verdicts.gates(name, gates, self._contract) if gates else None
        found.gates = judged["gates"] if judged else []
        found.version = next((int(arn.rpartition("/")[2]) for arn in run.packages), None)
        found.outcome, found.because = _outcome(found, executed.reason)
        kinds = {"registered": "registered", "no better model": "rejected", "refused": "refused"}
        self.note("pipeline", kinds.get(found.outcome, "failed"), f"{found.reason}: {found.because}", found.version)
        self._record.append(
            "execution",
            self.now,
            name=name,
            reason=reason,
            data_version=execution.parameters.get("DataVersion"),
            window_sha256=gates and gates.get("window_sha256"),
            data_sha256=gates and gates.get("data_sha256"),
            status=execution.status,
            probe=found.probe or None,
        )
        if judged:
            self._record.append("gates", self.now, **judged)

    def _package(self, detail: dict[str, Any]) -> None:
        number, marks = int(detail["ModelPackageVersion"]), detail.get("CustomerMetadataProperties", {})
        updated = detail.get("UpdatedModelPackageFields")
        if updated is not None and "ModelApprovalStatus" not in updated:
            return
        container = detail["InferenceSpecification"]["Containers"][0]
        approval = str(detail["ModelApprovalStatus"])
        by = self._actor
        known = self.versions.get(number)
        if known is None:
            until, artefact = str(marks.get("train_until", "")), str(container["ModelDataUrl"])
            self.versions[number] = Version(
                number=number, registered=self.now, approval=approval, by=by, train_until=until, artefact=artefact
            )
        else:
            known.approval, known.by = approval, by
            kind = {"Approved": "approved", "Rejected": "revoked"}.get(approval, "approved")
            self.note(by, kind, f"version {number} is {approval} now", number)
        self._record.append(
            "registered",
            self.now,
            version=number,
            execution=marks.get("execution"),
            model_sha256=str(marks.get("model_sha256", "")),
            artefact_sha256=str(marks.get("artefact_sha256", "")),
            image=str(container["Image"]).partition("@")[2],
            approval=approval,
            approved_by=by,
        )

    def _endpoint(self, status: str, config: str) -> None:
        pending = self.cloud.endpoints.endpoint(self._places.endpoint).pending
        if status == "UPDATING" and pending is not None:
            version = self._version(pending.fleet.config)
            self.rollouts.append(Rollout(version=version, config=pending.fleet.config, at=self.now))
            self.note("deployer", "deploy", f"version {version} is rolled out", version)
            if version in self.versions:
                self.versions[version].config = pending.fleet.config
        elif status == "ROLLING_BACK" and self.rollouts:
            self.rollouts[-1].because = self._why()
        elif status == "IN_SERVICE" and self.rollouts and self.rollouts[-1].ended is None:
            self._arrived(self.rollouts[-1], config)

    def _arrived(self, rollout: Rollout, config: str) -> None:
        rollout.ended = self.now
        rollout.outcome = "live" if config == rollout.config else "rolled back"
        rollout.because = rollout.because or "no alarm objected"
        kind = "live" if rollout.outcome == "live" else "rolled-back"
        self.note("endpoint", kind, f"version {rollout.version}: {rollout.because}", rollout.version)
        if rollout.version is not None:
            told = {"outcome": rollout.outcome, "because": rollout.because}
            self._record.append("rollout", self.now, version=rollout.version, **told)

    def _why(self) -> str:
        firing = [name for name, changes in self.alarms.items() if changes[-1][1] == "ALARM"]
        asked = self.cloud.endpoints.endpoint(self._places.endpoint).config or {}
        rules: Any = asked.get("AutoRollbackConfiguration", {})
        watched = {each["AlarmName"] for each in rules.get("Alarms", ())}
        named = sorted(watched & set(firing))
        return f"{', '.join(named)} in ALARM" if named else "its containers did not answer"

    def _version(self, config: str) -> int | None:
        variant = self.cloud.hosting.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        model = self.cloud.hosting.describe_model(ModelName=variant["ModelName"])
        found = model["PrimaryContainer"].get("Environment", {}).get("MODEL_VERSION")
        return int(found) if found else None


def _outcome(found: Retraining, reason: str) -> tuple[str, str]:
    if found.status == "Succeeded" and found.version is not None:
        return "registered", f"version {found.version} passed every gate"
    if found.status == "Succeeded":
        return "no better model", str(found.probe.get("explanation", "the probe did not go on"))
    if found.gates and not all(each.passed for each in found.gates):
        return "refused", reason
    return "failed", reason or "it was stopped"
