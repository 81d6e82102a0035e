"""The controller: decides whether to retrain, from what is and not from what woke it.

Alarms, schedules and new data only wake it. It reads the state of the world, `decide` says in a pure function what
follows (`retraining.py`), and this shell around it starts at most one execution of the training pipeline. So a lost,
late or doubled event changes nothing, and drift that outlives a failed retraining is tried again at a later tick.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from . import aws
from .retraining import Decision, Execution, Policy, State, decide, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROLES = frozenset({"drift", "quality", "data"})
MOST_DATA_PAGES = 50


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says."""

    pipeline: str
    package_group: str
    alarms: Mapping[str, str]
    """Alarm names by role; no role for a trigger that is off."""
    policy: Policy
    budget: str
    account: str
    pause: str
    data_bucket: str
    data_prefix: str
    teller: aws.Teller

    @classmethod
    def of(cls, variables: aws.Variables) -> Self:
        """Read all variables.

        Raises:
            SettingsError: One is missing or cannot be meant.
        """
        alarms = variables.texts("ALARMS", dict)
        if "data" not in alarms or not set(alarms) <= ROLES:
            raise aws.SettingsError("the environment variable ALARMS needs data, and may have drift and quality")
        return cls(
            pipeline=variables.text("PIPELINE_NAME"),
            package_group=variables.text("MODEL_PACKAGE_GROUP"),
            alarms=alarms,
            policy=_policy(variables),
            budget=variables.text("BUDGET_NAME"),
            account=variables.text("ACCOUNT_ID"),
            pause=variables.text("PAUSE_PARAMETER"),
            data_bucket=variables.text("DATA_BUCKET"),
            data_prefix=variables.text("DATA_PREFIX"),
            teller=aws.Teller.of("controller", variables),
        )


def _policy(variables: aws.Variables) -> Policy:
    number = (int, float)
    kinds: dict[str, tuple[type, ...]] = {
        "schedule_days": (*number, type(None)),
        "windows_days": (list,),
        "cooldown_hours": number,
        "max_per_month": (int,),
        "monthly_usd": number,
        "new_data": (bool,),
        "approval": (str,),
    }
    given = variables.fields("POLICY", kinds)
    windows = given.pop("windows_days")
    if given["schedule_days"] == 0:
        raise aws.SettingsError("the environment variable POLICY cannot have schedule_days = 0; null is never")
    if not windows or any(type(days) is not int or days < 1 for days in windows):
        raise aws.SettingsError("the environment variable POLICY needs windows_days, a list of whole days")
    return Policy(**given, windows_days=tuple(windows))


def read(settings: Settings, *, manual: bool) -> State:
    """Read the world; what cannot be read is said, and the rest is read nevertheless."""
    readers: dict[str, Callable[[Settings], Any]] = {
        "paused": _read_pause,
        "alarms": _read_alarms,
        "executions": _read_executions,
        "spend_usd": _read_spend,
        "champion": _read_champion,
        "newest_data": _read_newest_data,
    }
    found: dict[str, Any] = {}
    unreadable = []
    for name, reader in readers.items():
        try:
            found[name] = reader(settings)
        except (*aws.FAULTS, LookupError, TypeError, ValueError) as error:
            unreadable.append(f"{name}: {aws.code(error)}: {error}")
    return State(**found, unreadable=tuple(unreadable), manual=manual)


def _read_pause(settings: Settings) -> bool:
    said = aws.client("ssm").get_parameter(Name=settings.pause)["Parameter"]["Value"]
    if said not in {"true", "false"}:
        raise aws.UnreadableError(f"{settings.pause} must be true or false")
    return bool(said == "true")


def _read_alarms(settings: Settings) -> dict[str, str]:
    states = aws.alarm_states(tuple(settings.alarms.values()))
    return {role: states[name] for role, name in settings.alarms.items()}


def _read_executions(settings: Settings) -> tuple[Execution, ...]:
    found = aws.pages(
        aws.client("sagemaker").list_pipeline_executions,
        "PipelineExecutionSummaries",
        PipelineName=settings.pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=100,
    )
    executions = (
        Execution(
            arn=each["PipelineExecutionArn"],
            status=each["PipelineExecutionStatus"],
            started=each["StartTime"].astimezone(UTC),
        )
        for each in found
    )
    return tuple(sorted(executions, key=lambda each: each.started, reverse=True))


def _read_spend(settings: Settings) -> float:
    budget = aws.client("budgets").describe_budget(AccountId=settings.account, BudgetName=settings.budget)["Budget"]
    spend = budget["CalculatedSpend"]["ActualSpend"]
    if budget["TimeUnit"] != "MONTHLY" or spend["Unit"] != "USD":
        raise aws.UnreadableError(f"the budget {settings.budget} is not one of USD a month")
    if not math.isfinite(amount := float(spend["Amount"])):
        raise aws.UnreadableError(f"the budget {settings.budget} says {spend['Amount']}")
    return amount


def _read_champion(settings: Settings) -> str | None:
    approved = aws.pages(
        aws.client("sagemaker").list_model_packages,
        "ModelPackageSummaryList",
        ModelPackageGroupName=settings.package_group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=100,
    )
    newest = max(approved, key=lambda each: each["ModelPackageVersion"], default=None)
    return str(newest["ModelPackageArn"]) if newest else None


def _read_newest_data(settings: Settings) -> datetime | None:
    if not settings.policy.new_data:
        return None
    return max((each["LastModified"].astimezone(UTC) for each in _data(settings)), default=None)


def _data(settings: Settings) -> list[dict[str, Any]]:
    listing = {"Bucket": settings.data_bucket, "Prefix": settings.data_prefix}
    tokens = ("NextContinuationToken", "ContinuationToken")
    found = list(
        aws.pages(aws.client("s3").list_objects_v2, "Contents", limit=MOST_DATA_PAGES, tokens=tokens, **listing)
    )
    if len(found) >= MOST_DATA_PAGES * 1000:
        # They come by name, not by age: the newest may be among the rest.
        raise aws.UnreadableError("there are too many objects of data to list; write fewer and larger files")
    return found


def data_version(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return a name for what the objects hold: it changes when one comes, goes, or gets another content."""
    listed = sorted(f"{each['Key']} {each['ETag']} {each['Size']}" for each in objects)
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def start(settings: Settings, state: State, decision: Decision, now: datetime) -> tuple[Decision, str]:
    """Start the pipeline once; return what became of the decision, and the outcome in words."""
    try:
        # The same for every attempt of a day: a token must not come with other parameters the second time.
        parameters = {
            "Reason": decision.reason,
            "DataUntil": f"{now:%Y-%m-%d}",
            "DataVersion": data_version(_data(settings)),
            "WindowsDays": ",".join(map(str, settings.policy.windows_days)),
            "Champion": state.champion or "none",
        }
        if state.champion:
            parameters["ChampionUri"] = _artefact(state.champion)
        answer = aws.client("sagemaker").start_pipeline_execution(
            PipelineName=settings.pipeline,
            PipelineExecutionDisplayName=f"{decision.reason}-{now:%Y-%m-%d}",
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
            ClientRequestToken=token(settings.pipeline, state, now),
        )
    except (*aws.FAULTS, LookupError, TypeError) as error:
        if aws.code(error) == "ConflictException":
            return replace(decision, start=False), "an earlier wake-up started it already"
        # The next tick decides anew; a loop here would only meet the same refusal.
        page = f"retraining cannot start: {aws.code(error)}"
        return replace(decision, start=False, page=page), f"refused: {error}"
    return decision, str(answer["PipelineExecutionArn"])


def _artefact(package: str) -> str:
    """Return where the model of a package lies: the gates compare with it."""
    found = aws.client("sagemaker").describe_model_package(ModelPackageName=package)
    return str(found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])


@functools.cache
def settings() -> Settings:
    """Return the settings, read once."""
    return Settings.of(aws.Variables(os.environ))


def handler(event: Any, context: Any) -> Any:
    """Decide once, whatever the event was; only a person's `{"reason": "manual"}` is itself a reason."""
    with aws.awake("controller", context) as wake:
        known = settings()
        state = read(known, manual=isinstance(event, dict) and event.get("reason") == "manual")
        decision, outcome = decide(state, known.policy, wake.now), ""
        if decision.start:
            decision, outcome = start(known, state, decision, wake.now)
        told = asdict(decision) | {
            "outcome": outcome,
            "woken_by": aws.woken_by(event),
            "state": asdict(state),
            "policy": asdict(known.policy),
        }
        metrics = {
            "Retrainings": float(decision.start),
            "BudgetUsd": known.policy.monthly_usd,
            "ControllerHeartbeat": 1,
        }
        spend = {} if state.spend_usd is None else {"SpendUsd": state.spend_usd}
        known.teller.tell(wake, told, metrics | spend)
        return aws.plain(told)
