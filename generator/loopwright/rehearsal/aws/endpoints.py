"""The endpoints of an account, by the calls that make, move and describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.endpoint import Endpoint
from loopwright.rehearsal.aws.fleets import Fleet
from loopwright.rehearsal.aws.requests import Answer, Request, invalid, operation, unknown
from loopwright.rehearsal.aws.rollouts import rollout
from loopwright.rehearsal.aws.views import described

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from loopwright.rehearsal.aws.endpoint import World
    from loopwright.rehearsal.aws.hosting import Hosting
    from loopwright.rehearsal.aws.source import Source

__all__ = ["Endpoints"]

_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


class Endpoints:
    """The endpoints of an account.

    Which calls a status allows follows "DescribeEndpoint" and "UpdateEndpoint" of the API reference; the words of a
    refusal are those that infrastructure tools match on, because the reference gives none.

    Args:
        source: Names, times and events.
        hosting: The configurations.
        world: What the endpoints depend on.
    """

    def __init__(self, source: Source, hosting: Hosting, world: World) -> None:
        self._source, self._hosting, self._world = source, hosting, world
        self._made: list[Endpoint] = []

    @operation("CreateEndpoint", "EndpointName", "EndpointConfigName", "DeploymentConfig", "Tags")
    def create_endpoint(self, request: Request) -> Answer:
        """Make an endpoint; its name must be new, whatever the case of its letters."""
        name, asked = request["EndpointName"], "CreateEndpoint"
        fleet = Fleet.of(self._hosting.config(request["EndpointConfigName"], asked))
        endpoint = Endpoint(name=name, source=self._source, world=self._world, fleet=fleet)
        if any(each.arn == endpoint.arn for each in self._there()):
            raise invalid(asked, f'Cannot create already existing endpoint "{endpoint.arn}".')
        self._made.append(endpoint)
        # It is kept for updates that ask for the last one, and moves nothing now.
        endpoint.config = request.get("DeploymentConfig")
        endpoint.create()
        return {"EndpointArn": endpoint.arn}

    @operation("DescribeEndpoint", "EndpointName")
    def describe_endpoint(self, request: Request) -> Answer:
        """Return an endpoint as it is."""
        return described(self._find(request, "DescribeEndpoint"))

    @operation(
        "UpdateEndpoint",
        *("EndpointName", "EndpointConfigName", "DeploymentConfig", "RetainDeploymentConfig"),
        *("RetainAllVariantProperties", "ExcludeRetainedVariantProperties"),
    )
    def update_endpoint(self, request: Request) -> Answer:
        """Move an endpoint in service to another configuration.

        Both configurations must exist (terraform-provider-aws #48997: an endpoint whose own was deleted takes no
        update), and their variants must have the same name ("Exclusions").
        """
        asked = "UpdateEndpoint"
        endpoint = self._find(request, asked)
        self._refuse_busy(endpoint, asked)
        new = self._hosting.config(request["EndpointConfigName"], asked)
        self._hosting.config(endpoint.fleet.config, asked)
        fleet = self._next(endpoint, new, request)
        config = _deployment(endpoint, request)
        self._refuse_alarms(config)
        plan = rollout(config or {}, fleet.instances, guarded=fleet.guarded and endpoint.fleet.guarded)
        endpoint.update(fleet, plan, config)
        return {"EndpointArn": endpoint.arn}

    @operation("DeleteEndpoint", "EndpointName")
    def delete_endpoint(self, request: Request) -> None:
        """Delete an endpoint that nothing is changing; also one that failed."""
        endpoint = self._find(request, "DeleteEndpoint")
        if endpoint.status in _MOVING:
            raise invalid("DeleteEndpoint", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        endpoint.delete()

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint, for the rehearsal's own use.

        Raises:
            KeyError: There is none.
        """
        found = next((each for each in self._there() if each.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def share(self, name: str, now: datetime) -> dict[str, float]:
        """Return which configuration of an endpoint gets which share of the traffic; see ``Endpoint.share``."""
        return self.endpoint(name).share(now)

    def _there(self) -> list[Endpoint]:
        return [each for each in self._made if not each.gone]

    def _find(self, request: Request, asked: str) -> Endpoint:
        try:
            return self.endpoint(request["EndpointName"])
        except KeyError:
            arn = self._source.arn(f"endpoint/{request['EndpointName'].lower()}")
            raise invalid(asked, f'Could not find endpoint "{arn}".') from None

    def _refuse_busy(self, endpoint: Endpoint, asked: str) -> None:
        if endpoint.status in _MOVING:
            raise invalid(asked, f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status != "InService":
            raise invalid(asked, f'Cannot update endpoint "{endpoint.arn}": it is {endpoint.status}.')

    def _next(self, endpoint: Endpoint, config: Mapping[str, Any], request: Request) -> Fleet:
        fleet, old = Fleet.of(config), endpoint.fleet
        if fleet.config == old.config:
            raise unknown("an update to the configuration that serves", "AWS does not say what it does there")
        if fleet.variant != old.variant:
            raise invalid("UpdateEndpoint", f"the variant {fleet.variant} must be called {old.variant}, as it is now")
        if (fleet.serverless is None) != (old.serverless is None):
            raise unknown("an update between instances and serverless")
        excluded = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", ())}
        return fleet.retaining(old, excluded) if request.get("RetainAllVariantProperties", False) else fleet

    def _refuse_alarms(self, config: Mapping[str, Any] | None) -> None:
        for each in (config or {}).get("AutoRollbackConfiguration", {}).get("Alarms", ()):
            if self._world.alarm(each["AlarmName"]) not in {"OK", "ALARM", "INSUFFICIENT_DATA"}:
                raise unknown(
                    f"a rollback alarm {each['AlarmName']} that does not exist", "AWS does not say what it does"
                )


def _deployment(endpoint: Endpoint, request: Request) -> Mapping[str, Any] | None:
    config = request.get("DeploymentConfig")
    if not request.get("RetainDeploymentConfig", False):
        return config
    if config is not None:
        raise unknown("a deployment configuration beside RetainDeploymentConfig", "AWS does not say which one counts")
    return endpoint.config
