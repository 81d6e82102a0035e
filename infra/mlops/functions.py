"""A Lambda function of the loop, with everything around it; `controller.py` and `deployer.py` are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import cloudwatch, lambda_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.naming import Names

__all__ = ["HandlerArgs", "function"]

HANDLERS = Path(__file__).parent / "handlers"
RUNTIME = "python3.13"
EVENT_AGE_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class HandlerArgs:
    """Inputs of `Controller` and `Deployer`."""

    names: Names
    """The stack's names."""
    role_arn: pulumi.Input[str]
    """Its role."""
    key_arn: pulumi.Input[str]
    """Key of its variables and logs."""
    queue_arn: pulumi.Input[str]
    """Queue that keeps what it could not do."""
    log_days: int
    """Days that its log is kept."""
    variables: Mapping[str, Any]
    """Environment variables; what is no text is handed over as JSON."""


def function(
    name: str, handler: str, args: HandlerArgs, child: pulumi.ResourceOptions, *, timeout_seconds: int
) -> lambda_.Function:
    """Make a log group, a function that runs once at a time, and how often a wake-up is tried again.

    Args:
        name: What the children's names begin with.
        handler: Module in `handlers/`; also the function's role in its name.
        args: What it needs.
        child: Options of the children.
        timeout_seconds: How long it may run.
    """
    logs = cloudwatch.LogGroup(
        f"{name}-logs",
        name=args.names.log_group(handler),
        retention_in_days=args.log_days,
        kms_key_id=args.key_arn,
        opts=child,
    )
    made = lambda_.Function(
        f"{name}-function",
        name=args.names.of(handler),
        runtime=RUNTIME,
        handler=f"handlers.{handler}.handler",
        code=_code(),
        role=args.role_arn,
        timeout=timeout_seconds,
        memory_size=256,
        architectures=["arm64"],
        reserved_concurrent_executions=1,  # it reads the world and acts on it: two at once would act twice
        kms_key_arn=args.key_arn,
        dead_letter_config={"target_arn": args.queue_arn},
        tracing_config={"mode": "Active"},
        environment={"variables": {key: _text(value) for key, value in args.variables.items()}},
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[logs])),
    )
    lambda_.FunctionEventInvokeConfig(
        f"{name}-retries",
        function_name=made.name,
        maximum_event_age_in_seconds=EVENT_AGE_SECONDS,
        maximum_retry_attempts=2,
        opts=child,
    )
    return made


def _code() -> pulumi.AssetArchive:
    files = sorted(HANDLERS.glob("*.py"))
    return pulumi.AssetArchive({f"handlers/{file.name}": pulumi.FileAsset(str(file)) for file in files})


def _text(value: Any) -> pulumi.Input[str]:
    return value if isinstance(value, str | pulumi.Output) else pulumi.Output.json_dumps(value, sort_keys=True)
