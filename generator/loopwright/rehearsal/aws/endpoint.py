"""An endpoint over time: its status, its fleets, and who gets which share of the traffic.

It follows the SageMaker guide, "Deployment guardrails for updating models in production" and the pages under it, and
"DescribeEndpoint" of the API reference for the states. That a fleet which is not healthy is taken back, and that an
endpoint is RollingBack meanwhile, is what terraform-provider-aws has seen (#48997, #49020); that a deployment out of
time goes back too is our reading of "times out". Two of the states are never entered here: OutOfService, of which AWS
does not say when it happens, and UpdateRollbackFailed, which only a rolling deployment can reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.views import told_deployment, told_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from loopwright.rehearsal.aws.fleets import Fleet
    from loopwright.rehearsal.aws.requests import Request
    from loopwright.rehearsal.aws.rollouts import Rollout
    from loopwright.rehearsal.aws.source import Source

__all__ = ["Deployment", "Endpoint", "World"]

LOOK = timedelta(minutes=1)
"""How often a baking deployment looks at its alarms: CloudWatch evaluates an ordinary one once a minute."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What an endpoint depends on, and AWS's documentation leaves open: times, containers, alarms."""

    provisioning: timedelta
    """From a request until the instances of a new fleet answer, or are given up."""
    terminating: timedelta
    """How long it takes to be rid of a fleet."""
    rolling_back: timedelta
    """From a rollback's begin, which moves the traffic, until the endpoint is in service again."""
    healthy: Callable[[str], bool]
    """Whether the containers of a configuration answer their health check."""
    alarm: Callable[[str], str]
    """The state of an alarm by name; whatever it raises ends the rehearsal."""


@dataclass(kw_only=True)
class Deployment:
    """A configuration on its way."""

    fleet: Fleet
    rollout: Rollout
    started: datetime
    stage: str = "Creating"
    message: str = ""
    since: datetime
    share: float = 0.0


@dataclass(kw_only=True)
class Endpoint:
    """One endpoint; only its clock changes it after a request.

    Args:
        name: Its name.
        source: Names, times and events.
        world: What it depends on.
        fleet: What serves, or is to serve first.
    """

    name: str
    source: Source
    world: World
    fleet: Fleet
    created: datetime = field(init=False)
    modified: datetime = field(init=False)
    status: str = field(init=False, default="Creating")
    failure: str = field(init=False, default="")
    config: Mapping[str, object] | None = field(init=False, default=None)
    """The last deployment configuration, if there was one."""
    pending: Deployment | None = field(init=False, default=None)
    gone: bool = field(init=False, default=False)
    _shares: list[tuple[datetime, dict[str, float]]] = field(init=False, default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN; SageMaker writes names in lower case there."""
        return self.source.arn(f"endpoint/{self.name.lower()}")

    @property
    def shares(self) -> tuple[tuple[datetime, Mapping[str, float]], ...]:
        """Since when which configuration gets which share of the traffic, the oldest first."""
        return tuple(self._shares)

    def share(self, now: datetime) -> dict[str, float]:
        """Return which configuration gets which share of the traffic at a time that is not to come.

        Returns:
            Shares above 0 that sum to 1; nothing where no fleet serves.

        Raises:
            ValueError: The time is to come.
        """
        if now > self.source.clock.now:
            raise ValueError(f"{now} is to come: it is {self.source.clock.now}")
        return dict(next((shares for since, shares in reversed(self._shares) if since <= now), {}))

    def create(self) -> None:
        """Launch the first fleet: Creating, then InService, or Failed where its containers are not healthy."""
        self.created = self.modified = self.source.clock.now
        self._become("Creating")
        self.source.clock.after(self.world.provisioning, self._created)

    def update(self, fleet: Fleet, rollout: Rollout, config: Request | None) -> None:
        """Move to another fleet: a blue/green deployment."""
        now = self.source.clock.now
        deployment = Deployment(fleet=fleet, rollout=rollout, started=now, since=now)
        self.pending, self.config = deployment, config or self.config
        self._become("Updating")
        self._enter(deployment, "Creating", f"Launching {fleet.instances} instance(s).")
        if rollout.limit is not None:
            self.source.clock.after(rollout.limit, lambda: self._time_out(deployment))
        self.source.clock.after(self.world.provisioning, lambda: self._provisioned(deployment))

    def maintain(self, how_long: timedelta) -> None:
        """Let AWS update an endpoint in service: SystemUpdating, while the traffic stays as it is.

        Raises:
            ValueError: It is not in service.
        """
        if self.status != "InService":
            raise ValueError(f"{self.name} is {self.status}, and not in service")
        self._become("SystemUpdating")
        self.source.clock.after(how_long, lambda: self._become("InService"))

    def delete(self) -> None:
        """Take all traffic away, and be gone when the instances are."""
        self._route({})
        self._become("Deleting")
        self.source.clock.after(self.world.terminating, self._vanish)

    def _vanish(self) -> None:
        self.gone = True

    def _created(self) -> None:
        if self.world.healthy(self.fleet.config):
            self._route({self.fleet.config: 1.0})
            self._become("InService")
        else:
            self.failure = "The containers did not answer their health check."
            self._become("Failed")

    def _provisioned(self, deployment: Deployment) -> None:
        if not self._moves(deployment):
            return
        if self.world.healthy(deployment.fleet.config):
            self._shift(deployment, 0)
        else:
            self._go_back(deployment)

    def _shift(self, deployment: Deployment, number: int) -> None:
        """Give the new fleet its next share, and bake; without a wait there is no baking, and no alarm counts."""
        step, fleet = deployment.rollout.steps[number], deployment.fleet
        deployment.share = step.share
        self._route({self.fleet.config: 1 - step.share, fleet.config: step.share})
        capacity = fleet.capacity(step.share)
        self._enter(deployment, "ActivatingTraffic", f"Activating traffic on {capacity}.")
        if not step.wait:
            self._baked(deployment, number)
            return
        lasts = f"{step.wait.total_seconds():.0f} seconds ({step.parameter})"
        self._enter(deployment, "Baking", f"Baking for {lasts} with traffic enabled on {capacity}.")
        self._bake(deployment, number, self.source.clock.now + step.wait)

    def _bake(self, deployment: Deployment, number: int, until: datetime) -> None:
        """Look at the alarms from the first moment of a baking period to its last.

        An alarm that is in ALARM already when the period begins counts: the old fleet's alarm ends the deployment as
        well ("Auto-Rollback Configuration and Monitoring"). What it was before the period does not.
        """
        if not self._moves(deployment):
            return
        now = self.source.clock.now
        if any(self.world.alarm(name) == "ALARM" for name in deployment.rollout.alarms):
            self._go_back(deployment)
        elif now >= until:
            self._baked(deployment, number)
        else:
            self.source.clock.at(min(now + LOOK, until), lambda: self._bake(deployment, number, until))

    def _baked(self, deployment: Deployment, number: int) -> None:
        if number + 1 < len(deployment.rollout.steps):
            self._shift(deployment, number + 1)
            return
        self._enter(deployment, "Deleting", f"Terminating {self.fleet.instances} instance(s).")
        self.source.clock.after(self.world.terminating, lambda: self._arrived(deployment))

    def _arrived(self, deployment: Deployment) -> None:
        if self._moves(deployment):
            self.fleet, self.pending = deployment.fleet, None
            self._become("InService")

    def _time_out(self, deployment: Deployment) -> None:
        if self._moves(deployment):
            self._go_back(deployment)

    def _go_back(self, deployment: Deployment) -> None:
        """Return all traffic to the old fleet at once; in service again, the endpoint tells nobody what happened."""
        self._route({self.fleet.config: 1.0})
        deployment.share = 0.0
        self._become("RollingBack")
        self.source.clock.after(self.world.rolling_back, self._returned)

    def _returned(self) -> None:
        self.pending = None
        self._become("InService")

    def _moves(self, deployment: Deployment) -> bool:
        """Tell whether a deployment is still under way: what was planned for it may come after its end."""
        return self.pending is deployment and self.status == "Updating"

    def _route(self, shares: dict[str, float]) -> None:
        self._shares.append((self.source.clock.now, {config: share for config, share in shares.items() if share > 0}))

    def _become(self, status: str) -> None:
        self.status, self.modified = status, self.source.clock.now
        told_status(self)

    def _enter(self, deployment: Deployment, stage: str, message: str) -> None:
        deployment.stage, deployment.message, deployment.since = stage, message, self.source.clock.now
        if deployment.fleet.guarded:
            told_deployment(self)
