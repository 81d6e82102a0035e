"""Wake-ups of the handlers in tests: their variables, a world for each, and what they said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fakes import ACCOUNT, IMAGE, REGION, World
from handlers import controller, deployer

COMMON = {
    "PROJECT": "churn",
    "STACK": "dev",
    "ENDPOINT_NAME": "churn-dev",
    "MODEL_PACKAGE_GROUP": "churn-dev-models",
    "METRIC_NAMESPACE": "Loop/churn-dev",
    "RECORD_BUCKET": "artifacts",
    "RECORD_PREFIX": "decisions/",
    "TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:churn-dev-alerts",
}
CONTROLLER = COMMON | {
    "PIPELINE_NAME": "churn-dev-training",
    "ALARMS": {"drift": "churn-dev-drift", "quality": "churn-dev-quality", "data": "churn-dev-broken"},
    "POLICY": {
        "schedule_days": 7,
        "max_age_days": 60,
        "windows_days": [30, 60],
        "cooldown_hours": 24,
        "max_per_month": 8,
        "monthly_usd": 300,
        "new_data": False,
        "approval": "auto",
    },
    "BUDGET_NAME": "churn-dev-budget",
    "ACCOUNT_ID": ACCOUNT,
    "PAUSE_PARAMETER": "/churn/dev/paused",
    "DATA_BUCKET": "data",
    "DATA_PREFIX": "files/",
}
DEPLOYER = COMMON | {
    "SERVING_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/churn-dev-serving",
    "IMAGE": IMAGE,
    "ROLLOUT": {"strategy": "canary", "percent": 10, "bake_minutes": 30},
    "ROLLBACK_ALARMS": ["churn-dev-latency", "churn-dev-errors", "churn-dev-answers"],
    "NETWORK": "null",
    "ENVIRONMENT": {"LOG_LEVEL": "info"},
    "NAME_PREFIX": "churn-dev",
    "BASE_CONFIG": "churn-dev-base-00000000",
}


@dataclass(frozen=True)
class Context:
    aws_request_id: Any = "11111111-2222-3333-4444-555555555555"


def install(monkeypatch, module, environment):
    """Give a handler a world, its variables and the world's clock; return the world."""
    world = World()
    for name, value in environment.items():
        monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))
    monkeypatch.setattr(module.aws, "client", world.client)
    monkeypatch.setattr(module.aws, "clock", lambda: world.now)
    module.settings.cache_clear()
    return world


def retraining_world(monkeypatch):
    world = install(monkeypatch, controller, CONTROLLER)
    world.alarms = dict.fromkeys(CONTROLLER["ALARMS"].values(), "OK")
    return world


def serving_world(monkeypatch):
    world = install(monkeypatch, deployer, DEPLOYER)
    world.alarms = dict.fromkeys(DEPLOYER["ROLLBACK_ALARMS"], "OK")
    world.serve()
    return world


def wake_controller(event=None):
    return controller.handler({"source": "aws.scheduler"} if event is None else event, Context())


def wake_deployer(event=None):
    return deployer.handler({"source": "aws.sagemaker"} if event is None else event, Context())


def version(world):
    """Return the version that serves, as its container is told."""
    return world.serving["PrimaryContainer"].get("Environment", {}).get("MODEL_VERSION")


def released(world, number, **marks):
    """Register a version, and wake the deployer until it serves."""
    world.package(number, **marks)
    wake_deployer()
    world.arrive()
    wake_deployer()
    assert version(world) == str(number)


def lines(capsys):
    """Return what was logged: every line must be JSON."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
