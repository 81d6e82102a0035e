"""The functions of a graph as the emulated Lambda reads them; what it does not know is refused.

Defaults and ranges: "CreateFunction" and "PutFunctionEventInvokeConfig" (AWS Lambda API Reference).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.permits import role_sends
from loopwright.rehearsal.aws.retrying import only

if TYPE_CHECKING:
    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.queues import Queues
    from loopwright.wiring.stack import Stack

__all__ = ["Function", "functions"]

LAMBDA = "lambda.amazonaws.com"
CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
CONFIG_INPUTS = {
    *("functionName", "qualifier", "region"),
    *("maximumEventAgeInSeconds", "maximumRetryAttempts", "destinationConfig"),
}
LEAST_AGE, MOST_AGE, MOST_RETRIES = 60, 21_600, 2
TIMEOUT_SECONDS = 3
UNRESERVED = -1
"""What Pulumi's provider writes for a function without a reserved concurrency."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What asynchronous invocation needs to know of a function."""

    name: str
    arn: str
    timeout: timedelta
    concurrency: int | None
    """None: the account's, which a rehearsal never reaches."""
    retries: int
    age: timedelta
    dead_letters: Node | None
    may_bury: bool
    destination: Node | None
    may_record: bool


def functions(stack: Stack, queues: Queues) -> dict[str, Function]:
    """Return the functions of a stack by ARN.

    Raises:
        UnknownError: A function has settings that are not emulated.
    """
    found = [_function(stack, queues, node) for node in stack.of("function")]
    return {each.arn: each for each in found}


def _function(stack: Stack, queues: Queues, node: Node) -> Function:
    inputs, config = stack.inputs(node), _config(stack, node)
    role = stack.at(inputs.get("role"), "role")
    reserved = inputs.get("reservedConcurrentExecutions")
    concurrency = None if reserved in (None, UNRESERVED) else int(reserved)
    dead_letters = _queue(queues, node, (inputs.get("deadLetterConfig") or {}).get("targetArn"))
    destination = _queue(queues, node, _destination(node, config))
    if destination is not None and concurrency == 0:
        raise _refused(node, "no concurrency and an on-failure destination", "no page says what that record holds")
    return Function(
        name=stack.name(node),
        arn=stack.arn(node),
        timeout=timedelta(seconds=int(inputs.get("timeout") or TIMEOUT_SECONDS)),
        concurrency=concurrency,
        retries=_number(node, config, "maximumRetryAttempts", range(MOST_RETRIES + 1)),
        age=timedelta(seconds=_number(node, config, "maximumEventAgeInSeconds", range(LEAST_AGE, MOST_AGE + 1))),
        dead_letters=dead_letters,
        may_bury=dead_letters is not None and role_sends(stack, role, LAMBDA, dead_letters),
        destination=destination,
        may_record=destination is not None and role_sends(stack, role, LAMBDA, destination),
    )


def _config(stack: Stack, function: Node) -> dict[str, Any]:
    found = [stack.inputs(node) for node in stack.graph.of_type(CONFIG)]
    mine = [each for each in found if stack.at(each.get("functionName"), "function") is function]
    if not mine:
        return {}
    only(f"the retries of {function.id}", mine[0], CONFIG_INPUTS)
    if len(mine) > 1 or mine[0].get("qualifier") not in (None, "$LATEST"):
        raise _refused(function, "settings of a version", "the emulated Lambda runs the newest code only")
    return mine[0]


def _number(node: Node, config: dict[str, Any], name: str, valid: range) -> int:
    """Return a setting; the largest value is AWS's default for both."""
    given = config.get(name)
    value = valid[-1] if given is None else int(given)
    if value not in valid:
        raise _refused(node, f"{name} {value}", f"AWS takes {valid[0]} to {valid[-1]}")
    return value


def _destination(node: Node, config: dict[str, Any]) -> object:
    given = config.get("destinationConfig") or {}
    if given.get("onSuccess"):
        raise _refused(node, "an on-success destination", "nothing in the loop reads one")
    return (given.get("onFailure") or {}).get("destination")


def _queue(queues: Queues, node: Node, value: object) -> Node | None:
    found = queues.at(value)
    if found is None and value and ":sqs:" not in str(value) and "sqs/queue" not in str(value):
        raise _refused(node, f"a destination {value}", "failed events go to a queue here")
    return found


def _refused(node: Node, what: str, because: str) -> UnknownError:
    return UnknownError(f"{node.id} with {what}", because=because, attempt="mend infra/mlops/functions.py")
