"""Application Auto Scaling: tags, and limits that leave room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hooks import on
from emulator.wire import Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call


@on("application-autoscaling", "RegisterScalableTarget")
def register_target(call: Call, moto: Moto) -> Result:
    """Keep the tags; refuse a minimum above the maximum."""
    low, high = call.params.get("MinCapacity"), call.params.get("MaxCapacity")
    if low is not None and high is not None and low > high:
        raise Refused("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    answer = moto()
    moto.memory("tags").setdefault(answer["ScalableTargetARN"], {}).update(call.params.get("Tags") or {})
    return answer


@on("application-autoscaling", "ListTagsForResource")
def list_tags(call: Call, moto: Moto) -> Result:
    """Return the tags of a target."""
    return {"Tags": _tags(call, moto)}


@on("application-autoscaling", "TagResource")
def tag(call: Call, moto: Moto) -> Result:
    """Add tags, or change their values."""
    _tags(call, moto).update(call.params["Tags"])
    return {}


@on("application-autoscaling", "UntagResource")
def untag(call: Call, moto: Moto) -> Result:
    """Take tags away."""
    for key in call.params["TagKeys"]:
        _tags(call, moto).pop(key, None)
    return {}


def _tags(call: Call, moto: Moto) -> dict[str, str]:
    arn = call.params["ResourceARN"]
    if arn not in moto.memory("tags"):
        raise Refused("ResourceNotFoundException", f"there is no {arn}")
    return moto.memory("tags")[arn]
