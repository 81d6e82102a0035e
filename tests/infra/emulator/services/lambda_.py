"""Lambda: a function is described as it was asked for, and its role must trust Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.hooks import on
from emulator.policy import usable_role

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

# What moto forgets of a function's configuration.
FORGOTTEN = ("DeadLetterConfig", "TracingConfig", "KMSKeyArn", "LoggingConfig", "EphemeralStorage", "SnapStart")


def _name(call: Call) -> str:
    """Return the bare name of a function, which may be given as an ARN or with a qualifier."""
    given = call.params["FunctionName"]
    return given.split(":")[6] if given.startswith("arn:") else given.split(":")[0]


@on("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def put_function(call: Call, moto: Moto) -> Result:
    """Keep what moto forgets."""
    if role := call.params.get("Role"):
        usable_role(role, "lambda.amazonaws.com", "InvalidParameterValueException")
    answer = moto()
    kept = moto.memory("functions").setdefault(_name(call), {})
    kept.update({key: call.params[key] for key in FORGOTTEN if call.params.get(key) is not None})
    return answer | _as_asked(call, moto)


@on("lambda", "GetFunctionConfiguration")
def get_configuration(call: Call, moto: Moto) -> Result:
    """Add what moto forgot."""
    return moto() | _as_asked(call, moto)


@on("lambda", "GetFunction")
def get_function(call: Call, moto: Moto) -> Result:
    """Add what moto forgot."""
    answer = moto()
    return answer | {"Configuration": answer["Configuration"] | _as_asked(call, moto)}


@on("lambda", "DeleteFunction")
def delete_function(call: Call, moto: Moto) -> Result:
    """Forget it."""
    answer = moto()
    moto.memory("functions").pop(_name(call), None)
    return answer


def _as_asked(call: Call, moto: Moto) -> dict[str, Any]:
    kept = moto.memory("functions").get(_name(call), {})
    return {key: value for key, value in kept.items() if value}
