"""SNS: a topic's policy must name people who exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hooks import on
from emulator.policy import statements

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call


@on("sns", "CreateTopic", "SetTopicAttributes")
def put_policy(call: Call, moto: Moto) -> Result:
    """Refuse a policy that names somebody who does not exist."""
    attributes = call.params.get("Attributes") or {call.params.get("AttributeName"): call.params.get("AttributeValue")}
    if attributes.get("Policy"):
        statements(attributes["Policy"], "InvalidParameter")
    return moto()
