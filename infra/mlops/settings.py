"""The stack's settings: what `Pulumi.<stack>.yaml` may say, as one frozen type.

A value that cannot be meant ends the program with a `pulumi.RunError` that says what, because, try. The numbers of the
loop are not here: they stand in `loop.yaml` and are read by the same code as everywhere else.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from mlops.naming import LONGEST_STACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.contract import Contract

__all__ = ["ROOT", "StackSettings", "load_contract", "load_settings", "refused"]

ROOT = Path(__file__).parents[2]
STACK = re.compile(rf"[a-z][a-z0-9]{{0,{LONGEST_STACK - 1}}}")
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


Count = Annotated[int, Field(ge=1, le=100)]
Id = Annotated[int, Field(ge=1)]


class StackSettings(BaseModel):
    """What makes one stack differ from another; `Pulumi.yaml` describes each field."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    owner: str | None = None
    image_digest: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")] | None = None
    serving: Literal["realtime", "serverless"] = "realtime"
    serving_instance: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")] = "ml.m5.large"
    serving_count: Count = 1
    serving_maximum: Count = 2
    serverless_memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    serverless_concurrency: Annotated[int, Field(ge=1, le=200)] = 5
    capture_percent: Annotated[int, Field(ge=1, le=100)] = 100
    capture_days: Annotated[int, Field(ge=1, le=3650)] = 60
    log_days: int = 365
    keep_data: bool = True
    network: Literal["none", "create", "existing"] = "none"
    network_cidr: str = "10.60.0.0/16"
    subnet_ids: tuple[Annotated[str, Field(pattern="^subnet-[0-9a-f]+$")], ...] = ()
    security_group_ids: tuple[Annotated[str, Field(pattern="^sg-[0-9a-f]+$")], ...] = ()
    tracking: Literal["none", "app", "server"] = "none"
    feature_store: Literal["none", "sagemaker"] = "none"
    notifications: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")], ...] = ()
    github: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")] | None = None
    github_owner_id: Id | None = None
    github_repository_id: Id | None = None
    github_provider: Literal["create", "existing"] = "existing"

    @property
    def scales(self) -> bool:
        """Whether the endpoint may grow by itself."""
        return self.serving == "realtime" and self.serving_maximum > self.serving_count

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.log_days not in LOG_DAYS:
            raise ValueError(f"logDays: CloudWatch keeps logs for {', '.join(map(str, LOG_DAYS))} days")
        if self.serving_maximum < self.serving_count:
            raise ValueError("servingMaximum: it cannot be less than servingCount")
        if (self.network == "existing") != bool(self.subnet_ids and self.security_group_ids):
            raise ValueError(
                "subnetIds, securityGroupIds: network existing needs both, any other network takes neither"
            )
        if self.serving == "serverless" and self.network != "none":
            raise ValueError("network: a serverless endpoint runs in no VPC; take none, or serving realtime")
        if self.github and not (self.github_owner_id and self.github_repository_id):
            raise ValueError("githubOwnerId, githubRepositoryId: since July 2026 GitHub names both ids in its tokens")
        if (prefix := ipaddress.ip_network(self.network_cidr).prefixlen) > 24:  # noqa: PLR2004 - room for two subnets
            raise ValueError(f"networkCidr: /{prefix} has no room for two subnets; take /24 or larger")
        return self


def load_settings(project: str, stack: str) -> StackSettings:
    """Return the settings of the running stack.

    Raises:
        pulumi.RunError: The stack's name or one of its settings cannot be used.
    """
    if not STACK.fullmatch(stack):
        raise refused(
            f"the stack cannot be named {stack!r}",
            f"every name on AWS holds it: at most {LONGEST_STACK} lower-case letters and digits, a letter first",
            "dev, staging or prod",
        )
    given = _given(project)
    known = {to_camel(name) for name in StackSettings.model_fields}
    for key in sorted(set(given) - known):
        near = difflib.get_close_matches(key, known, n=1)
        attempt = f"{project}:{near[0]}" if near else "one of the keys of Pulumi.yaml"
        raise refused(f"the setting {project}:{key} is unknown", "Pulumi.yaml does not list it", attempt)
    try:
        return StackSettings.model_validate(given)
    except ValidationError as error:
        reasons = "; ".join(_reason(project, problem) for problem in error.errors())
        attempt = f"pulumi config set -s {stack} KEY VALUE; Pulumi.yaml says what each may hold"
        raise refused(f"the settings of the stack {stack} cannot be used", reasons, attempt) from error


def load_contract(project: str) -> Contract:
    """Return `loop.yaml`, validated.

    Raises:
        pulumi.RunError: It cannot be used, or belongs to another project.
    """
    sys.path.append(str(ROOT))  # the repository's own package, which is not installed
    from ml.contract import load  # noqa: PLC0415
    from ml.errors import LoopError  # noqa: PLC0415

    try:
        contract = load(ROOT / "loop.yaml")
    except LoopError as error:
        raise pulumi.RunError(str(error)) from error
    if contract.project != project:
        because = f"Pulumi.yaml says {project!r} and loop.yaml says {contract.project!r}"
        raise refused("the project has two names", because, "give both files the same one")
    return contract


def _given(project: str) -> dict[str, Any]:
    """Return every setting under the project's own namespace, and the region."""
    texts: Mapping[str, str] = get_config_env() | CONFIG.get()
    mine = {key.removeprefix(f"{project}:"): text for key, text in texts.items() if key.startswith(f"{project}:")}
    told = {key: _parsed(key, text) for key, text in mine.items() if text != ""}  # an empty text is no answer
    return told | {"region": texts.get("aws:region", "")}


def _parsed(key: str, text: str) -> Any:
    """Return a value as YAML had it: the engine hands lists, numbers and booleans over as JSON text."""
    field = next((f for name, f in StackSettings.model_fields.items() if to_camel(name) == key), None)
    if field is None or field.annotation is str or not re.match(r"[\[\d]|true$|false$", text):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reason(project: str, problem: Any) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    key = ".".join(map(str, problem["loc"]))
    place = "aws:region" if key == "region" else f"{project}:{key}"
    return f"{place}: {reason}" if key else f"{project}: {reason}"


def refused(what: str, because: str, attempt: str) -> pulumi.RunError:
    """Return the error that ends the program: what, because, try."""
    return pulumi.RunError(f"{what}\n  because: {because}\n  try: {attempt}")
