"""What `pulumi up` makes of the graph before anything runs: names in a registry, a first endpoint, objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from loopwright.wiring.stack import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.rehearsal.cloud import Cloud
    from loopwright.wiring.stack import Stack

__all__ = ["apply"]

OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
UNASKED = {"name", "tags", "tagsAll", "region"}
"""Inputs of Pulumi's that are given otherwise, or are no members of the request."""
KEY = re.compile(r"<<ref:/aws:kms/key:Key::[^#>]+#arn[^>]*>>")


def apply(cloud: Cloud) -> None:
    """Make what the stack declares: objects, the model package group, and an endpoint that has no model yet.

    Raises:
        UnknownError: It is made in a way that is not emulated.
    """
    stack = cloud.stack
    for node in stack.graph.of_type(OBJECT):
        inputs = stack.inputs(node)
        cloud.store.put_object(Bucket=inputs["bucket"], Key=inputs["key"], Body=str(inputs.get("content", "")).encode())
    for node in stack.of("model-package-group"):
        cloud.registry.create_model_package_group(ModelPackageGroupName=stack.name(node))
    for node in stack.of("model"):
        cloud.hosting.create_model(ModelName=stack.name(node), **_members(_keyed(stack, stack.inputs(node))))
    for node in stack.of("endpoint-config"):
        request = _members(_keyed(stack, stack.inputs(node)), KmsKeyArn="KmsKeyId")
        cloud.hosting.create_endpoint_config(EndpointConfigName=stack.name(node), **request)
    for node in stack.of("endpoint"):
        inputs = stack.inputs(node)
        cloud.endpoints.create_endpoint(
            EndpointName=stack.name(node), EndpointConfigName=str(inputs["endpointConfigName"])
        )


def _keyed(stack: Stack, value: Any) -> Any:
    """Return a value with an ARN in the place of each key's, which AWS makes up."""
    if isinstance(value, str):
        return KEY.sub(
            lambda found: f"arn:aws:kms:{stack.region}:{ACCOUNT_ID}:key/{uuid5(NAMESPACE_URL, found[0])}", value
        )
    if isinstance(value, list):
        return [_keyed(stack, each) for each in value]
    return {name: _keyed(stack, each) for name, each in value.items()} if isinstance(value, dict) else value


def _members(value: Mapping[str, Any], **renamed: str) -> dict[str, Any]:
    """Return inputs as the members of a request: AWS begins each with a capital letter."""
    found = {}
    for name, item in value.items():
        if name in UNASKED:
            continue
        member = name[0].upper() + name[1:]
        found[renamed.get(member, member)] = _member(name, item, renamed)
    return found


def _member(name: str, item: Any, renamed: dict[str, str]) -> Any:
    if isinstance(item, dict) and name != "environment":
        return _members(item, **renamed)
    if isinstance(item, list):
        return [_member("", each, renamed) for each in item]
    return item
