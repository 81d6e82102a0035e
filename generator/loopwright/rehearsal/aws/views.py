"""An endpoint as others see it: in the answers of SageMaker, and in its events."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.requests import given
from loopwright.rehearsal.aws.source import milliseconds

if TYPE_CHECKING:
    from loopwright.rehearsal.aws.endpoint import Deployment, Endpoint
    from loopwright.rehearsal.aws.requests import Answer

__all__ = ["described", "told_deployment", "told_status"]

STATUS, DEPLOYMENT = "SageMaker Endpoint State Change", "SageMaker Endpoint Deployment State Change"


def described(endpoint: Endpoint) -> Answer:
    """Return an endpoint as ``DescribeEndpoint`` does.

    The reason of a failure is there only where it failed; a rollback leaves none, which AWS promises nowhere either.
    """
    serves = endpoint.status not in {"Creating", "Failed"}
    return given(
        EndpointName=endpoint.name,
        EndpointArn=endpoint.arn,
        EndpointConfigName=endpoint.fleet.config,
        ProductionVariants=[endpoint.fleet.described()] if serves else None,
        DataCaptureConfig=endpoint.fleet.captured(),
        EndpointStatus=endpoint.status,
        FailureReason=endpoint.failure or None,
        CreationTime=endpoint.created,
        LastModifiedTime=endpoint.modified,
        LastDeploymentConfig=endpoint.config,
        PendingDeploymentSummary=_pending(endpoint),
    )


def _pending(endpoint: Endpoint) -> Answer | None:
    """Return what is on its way ("PendingDeploymentSummary"): while an endpoint is made, and while it is updated."""
    if endpoint.pending is not None:
        deployment = endpoint.pending
        summary = {"EndpointConfigName": deployment.fleet.config, "StartTime": deployment.started}
        return summary | {"ProductionVariants": [_coming(deployment)]}
    if endpoint.status == "Creating":
        return {"EndpointConfigName": endpoint.fleet.config, "StartTime": endpoint.created}
    return None


def _coming(deployment: Deployment) -> Answer:
    status = given(Status=deployment.stage, StatusMessage=deployment.message or None, StartTime=deployment.since)
    return deployment.fleet.described() | {"VariantStatus": [status]}


def told_status(endpoint: Endpoint) -> None:
    """Emit the event of a status, as "Events that Amazon SageMaker AI sends to Amazon EventBridge" shows it."""
    detail = _detail(endpoint)
    detail.pop("PendingDeploymentSummary", None)
    endpoint.source.tell(STATUS, [endpoint.arn], detail)


def told_deployment(endpoint: Endpoint) -> None:
    """Emit the event of a deployment's stage, of the same page."""
    endpoint.source.tell(DEPLOYMENT, [endpoint.arn], _detail(endpoint))


def _detail(endpoint: Endpoint) -> dict[str, Any]:
    names = (
        *("EndpointName", "EndpointArn", "EndpointConfigName", "ProductionVariants", "EndpointStatus"),
        *("FailureReason", "CreationTime", "LastModifiedTime", "PendingDeploymentSummary"),
    )
    answer = described(endpoint)
    detail: dict[str, Any] = _plain({name: answer[name] for name in names if name in answer})
    status = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint.status).upper()
    return detail | {"EndpointStatus": status, "Tags": {}}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, with times in milliseconds."""
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
