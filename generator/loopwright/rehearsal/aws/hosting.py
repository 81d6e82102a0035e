"""Models and endpoint configurations, as SageMaker keeps them: made once, never changed, deleted by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.requests import Answer, Request, invalid, listed, operation, unknown

if TYPE_CHECKING:
    from loopwright.rehearsal.aws.source import Source

__all__ = ["Hosting"]

_LISTED = ("NameContains", "SortBy", "SortOrder", "MaxResults", "NextToken")


@dataclass(frozen=True, kw_only=True)
class _Kind:
    key: str
    arn: str
    path: str
    words: str


_MODEL = _Kind(key="ModelName", arn="ModelArn", path="model", words="model")
_CONFIG = _Kind(
    key="EndpointConfigName", arn="EndpointConfigArn", path="endpoint-config", words="endpoint configuration"
)


class Hosting:
    """The models and endpoint configurations of an account.

    What is described is what was asked for, with an ARN and the time (API reference: "CreateModel",
    "CreateEndpointConfig" and their descriptions). A configuration in use may be deleted, against AWS's advice
    ("DeleteEndpointConfig"). The words of the refusals are those that infrastructure tools match on
    (terraform-provider-aws, ``endpoint_configuration.go``); the reference gives codes alone.

    Args:
        source: Names and times.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[str, dict[str, Answer]] = {_MODEL.key: {}, _CONFIG.key: {}}

    @operation(
        "CreateModel",
        "ModelName",
        "PrimaryContainer",
        "ExecutionRoleArn",
        "VpcConfig",
        "EnableNetworkIsolation",
        "Tags",
    )
    def create_model(self, request: Request) -> Answer:
        """Keep a model; its name must be new."""
        return self._make("CreateModel", _MODEL, request)

    @operation("DescribeModel", "ModelName")
    def describe_model(self, request: Request) -> Answer:
        """Return a model as it was asked for."""
        return self._find("DescribeModel", _MODEL, request)

    @operation("ListModels", *_LISTED)
    def list_models(self, request: Request) -> Answer:
        """Return a page of models whose names contain something."""
        return self._list("ListModels", _MODEL, request)

    @operation("DeleteModel", "ModelName")
    def delete_model(self, request: Request) -> None:
        """Delete a model; what serves it goes on."""
        self._find("DeleteModel", _MODEL, request)
        del self._made[_MODEL.key][request[_MODEL.key]]

    @operation(
        "CreateEndpointConfig",
        *("EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "KmsKeyId", "ExecutionRoleArn"),
        *("VpcConfig", "EnableNetworkIsolation", "MetricsConfig", "Tags"),
    )
    def create_endpoint_config(self, request: Request) -> Answer:
        """Keep a configuration of one variant; its name must be new, and its model must exist."""
        (variant, *others) = request["ProductionVariants"]
        if others or "ModelName" not in variant or not {"InitialInstanceCount", "ServerlessConfig"} & set(variant):
            raise unknown("a configuration of anything but one variant, with a model and its own instances or none")
        self._find("CreateEndpointConfig", _MODEL, variant)
        return self._make("CreateEndpointConfig", _CONFIG, request)

    @operation("DescribeEndpointConfig", "EndpointConfigName")
    def describe_endpoint_config(self, request: Request) -> Answer:
        """Return a configuration as it was asked for."""
        return self._find("DescribeEndpointConfig", _CONFIG, request)

    @operation("ListEndpointConfigs", *_LISTED)
    def list_endpoint_configs(self, request: Request) -> Answer:
        """Return a page of configurations whose names contain something."""
        return self._list("ListEndpointConfigs", _CONFIG, request)

    @operation("DeleteEndpointConfig", "EndpointConfigName")
    def delete_endpoint_config(self, request: Request) -> None:
        """Delete a configuration; an endpoint that has it goes on."""
        self._find("DeleteEndpointConfig", _CONFIG, request)
        del self._made[_CONFIG.key][request[_CONFIG.key]]

    def config(self, name: str, asked: str) -> Answer:
        """Return a configuration for the operation that asked for it.

        Raises:
            ClientError: There is none.
        """
        return self._find(asked, _CONFIG, {_CONFIG.key: name})

    def _arn(self, kind: _Kind, name: str) -> str:
        return self._source.arn(f"{kind.path}/{name.lower()}")

    def _make(self, asked: str, kind: _Kind, request: Request) -> Answer:
        name, made = request[kind.key], self._made[kind.key]
        arn = self._arn(kind, name)
        if name in made:
            raise invalid(asked, f'Cannot create already existing {kind.words} "{arn}".')
        kept = {key: value for key, value in request.items() if key != "Tags"}
        made[name] = {kind.arn: arn, "CreationTime": self._source.clock.now, **kept}
        return {kind.arn: arn}

    def _find(self, asked: str, kind: _Kind, request: Request) -> Answer:
        name = request[kind.key]
        if name not in self._made[kind.key]:
            raise invalid(asked, f'Could not find {kind.words} "{self._arn(kind, name)}".')
        return self._made[kind.key][name]

    def _list(self, asked: str, kind: _Kind, request: Request) -> Answer:
        fit = [
            {key: made[key] for key in (kind.key, kind.arn, "CreationTime")}
            for name, made in self._made[kind.key].items()
            if request.get("NameContains", "") in name
        ]
        found, more = listed(asked, fit, request, order="Descending")
        return {asked.removeprefix("List"): found, **more}
