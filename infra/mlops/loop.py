"""From the contract and the stack's settings to what the components are given: plain values, no resources."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pulumi
import yaml

from mlops import triggers
from mlops.alarms import ROLLBACK, WAKING, Limits
from mlops.environment import Environment, Placement
from mlops.functions import HandlerArgs
from mlops.identity import Duty
from mlops.patterns import patterns
from mlops.pipelines import source
from mlops.pipelines.compiled import Jobs
from mlops.pipelines.stages import stages
from mlops.policies import roles
from mlops.settings import ROOT, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml.contract import Contract
    from mlops.naming import Names
    from mlops.settings import StackSettings

__all__ = [
    "duties",
    "environment",
    "feature_columns",
    "feature_event",
    "handler",
    "jobs",
    "limits",
    "retraining",
    "rollout",
    "row_days",
    "schedules",
    "spread",
    "told",
    "wakes",
]

DATA_PREFIX, RECORD_PREFIX = "data/", "decisions/"
AUTO_DAYS = 7
"""`triggers.schedule: auto`, until a backtest has put its own interval into loop.yaml. Where labels land later than
that it is their delay: a champion that has no labelled answers yet cannot be compared with anything."""
LABEL_DAYS = 35
"""So long rows are kept after their labels were due: for late labels, and for the probe."""
UNITS = {"m": ("minute", 60), "h": ("hour", 3600), "d": ("day", 86_400)}

Text = pulumi.Input[str]


def duties(names: Names, settings: StackSettings) -> dict[str, Duty]:
    """Return the duties of the stack; one that no component has is no role."""
    record = {"record_prefix": RECORD_PREFIX}
    found = {
        "training": Duty(service="sagemaker", policy=roles.training(names)),
        "monitoring": Duty(service="sagemaker", policy=roles.monitoring(names)),
        "serving": Duty(service="sagemaker", policy=roles.serving(names)),
        "pipeline": Duty(service="sagemaker", policy=roles.pipeline(names)),
        "controller": Duty(service="lambda", policy=roles.controller(names, data_prefix=DATA_PREFIX, **record)),
        "deployer": Duty(service="lambda", policy=roles.deployer(names, **record)),
        "scheduler": Duty(service="scheduler", policy=roles.scheduler(names)),
    }
    if settings.tracking != "none":
        found["tracking"] = Duty(service="sagemaker", policy=roles.tracking(names))
    if settings.feature_store != "none":
        found["features"] = Duty(service="sagemaker", policy=roles.features(names))
    return found


def environment(
    settings: StackSettings, repository_url: Text, *, placement: Placement | None, tracking: Text | None
) -> Environment:
    """Return the one environment: image by digest, variables, place."""
    if settings.network == "existing":
        placement = Placement(subnet_ids=settings.subnet_ids, security_group_ids=settings.security_group_ids)
    variables: dict[str, Text] = {"MLFLOW_DISABLE_TELEMETRY": "true"}
    if tracking:
        variables["MLFLOW_TRACKING_URI"] = tracking
    image = pulumi.Output.concat(repository_url, "@", settings.image_digest or "")
    return Environment(image=image, variables=variables, placement=placement)


def jobs(
    environment: Environment, key_arn: Text, data_bucket: Text, artifacts_bucket: Text, labelled_uri: Text
) -> Callable[[Text], Jobs]:
    """Return a function from a role to what all jobs under that role have in common.

    Raises:
        pulumi.RunError: The compiled pipelines are stale.
    """
    common = partial(
        Jobs,
        compiled=_compiled(),
        environment=environment,
        key_arn=key_arn,
        data_uri=pulumi.Output.concat("s3://", data_bucket, f"/{DATA_PREFIX}"),
        artifacts_bucket=artifacts_bucket,
        labelled_uri=labelled_uri,
        tracked="MLFLOW_TRACKING_URI" in environment.variables,
    )
    return lambda role_arn: common(role_arn=role_arn)


def row_days(contract: Contract) -> int:
    """Return how many days the rows that were answered are kept for their labels."""
    return math.ceil(contract.quality.label_delay_days) + LABEL_DAYS


def spread() -> bool:
    """Tell whether a stage trains on several machines.

    Raises:
        pulumi.RunError: The compiled pipelines are stale.
    """
    steps = _compiled()["training"]["Steps"]
    jobs = [*steps, *(inner for step in steps for inner in step["Arguments"].get("IfSteps", ()))]
    return any(job["Arguments"].get("ResourceConfig", {}).get("InstanceCount", 1) > 1 for job in jobs)


def handler(
    names: Names, settings: StackSettings, *, key_arn: Text, queue_arn: Text
) -> Callable[[Text, Mapping[str, Any]], HandlerArgs]:
    """Return a function from a role and variables to what a handler is given."""
    common = partial(HandlerArgs, names=names, key_arn=key_arn, queue_arn=queue_arn, log_days=settings.log_days)
    return lambda role_arn, variables: common(role_arn=role_arn, variables=variables)


def limits(contract: Contract) -> Limits:
    """Return what the alarms call too much.

    Raises:
        pulumi.RunError: CloudWatch cannot watch it so.
    """
    rollback, drift = contract.rollout.rollback, contract.drift
    try:
        return Limits(
            drift=contract.triggers.drift == "wake",
            quality=contract.triggers.quality,
            drift_datapoints=drift.datapoints,
            drift_periods=drift.periods,
            every_seconds=_seconds(drift.every),
            cusum_limit=contract.quality.cusum_limit,
            max_broken=contract.quality.max_broken,
            p99_ms=rollback.p99_ms,
            error_rate=rollback.error_rate,
            min_requests=rollback.min_requests,
            monthly_usd=contract.budget.monthly_usd,
        )
    except ValueError as error:
        raise refused("the drift alarm cannot be made", str(error), "fewer periods, or a shorter interval") from error


def feature_event() -> str:
    """Return what marks the monitor's log lines about single features."""
    from ml.signals import FEATURE_EVENT  # noqa: PLC0415 - found once the contract is loaded

    return FEATURE_EVENT


def told(names: Names, artifacts_bucket: Text, topic_arn: Text) -> dict[str, Any]:
    """Return the variables of both handlers: who they are, and where they tell what they decided."""
    return {
        "PROJECT": names.project,
        "STACK": names.stack,
        "ENDPOINT_NAME": names.prefix,
        "METRIC_NAMESPACE": names.namespace,
        "RECORD_BUCKET": artifacts_bucket,
        "RECORD_PREFIX": RECORD_PREFIX,
        "TOPIC_ARN": topic_arn,
    }


def retraining(contract: Contract, account: str, alarm_names: Mapping[str, Text]) -> dict[str, Any]:
    """Return what the controller decides by."""
    policy = {
        "schedule_days": _schedule_days(contract.triggers.schedule, contract.quality.label_delay_days),
        "max_age_days": contract.retraining.max_age_days,
        "windows_days": list(contract.retraining.windows_days),
        "cooldown_hours": contract.retraining.cooldown_hours,
        "max_per_month": contract.retraining.max_per_month,
        "monthly_usd": contract.budget.monthly_usd,
        "new_data": contract.triggers.new_data,
        "approval": contract.approval,
    }
    words = {"broken": "data"}  # what the controller calls it
    alarms = {words.get(role, role): alarm_names[role] for role in WAKING if role in alarm_names}
    return {"POLICY": policy, "ALARMS": alarms, "ACCOUNT_ID": account, "DATA_PREFIX": DATA_PREFIX}


def rollout(contract: Contract, environment: Environment, alarm_names: Mapping[str, Text]) -> dict[str, Any]:
    """Return how the deployer rolls out."""
    fields = {"strategy", "percent", "bake_minutes"}
    return {
        "ROLLOUT": contract.rollout.model_dump(include=fields),
        "ROLLBACK_ALARMS": [alarm_names[role] for role in ROLLBACK],
        "IMAGE": environment.image,
        "ENVIRONMENT": dict(environment.variables),
        "NETWORK": environment.vpc_config().get("VpcConfig"),
    }


def wakes(names: Names, contract: Contract, controller_arn: Text, deployer_arn: Text) -> dict[str, triggers.Wake]:
    """Return which events wake which handler."""
    wanted = [
        role
        for role, on in (("drift", contract.triggers.drift == "wake"), ("quality", contract.triggers.quality))
        if on
    ]
    found = patterns(
        names,
        alarms=[names.of(role) for role in wanted],
        data_prefix=DATA_PREFIX if contract.triggers.new_data else None,
    )
    arns = {"controller": controller_arn, "deployer": deployer_arn}
    return {role: triggers.Wake(function_arn=arns[role], patterns=rules) for role, rules in found.items()}


def schedules(
    contract: Contract, controller_arn: Text, deployer_arn: Text, monitor_arn: Text
) -> dict[str, triggers.Schedule]:
    """Return what happens again and again: the monitor, and an hourly look of both handlers at the world."""
    tick = {"reason": "tick"}
    found = {
        "monitoring": triggers.Schedule(expression=_rate(contract.drift.every), target_arn=monitor_arn),
        "recheck": triggers.Schedule(expression=triggers.RECHECK, target_arn=controller_arn, payload=tick),
        "redeploy": triggers.Schedule(expression=triggers.RECHECK, target_arn=deployer_arn, payload=tick),
    }
    if contract.triggers.schedule.startswith("cron("):
        scheduled = {"reason": "schedule"}
        found["retraining"] = triggers.Schedule(
            expression=contract.triggers.schedule, target_arn=controller_arn, payload=scheduled
        )
    return found


def feature_columns(contract: Contract) -> dict[str, Any]:
    """Return the columns of the feature group, what names a record, and its time.

    Raises:
        pulumi.RunError: Rows have no entity or no time, and a feature store needs both.
    """
    if contract.entity is None or contract.time_column is None:
        because = "a feature store finds a record by its entity and its time, and loop.yaml names none"
        raise refused("there can be no feature store", because, "name both in loop.yaml, or set featureStore to none")
    from ml.schema import SCHEMA  # noqa: PLC0415 - polars and pandera are for this option alone
    from mlops.features import feature_type  # noqa: PLC0415

    columns = {
        name: feature_type(str(column.dtype)) for name, column in SCHEMA.columns.items() if name != contract.target
    }
    return {"columns": columns, "identifier": contract.entity, "event_time": contract.time_column}


@cache
def _compiled() -> dict[str, dict[str, Any]]:
    """Return the compiled pipelines by name, before a stack's values are in them.

    Raises:
        pulumi.RunError: They are not what `dvc.yaml` says now, or a stage says too little for AWS.
    """
    try:
        found = stages(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8")))
        return {name: source.load(name, found) for name in ("training", "monitor")}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise refused("the pipelines of dvc.yaml cannot be used", str(error), "make compile, and commit it") from error


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * UNITS[duration[-1]][1]


def _rate(duration: str) -> str:
    """Return `1d` as Scheduler writes it: `rate(1 day)`."""
    number, (unit, _) = int(duration[:-1]), UNITS[duration[-1]]
    return f"rate({number} {unit}{'s' if number > 1 else ''})"


def _schedule_days(schedule: str, label_delay_days: float) -> float | None:
    """Return the days between scheduled retrainings; None where a cron expression or nobody says when.

    Raises:
        pulumi.RunError: The rate cannot be read.
    """
    if schedule == "auto":
        return max(AUTO_DAYS, label_delay_days)
    if not schedule.startswith("rate("):
        return None
    number, _, unit = schedule.removeprefix("rate(").removesuffix(")").partition(" ")
    seconds = dict(UNITS.values()).get(unit.rstrip("s"))
    if not number.isdigit() or seconds is None:
        raise refused(f"triggers.schedule {schedule!r} cannot be read", "a rate is a number and a unit", "rate(7 days)")
    return int(number) * seconds / 86_400
