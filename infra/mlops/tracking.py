"""`loopwright:tracking:Tracking`: managed MLflow; only built when a stack asks for it.

Children: a serverless MLflow app, or a tracking server. Costs: the app by use, the server by the hour, day and night.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import sagemaker

if TYPE_CHECKING:
    from mlops.naming import Names
    from mlops.settings import StackSettings

__all__ = ["Tracking", "TrackingArgs"]


@dataclass(frozen=True, kw_only=True)
class TrackingArgs:
    """Inputs of `Tracking`."""

    names: Names
    """The stack's names."""
    settings: StackSettings
    """Says whether it is a serverless app or a server of its own."""
    role_arn: pulumi.Input[str]
    """Role that reads and writes the artifacts."""
    uri: pulumi.Input[str]
    """`s3://` prefix of its artifacts."""


class Tracking(pulumi.ComponentResource):
    """Where runs are tracked."""

    arn: pulumi.Output[str]
    """What `MLFLOW_TRACKING_URI` is set to; the plug-in sagemaker-mlflow knows the form."""

    def __init__(self, name: str, args: TrackingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:tracking:Tracking", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.settings.tracking == "app":
            app = sagemaker.MlflowApp(
                f"{name}-app",
                name=args.names.of("mlflow"),
                role_arn=args.role_arn,
                artifact_store_uri=args.uri,
                model_registration_mode="AutoModelRegistrationDisabled",  # our gates register, nobody else
                opts=child,
            )
            self.arn = app.arn
        else:
            server = sagemaker.MlflowTrackingServer(
                f"{name}-server",
                tracking_server_name=args.names.of("mlflow"),
                tracking_server_size="Small",
                role_arn=args.role_arn,
                artifact_store_uri=args.uri,
                automatic_model_registration=False,
                opts=child,
            )
            self.arn = server.arn
        self.register_outputs({"arn": self.arn})
