"""EventBridge: schedules of rules are read, patterns are patterns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator import schedules
from emulator.hooks import on
from emulator.wire import Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

MATCHERS = {
    *("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard"),
}


@on("events", "PutRule")
def put_rule(call: Call, moto: Moto) -> Result:
    """Refuse an expression or a pattern that EventBridge could not read."""
    if expression := call.params.get("ScheduleExpression"):
        schedules.check(expression, once=False)
    if pattern := call.params.get("EventPattern"):
        try:
            _check(json.loads(pattern), "")
        except ValueError as error:
            raise Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from error
    return moto()


def _check(pattern: Any, path: str) -> None:
    """Raise ValueError where a pattern is not objects down to lists of values and matchers."""
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError(f"{path or 'the pattern'} is not an object with members")
    for key, value in pattern.items():
        here = f"{path}.{key}".lstrip(".")
        if key == "$or":
            for branch in value:
                _check(branch, here)
        elif isinstance(value, list) and value:
            for entry in value:
                _check_entry(entry, here)
        elif isinstance(value, list):
            raise ValueError(f"{here} is an empty list")
        else:
            _check(value, here)


def _check_entry(entry: Any, path: str) -> None:
    if isinstance(entry, list) or (isinstance(entry, dict) and (len(entry) != 1 or not {*entry} <= MATCHERS)):
        raise ValueError(f"{path} has {json.dumps(entry)}, which is neither a value nor a known matcher")
