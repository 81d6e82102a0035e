"""SSM's parameters, as far as a switch needs them: "GetParameter" (AWS Systems Manager API Reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.requests import Answer, Request, operation, refused, unknown

if TYPE_CHECKING:
    from datetime import datetime

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.clock import Clock
    from loopwright.wiring.stack import Stack

__all__ = ["Parameters"]


@dataclass(frozen=True, kw_only=True)
class _Parameter:
    name: str
    arn: str
    value: str
    allowed: str
    version: int
    modified: datetime


class Parameters:
    """The parameters of a stack.

    Args:
        stack: The stack, whose parameters are made now.
        clock: The clock that says when one was changed.

    Raises:
        UnknownError: One of them is no plain text.
    """

    def __init__(self, stack: Stack, clock: Clock) -> None:
        self._clock = clock
        self._known = {stack.name(node): _made(stack, node, clock.now) for node in stack.of("parameter")}

    def put(self, name: str, value: str) -> None:
        """Give a parameter another value, as a person does ("PutParameter" with Overwrite).

        Raises:
            ClientError: There is no such parameter, or its pattern does not allow the value.
        """
        old = self._found("PutParameter", name)
        if not re.search(old.allowed, value):
            raise refused("PutParameter", "ParameterPatternMismatchException", f"{value} is not {old.allowed}")
        self._known[name] = replace(old, value=value, version=old.version + 1, modified=self._clock.now)

    @operation("GetParameter", "Name", service="ssm")
    def get_parameter(self, request: Request) -> Answer:
        """Read a parameter by its name."""
        found = self._found("GetParameter", request["Name"])
        return {
            "Parameter": {
                "Name": found.name,
                "Type": "String",
                "Value": found.value,
                "Version": found.version,
                "LastModifiedDate": found.modified,
                "ARN": found.arn,
                "DataType": "text",
            }
        }

    def _found(self, operation_name: str, name: str) -> _Parameter:
        if name.startswith("arn:") or ":" in name:
            raise unknown(f"{operation_name} of {name}", "parameters are known by their plain names here")
        if name not in self._known:
            raise refused(operation_name, "ParameterNotFound", f"Parameter {name} not found.")
        return self._known[name]


def _made(stack: Stack, node: Node, now: datetime) -> _Parameter:
    inputs = stack.inputs(node)
    value = inputs.get("value", inputs.get("insecureValue"))
    if inputs.get("type") != "String" or not isinstance(value, str) or "<<" in value:
        raise unknown(f"the parameter {node.id}", "the emulated SSM knows texts that the program says")
    allowed = inputs.get("allowedPattern", "")
    return _Parameter(name=stack.name(node), arn=stack.arn(node), value=value, allowed=allowed, version=1, modified=now)
