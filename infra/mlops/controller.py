"""`loopwright:controller:Controller`: decides when to retrain.

Children: a Lambda function with its log group and retries, and the switch that pauses it. Costs: next to nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pulumi
from pulumi_aws import ssm

from mlops.functions import HandlerArgs, function

__all__ = ["Controller"]

TIMEOUT_SECONDS = 120


class Controller(pulumi.ComponentResource):
    """The function that starts retraining, and nothing else does."""

    function_arn: pulumi.Output[str]
    """ARN of the function."""

    def __init__(self, name: str, args: HandlerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:controller:Controller", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        switch = ssm.Parameter(
            f"{name}-paused",
            name=args.names.parameter("paused"),
            type="String",
            insecure_value="false",  # no secret: a plan shall show it
            allowed_pattern="^(true|false)$",
            description="true stops all retraining until a person sets it back",
            # Whoever is on call sets it by hand; an update of the stack leaves it as it is.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["insecureValue"]),
        )
        handed = replace(args, variables={**args.variables, "PAUSE_PARAMETER": switch.name})
        made = function(name, "controller", handed, child, timeout_seconds=TIMEOUT_SECONDS)
        self.function_arn = made.arn
        self.register_outputs({"function_arn": self.function_arn})
