"""Every call that the handlers can make, and what each needs of IAM: what their roles grant equals this, both ways."""

from __future__ import annotations

import json

import pytest
from fakes import refused
from rights import CALLS, GRANTED, LAMBDA, needed
from wakeups import (
    CONTROLLER,
    controller,
    retraining_world,
    serving_world,
    wake_controller,
    wake_deployer,
)

from loopwright.wiring.iam import allowed

TELL = {
    *("s3.list_objects_v2", "s3.put_object", "sns.publish"),
    *("cloudwatch.put_metric_data", "cloudwatch.describe_alarms", "sagemaker.list_model_packages"),
}
CALLED = {
    "controller": TELL
    | {"ssm.get_parameter", "budgets.describe_budget", "s3.get_object"}
    | {f"sagemaker.{verb}_pipeline_execution{s}" for verb, s in (("list", "s"), ("start", ""))}
    | {"sagemaker.describe_model_package"},
    "deployer": TELL
    | {"s3.get_object", "s3.head_object", "sagemaker.describe_endpoint", "sagemaker.update_endpoint"}
    | {f"sagemaker.{verb}_{kind}" for verb in ("create", "describe", "delete") for kind in ("model", "endpoint_config")}
    | {f"sagemaker.list_{kind}s" for kind in ("model", "endpoint_config")}
    | {"sagemaker.describe_model_package", "sagemaker.update_model_package"},
}


def calls_of_the_controller(patch):
    world = retraining_world(patch)
    patch.setenv("POLICY", json.dumps(CONTROLLER["POLICY"] | {"new_data": True, "schedule_days": 1}))
    controller.settings.cache_clear()
    world.package(1)
    world.probed(world.execution("Succeeded", days=9), go=False)
    assert wake_controller()["start"]
    world.parameter = "neither"
    assert wake_controller()["page"]
    return world.calls


def calls_of_the_deployer(patch):
    world = serving_world(patch)
    for number in range(1, 8):
        world.package(number)
        world.store(f"artifacts/models/{number}/model.tar.gz", b"model %d" % number, checksum=False)
        wake_deployer()
        world.arrive()
        wake_deployer()
    world.failing["create_model"] = refused("ResourceLimitExceeded")
    world.package(8)
    assert wake_deployer()["page"]
    return world.calls


@pytest.fixture(params=["controller", "deployer"])
def recorded(request, monkeypatch):
    """Return a handler's name, and all calls of a life in which it makes each of its calls."""
    play = {"controller": calls_of_the_controller, "deployer": calls_of_the_deployer}[request.param]
    return request.param, play(monkeypatch)


def test_they_call_exactly_this(recorded):
    word, calls = recorded
    assert {f"{service}.{operation}" for service, operation, _ in calls} == CALLED[word]


def test_their_roles_grant_exactly_this(recorded):
    """Each call is allowed on what it names; each statement is there for a call, and so is each of its actions."""
    word, calls = recorded
    asked = [
        (action, place(request), needed(request))
        for service, operation, request in calls
        for action, place in CALLS[f"{service}.{operation}"]
    ]
    statements = GRANTED[word]["Statement"]
    refused = [(action, arn) for action, arn, context in asked if not allowed(statements, action, arn, context)]
    assert refused == []
    for statement in statements:
        used = {action for action, arn, context in asked if allowed([statement], action, arn, context)}
        assert used == set(statement["Action"]) - LAMBDA, statement["Sid"]


def test_a_resource_of_another_stack_is_refused(recorded):
    """The same calls under the role of another stack: none that names something of this one is allowed."""
    word, calls = recorded
    text = (
        json.dumps(GRANTED[word]["Statement"]).replace("churn-dev", "churn-prod").replace("/churn/dev", "/churn/prod")
    )
    for service, operation, request in calls:
        for action, place in CALLS[f"{service}.{operation}"]:
            arn = place(request)
            if arn != "*" and not arn.endswith(":alarm:*"):
                assert not allowed(json.loads(text), action, arn, needed(request)), (action, arn)
