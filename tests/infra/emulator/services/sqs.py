"""SQS: policies and redrive policies are kept as they were written; moto writes them again in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hooks import on
from emulator.policy import statements

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

DOCUMENTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")


def _name(call: Call) -> str:
    return call.params.get("QueueName") or call.params["QueueUrl"].rpartition("/")[2]


@on("sqs", "CreateQueue", "SetQueueAttributes")
def put_attributes(call: Call, moto: Moto) -> Result:
    """Keep the documents as they are written; a policy must name people who exist."""
    attributes = call.params.get("Attributes") or {}
    if attributes.get("Policy"):
        statements(attributes["Policy"], "InvalidAttributeValue")
    answer = moto()
    kept = moto.memory("documents").setdefault(_name(call), {})
    kept.update({key: attributes[key] for key in DOCUMENTS if key in attributes})
    return answer


@on("sqs", "GetQueueAttributes")
def get_attributes(call: Call, moto: Moto) -> Result:
    """Return the documents as they were written."""
    attributes = moto().get("Attributes", {})
    kept = moto.memory("documents").get(_name(call), {})
    return {"Attributes": attributes | {key: text for key, text in kept.items() if key in attributes}}


@on("sqs", "DeleteQueue")
def delete_queue(call: Call, moto: Moto) -> Result:
    """Forget its documents."""
    answer = moto()
    moto.memory("documents").pop(_name(call), None)
    return answer
