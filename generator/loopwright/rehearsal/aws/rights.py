"""Who may do what: a call is refused unless the caller's role allows it, as the graph declares both.

"Policy evaluation logic" (IAM User Guide) within one account: what no policy allows is denied, and a denial counts more
than what allows. What a call needs of IAM is the wiring's table. "Permissions for using SSE-KMS" (Amazon S3 User Guide:
"Protecting data with server-side encryption using AWS KMS keys") and "Key management" (Amazon SNS Developer Guide): who
reads, writes or publishes what is encrypted with a key of the stack needs the key too, which its own policy grants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore import xform_name

from loopwright.rehearsal.aws.permits import role_uses
from loopwright.rehearsal.aws.requests import refused, unknown
from loopwright.wiring.alarms import KEY_USE
from loopwright.wiring.iam import allowed
from loopwright.wiring.needs import CALLS, Need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.exceptions import ClientError

    from loopwright.graph.model import Node
    from loopwright.rehearsal.aws.requests import Request
    from loopwright.wiring.stack import Stack

__all__ = ["Rights"]

ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
KEYS = {"s3:GetObject": ("kms:Decrypt",), "s3:PutObject": ("kms:GenerateDataKey",), "sns:Publish": KEY_USE}
"""What of its key an action on what is encrypted uses."""
CODES = {"cloudwatch": "AccessDenied", "s3": "AccessDenied", "sns": "AuthorizationError"}
"""How a service calls a denial; the others say AccessDeniedException."""
REMEMBERED = 4096
"""How many answers are remembered."""


class Rights:
    """What the roles of a stack may do; the stack does not change meanwhile.

    Args:
        stack: The stack.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._policies: dict[str, list[dict[str, Any]]] = {}
        self._known: dict[tuple[str, str, str, frozenset[tuple[str, str]]], bool] = {}

    def check(self, role: Node, service: str, operation: str, request: Request) -> ClientError | None:
        """Return the error that a role's call ends with; None where the role may make it.

        Args:
            role: Who calls.
            service: The service, as boto3 calls it.
            operation: The operation, as the service or as boto3 calls it.
            request: Its arguments.

        Raises:
            UnknownError: The wiring does not know what the call needs.
        """
        if (service, xform_name(operation)) not in CALLS:
            raise unknown(f"what {service}.{operation} needs of IAM")
        try:
            needs = list(self._needs(service, operation, request))
        except (AttributeError, KeyError):
            # It does not say what it is about: botocore does not send such a call.
            return None
        return next((self._denied(role, service, operation, need) for need in needs if not self._may(role, need)), None)

    def missing(self, role: Node, error: ClientError, request: Request) -> ClientError:
        """Return how S3 says to a role that an object is not there.

        To who may not list the bucket it says that this is forbidden ("GetObject" and "HeadObject").
        """
        need = Need(action="s3:ListBucket", resource=f"arn:aws:s3:::{request['Bucket']}")
        absent = error.response["Error"]["Code"] in {"NoSuchKey", "404"}
        return self._denied(role, "s3", error.operation_name, need) if absent and not self._may(role, need) else error

    def _needs(self, service: str, operation: str, request: Request) -> Iterator[Need]:
        for action, kind in CALLS[service, xform_name(operation)]:
            resource = RESOURCES[kind](self._stack, request)
            yield Need(action=action, resource=resource, context=_context(kind, request))
            yield from (
                Need(action=used, resource=self._stack.arn(key))
                for used in KEYS.get(action, ())
                for key in self._keys(kind, request)
            )

    def _keys(self, kind: str, request: Request) -> Iterator[Node]:
        """Yield the stack's key that an object or a topic is encrypted with."""
        given: list[Any] = []
        if kind == "topic" and (topic := self._stack.at(request.get("TopicArn"), "topic")):
            given = [self._stack.inputs(topic).get("kmsMasterKeyId")]
        if kind == "object":
            bucket = self._stack.at(request["Bucket"], "bucket")
            configured = map(self._stack.inputs, self._stack.graph.of_type(ENCRYPTION))
            mine = [each for each in configured if self._stack.at(each.get("bucket"), "bucket") is bucket]
            rules = [rule for each in mine for rule in each.get("rules", [])]
            given = [rule.get("applyServerSideEncryptionByDefault", {}).get("kmsMasterKeyId") for rule in rules]
        yield from (key for each in given if (key := self._stack.at(each, "key")))

    def _may(self, role: Node, need: Need) -> bool:
        known = (role.id, need.action, need.resource, frozenset(need.context.items()))
        if known not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[known] = self._allowed(role, need)
        return self._known[known]

    def _allowed(self, role: Node, need: Need) -> bool:
        if need.action.startswith("kms:"):
            key = self._stack.at(need.resource, "key")
            return key is not None and role_uses(self._stack, key, role, need.action)
        if role.id not in self._policies:
            self._policies[role.id] = self._stack.policy(role)
        context = {**self._stack.context, **need.context}
        return allowed(self._policies[role.id], need.action, need.resource, context)

    def _denied(self, role: Node, service: str, operation: str, need: Need) -> ClientError:
        account, name = self._stack.context["aws:SourceAccount"], self._stack.name(role)
        who = f"arn:aws:sts::{account}:assumed-role/{name}/rehearsal"
        said = f"User: {who} is not authorized to perform: {need.action} on resource: {need.resource}"
        name = "".join(word.capitalize() for word in operation.split("_")) if "_" in operation else operation
        # An answer to HEAD has no body, and so no code but the status.
        code = "403" if name == "HeadObject" else CODES.get(service, "AccessDeniedException")
        return refused(name, code, said)


def _context(kind: str, request: Request) -> Mapping[str, str]:
    """Return the condition keys that a call has beside those of every call."""
    if kind == "bucket":
        return {"s3:prefix": request["Prefix"]} if "Prefix" in request else {}
    if kind == "namespace":
        return {"cloudwatch:namespace": request["Namespace"]}
    return {"iam:PassedToService": "sagemaker.amazonaws.com"} if kind == "serving-role" else {}


def _named(kind: str, member: str) -> Callable[[Stack, Request], str]:
    """Return the ARN of a resource of SageMaker; a call may name it by its ARN too."""

    def found(stack: Stack, request: Request) -> str:
        name = request[member]
        return name if name.startswith("arn:") else _arn(stack, "sagemaker", f"{kind}/{name}")

    return found


def _arn(stack: Stack, service: str, resource: str) -> str:
    return f"arn:aws:{service}:{stack.region}:{stack.context['aws:SourceAccount']}:{resource}"


def _pipeline(stack: Stack, request: Request) -> str:
    return _arn(stack, "sagemaker", f"pipeline/{request['PipelineName'].rpartition('/')[2].lower()}")


def _package(stack: Stack, request: Request) -> str:
    if group := request.get("ModelPackageGroupName"):
        return _arn(stack, "sagemaker", f"model-package/{group}/1")
    name = request.get("ModelPackageArn") or request["ModelPackageName"]
    return str(name) if name.startswith("arn:") else _arn(stack, "sagemaker", f"model-package/{name}")


RESOURCES: Mapping[str, Callable[[Stack, Request], str]] = {
    "*": lambda _stack, _request: "*",
    "alarms": lambda stack, _: _arn(stack, "cloudwatch", "alarm:*"),
    "any-config": _named("endpoint-config", "EndpointConfigName"),
    "bucket": lambda _, request: f"arn:aws:s3:::{request['Bucket']}",
    "budget": lambda _, request: f"arn:aws:budgets::{request['AccountId']}:budget/{request['BudgetName']}",
    "endpoint": _named("endpoint", "EndpointName"),
    "endpoint-config": _named("endpoint-config", "EndpointConfigName"),
    "execution": lambda _, request: request["PipelineExecutionArn"],
    "model": _named("model", "ModelName"),
    "namespace": lambda _stack, _request: "*",
    "object": lambda _, request: f"arn:aws:s3:::{request['Bucket']}/{request['Key']}",
    "package": _package,
    "parameter": lambda stack, request: _arn(stack, "ssm", f"parameter/{request['Name'].removeprefix('/')}"),
    "pipeline": _pipeline,
    "serving-role": lambda _, request: request["ExecutionRoleArn"],
    "topic": lambda _, request: request["TopicArn"],
}
"""By the wiring's word for it, the ARN of what a call is about."""
