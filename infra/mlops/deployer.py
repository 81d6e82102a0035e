"""`loopwright:deployer:Deployer`: makes the endpoint serve the newest approved model.

Children: a Lambda function with its log group and retries. Costs: next to nothing.
"""

from __future__ import annotations

import pulumi

from mlops.functions import HandlerArgs, function

__all__ = ["Deployer"]

TIMEOUT_SECONDS = 180


class Deployer(pulumi.ComponentResource):
    """The function that changes what the endpoint serves, and nothing else does."""

    function_arn: pulumi.Output[str]
    """ARN of the function."""

    def __init__(self, name: str, args: HandlerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:deployer:Deployer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.function_arn = function(name, "deployer", args, child, timeout_seconds=TIMEOUT_SECONDS).arn
        self.register_outputs({"function_arn": self.function_arn})
