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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from . import aws, history
from .history import reason_of
from .reports import latest, with_reports
from .retraining import REASONS, Decision, Execution, Policy, State, decide, token
from .variables import SettingsError, Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROLES = frozenset({"drift", "quality", "data"})
MOST_DATA_PAGES = 50
SCHEDULED = "schedule"
"""What the contract's cron schedule says when it wakes the controller."""


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
    def of(cls, variables: Variables) -> Self:
        """Read all variables.

        Raises:
            SettingsError: One is missing or cannot be meant.
        """
        alarms = variables.texts("ALARMS", dict)
        if "data" not in alarms or not set(alarms) <= ROLES:
            raise SettingsError("the environment variable ALARMS needs data, and may have drift and quality")
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


def _policy(variables: Variables) -> Policy:
    number = (int, float)
    kinds: dict[str, tuple[type, ...]] = {
        "schedule_days": (*number, type(None)),
        "max_age_days": (*number, type(None)),
        "windows_days": (list,),
        "cooldown_hours": number,
        "max_per_month": (int,),
        "monthly_usd": number,
        "new_data": (bool,),
        "approval": (str,),
    }
    given = variables.fields("POLICY", kinds)
    windows = given.pop("windows_days")
    if odd := [name for name in ("schedule_days", "max_age_days") if given[name] == 0]:
        raise SettingsError(f"the environment variable POLICY cannot have {odd[0]} = 0; null is never")
    if not windows or any(type(days) is not int or days < 1 for days in windows):
        raise SettingsError("the environment variable POLICY needs windows_days, a list of whole days")
    return Policy(**given, windows_days=tuple(windows))


def read(settings: Settings, *, manual: bool, scheduled: bool = False) -> State:
    """Read the world; what cannot be read is said, and the rest is read nevertheless."""
    readers: dict[str, Callable[[Settings], Mapping[str, Any]]] = {
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
            found |= reader(settings)
        except (*aws.FAULTS, LookupError, TypeError, ValueError) as error:
            unreadable.append(f"{name}: {aws.code(error)}: {error}")
    return State(**found, unreadable=tuple(unreadable), manual=manual, scheduled=scheduled)


def _read_pause(settings: Settings) -> dict[str, bool]:
    said = aws.client("ssm").get_parameter(Name=settings.pause)["Parameter"]["Value"]
    if said not in {"true", "false"}:
        raise aws.UnreadableError(f"{settings.pause} must be true or false")
    return {"paused": said == "true"}


def _read_alarms(settings: Settings) -> dict[str, Any]:
    found = aws.alarms(tuple(settings.alarms.values()))
    states = {role: found[name]["StateValue"] for role, name in settings.alarms.items()}
    changed = {role: found[name].get("StateTransitionedTimestamp") for role, name in settings.alarms.items()}
    since = {f"{role}_since": changed.get(role) for role in ("quality", "drift")}
    return {"alarms": states} | {name: time and time.astimezone(UTC) for name, time in since.items()}


def _read_executions(settings: Settings) -> dict[str, tuple[Execution, ...]]:
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
            reason=reason_of(each.get("PipelineExecutionDisplayName", ""), REASONS),
        )
        for each in found
    )
    ordered = sorted(executions, key=lambda each: each.started, reverse=True)
    return {"executions": with_reports(ordered, settings.teller.bucket)}


def _read_spend(settings: Settings) -> dict[str, float]:
    budget = aws.client("budgets").describe_budget(AccountId=settings.account, BudgetName=settings.budget)["Budget"]
    spend = budget["CalculatedSpend"]["ActualSpend"]
    if budget["TimeUnit"] != "MONTHLY" or spend["Unit"] != "USD":
        raise aws.UnreadableError(f"the budget {settings.budget} is not one of USD a month")
    if not math.isfinite(amount := float(spend["Amount"])):
        raise aws.UnreadableError(f"the budget {settings.budget} says {spend['Amount']}")
    return {"spend_usd": amount}


def _read_champion(settings: Settings) -> dict[str, str | None]:
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
    return {"champion": str(newest["ModelPackageArn"]) if newest else None}


def _read_newest_data(settings: Settings) -> dict[str, datetime | None]:
    objects = _data(settings) if settings.policy.new_data else []
    return {"newest_data": max((each["LastModified"].astimezone(UTC) for each in objects), default=None)}


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
    return Settings.of(Variables(os.environ))


def handler(event: Any, context: Any) -> Any:
    """Decide once, whatever the event was: only what a person or the contract's clock says is itself a reason."""
    with aws.awake("controller", context) as wake:
        known, said = settings(), event if isinstance(event, dict) else {}
        state = read(known, manual=said.get("reason") == "manual", scheduled=said.get("reason") == SCHEDULED)
        decided = decide(state, known.policy, wake.now)
        decision, outcome = decided, ""
        if decided.start:
            decision, outcome = start(known, state, decided, wake.now)
        probe = latest(state.executions)
        told = vars(decision) | {
            "outcome": outcome,
            "woken_by": aws.woken_by(event),
            "last_probe": probe,
            "decided": decided,
            "state": state,
            "policy": known.policy,
        }
        metrics = {
            "Retrainings": float(decision.start),
            "BudgetUsd": known.policy.monthly_usd,
            "ControllerHeartbeat": 1,
        }
        if state.executions or not state.unreadable:
            metrics["FailedRetrainings"] = float(history.broken(state.executions))
        if state.spend_usd is not None:
            metrics["SpendUsd"] = state.spend_usd
        if probe and probe.gain is not None:
            # Told again until the next one is known: a graph of it is a line of steps.
            metrics["ChallengerGain"] = probe.gain
        return known.teller.tell(wake, told, metrics)
