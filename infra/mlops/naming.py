"""Physical names and ARNs: pure, explicit, and short enough for every service.

A name is PROJECT-STACK-ROLE. Projects hold single hyphens, stacks and roles hold none, so that two projects and two
stacks of one account never meet in one name. What AWS names itself (KMS keys, VPCs) has no ARN here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LONGEST_PROJECT", "LONGEST_STACK", "Names"]

LONGEST_PROJECT = 24
LONGEST_STACK = 10


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one stack."""

    project: str
    stack: str
    partition: str
    """`aws`, `aws-cn` or `aws-us-gov`."""
    account: str
    """Twelve digits."""
    region: str

    @property
    def prefix(self) -> str:
        """What every name of the stack begins with; also the endpoint's name, at most 35 characters."""
        return f"{self.project}-{self.stack}"

    @property
    def variant(self) -> str:
        """The one production variant of the endpoint."""
        return "live"

    @property
    def serving_dimensions(self) -> dict[str, str]:
        """The dimensions of what SageMaker measures of the endpoint."""
        return {"EndpointName": self.prefix, "VariantName": self.variant}

    @property
    def namespace(self) -> str:
        """CloudWatch namespace of the loop's own metrics."""
        return f"Loop/{self.prefix}"

    @property
    def dimensions(self) -> dict[str, str]:
        """The one dimension of the loop's own metrics."""
        return {"Endpoint": self.prefix}

    def of(self, role: str) -> str:
        """Return the name of the thing with this role in the stack; a role is one word."""
        return f"{self.prefix}-{role}"

    def bucket(self, role: str) -> str:
        """Return a bucket's name; the account keeps it apart from everyone else's in the world (63 at most)."""
        return f"{self.prefix}-{role}-{self.account}"

    def parameter(self, role: str) -> str:
        """Return the name of a parameter in Parameter Store."""
        return f"/{self.project}/{self.stack}/{role}"

    def log_group(self, handler: str) -> str:
        """Return the log group of a Lambda function."""
        return f"/aws/lambda/{self.of(handler)}"

    @property
    def endpoint_log_group(self) -> str:
        """The log group that SageMaker writes the endpoint's output to."""
        return f"/aws/sagemaker/Endpoints/{self.prefix}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def bucket_arn(self, role: str) -> str:
        """Return a bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.bucket(role)}"

    def role_arn(self, duty: str) -> str:
        """Return a role's ARN."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.of(duty)}"

    def alarm_arn(self, role: str) -> str:
        """Return an alarm's ARN."""
        return self.arn("cloudwatch", f"alarm:{self.of(role)}")

    def function_arn(self, handler: str) -> str:
        """Return a Lambda function's ARN."""
        return self.arn("lambda", f"function:{self.of(handler)}")

    def pipeline_arn(self, role: str) -> str:
        """Return a SageMaker pipeline's ARN."""
        return self.arn("sagemaker", f"pipeline/{self.of(role)}")
