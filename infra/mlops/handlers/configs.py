"""Endpoint configurations, as SageMaker keeps them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from . import aws


def described(name: str) -> dict[str, Any] | None:
    """Return a configuration as SageMaker describes it; None where there is none of that name."""
    try:
        answer = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if "Could not find" in str(error):
            return None
        raise
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}
