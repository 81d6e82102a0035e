"""Budgets: tags, and the subscribers of notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.hooks import on
from emulator.wire import Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

Key = tuple[str, str, float, str]


def _key(notification: dict[str, Any]) -> Key:
    kind = notification.get("ThresholdType", "PERCENTAGE")
    return notification["NotificationType"], notification["ComparisonOperator"], notification["Threshold"], kind


def _subscribers(call: Call, moto: Moto, budget: str) -> dict[Key, list[dict[str, str]]]:
    return moto.memory("subscribers").setdefault(budget, {})


@on("budgets", "CreateBudget")
def create_budget(call: Call, moto: Moto) -> Result:
    """Keep the subscribers and the tags."""
    name = call.params["Budget"]["BudgetName"]
    answer = moto()
    for given in call.params.get("NotificationsWithSubscribers") or []:
        _subscribers(call, moto, name)[_key(given["Notification"])] = given["Subscribers"]
    moto.memory("tags")[name] = call.params.get("ResourceTags") or []
    return answer


@on("budgets", "CreateNotification")
def create_notification(call: Call, moto: Moto) -> Result:
    """Keep the subscribers."""
    answer = moto()
    _subscribers(call, moto, call.params["BudgetName"])[_key(call.params["Notification"])] = call.params["Subscribers"]
    return answer


@on("budgets", "DeleteNotification")
def delete_notification(call: Call, moto: Moto) -> Result:
    """Forget the subscribers."""
    answer = moto()
    _subscribers(call, moto, call.params["BudgetName"]).pop(_key(call.params["Notification"]), None)
    return answer


@on("budgets", "DescribeSubscribersForNotification")
def describe_subscribers(call: Call, moto: Moto) -> Result:
    """Return whom a notification goes to."""
    found = _subscribers(call, moto, call.params["BudgetName"]).get(_key(call.params["Notification"]))
    if found is None:
        raise Refused("NotFoundException", "there is no such notification")
    return {"Subscribers": found}


@on("budgets", "DeleteBudget")
def delete_budget(call: Call, moto: Moto) -> Result:
    """Forget it."""
    answer = moto()
    moto.memory("subscribers").pop(call.params["BudgetName"], None)
    moto.memory("tags").pop(call.params["BudgetName"], None)
    return answer


@on("budgets", "ListTagsForResource")
def list_tags(call: Call, moto: Moto) -> Result:
    """Return the tags that a budget was made with."""
    return {"ResourceTags": moto.memory("tags").get(call.params["ResourceARN"].rpartition("/")[2], [])}
