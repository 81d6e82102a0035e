"""The monitor: it hears what the engine would hear."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2

from .answers import Answers, data_types, resource_types
from .refusal import Refused
from .values import decoded, plain

__all__ = ["Monitor"]

_STACK = "pulumi:pulumi:Stack"
_OPTIONS = {
    "deletedWith": "deletedWith",
    "importId": "import",
    "replaceOnChanges": "replaceOnChanges",
    "replace_with": "replaceWith",
    "retainOnDelete": "retainOnDelete",
}


class Monitor(mocks.MockMonitor):
    """Answer the program and keep what it registers."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(cast("mocks.Mocks", None))  # nothing is answered by mocks
        self.answers = answers
        self.nodes: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, Any] = {}
        self._ids: dict[str, str | None] = {}
        self._calls: dict[str, dict[str, str]] = {}
        """The names of data sources, by function, arguments and provider; without arguments the first is current."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the call
        """Keep a resource, a component or a provider, and answer its properties."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            self._ids[urn] = None
            return resource_pb2.RegisterResourceResponse(urn=urn)
        node = self._register(urn, request)
        if node["kind"] != "resource":
            return resource_pb2.RegisterResourceResponse(
                urn=urn, id=request.name if request.custom else "", object=request.object
            )
        fields = request.object.fields.items()
        given = {name: value.string_value if value.HasField("string_value") else None for name, value in fields}
        answers = self.answers.of(node["id"], {**resource_types(request.type), "id": str}, given, checked=False)
        # For what is not in the state the SDK takes the inputs: numbers, lists and maps come back as they went.
        state = Struct()
        state.update({name: value for name, value in answers.items() if name != "id"})
        return resource_pb2.RegisterResourceResponse(urn=urn, id=answers["id"], object=state)

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Keep a data source, once for the same arguments, and answer its properties."""
        args, provider = plain(request.args, request.tok, self.answers.whole), self._provider(request)
        # By number, because arguments may hold answers, and these differ between two evaluations.
        calls = self._calls.setdefault(request.tok, {})
        free = f"{len(calls) + 1}" if args or "current" in calls.values() else "current"
        name = calls.setdefault(json.dumps([args, provider], sort_keys=True), free)
        node = f"data:{request.tok}::{name}"
        self.nodes[node] = _node(node, "data", request.tok, name, inputs=args, provider=provider)
        state = Struct()
        state.CopyFrom(request.args)
        state.update(self.answers.of(node, data_types(request.tok), args, checked=True))
        return resource_pb2.ResourceInvokeResponse(**{"return": state})

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keep what the stack exports."""
        if self._known(request.urn) is None:
            self.outputs = plain(request.outputs, "outputs", self.answers.whole)
        return Empty()

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """Refuse: what exists already is not in the program."""
        if request.type == "pulumi:pulumi:StackReference":
            raise Refused(
                f"StackReference {request.name!r}: no other stack can be read; pass its value as configuration"
            )
        raise Refused(f"{request.type}.get({request.name!r}): what exists already cannot be read; use a data source")

    def Call(self, request: Any) -> Any:  # noqa: N802
        """Refuse: a method runs in its provider."""
        raise Refused(f"{request.tok}: a method of a resource cannot be called without its provider")

    def RegisterStackTransform(self, _request: Any) -> Any:  # noqa: N802
        """Refuse: only the engine runs it, so the graph would be another one."""
        raise Refused("transforms are run by the engine only: use a function of your own")

    RegisterStackInvokeTransform = RegisterStackTransform

    def _register(self, urn: str, request: Any) -> dict[str, Any]:
        node = f"{request.type}::{request.name}"
        if not re.fullmatch(r"[ !$-;=?-\[\]-~]+", request.name):
            raise Refused(f'{node}: a name is printable ASCII without < > # " and \\')
        if request.transforms:
            raise Refused(f"{node}: transforms are run by the engine only: use a function of your own")
        if node in self.nodes:
            raise Refused(f"there are two resources {node}: give one of them another name")
        self._ids[urn] = node
        inputs = plain(request.object, node, self.answers.whole)
        kind = "resource" if request.custom else "component"
        if request.type.startswith("pulumi:providers:"):
            kind, inputs = "provider", {name: decoded(value) for name, value in inputs.items() if name != "version"}
        self.nodes[node] = _node(node, kind, request.type, request.name, inputs=inputs) | {
            "parent": self._known(request.parent) if request.parent else None,
            "dependsOn": sorted({known for urn in request.dependencies if (known := self._known(urn))}),
            "protect": request.protect,
            "ignoreChanges": sorted(request.ignoreChanges),
            "provider": self._provider(request),
            **_options(request),
        }
        return self.nodes[node]

    def _known(self, urn: str) -> str | None:
        if urn not in self._ids:
            raise Refused(f"{urn}: this resource is not in the program")
        return self._ids[urn]

    def _provider(self, request: Any) -> str | None:
        return self._known(request.provider.rsplit("::", 1)[0]) if request.provider else None


def _node(node: str, kind: str, of: str, name: str, *, inputs: Any, provider: str | None = None) -> dict[str, Any]:
    empty: dict[str, Any] = {"parent": None, "dependsOn": [], "protect": False, "ignoreChanges": []}
    return {"id": node, "kind": kind, "type": of, "name": name, "inputs": inputs, "provider": provider, **empty}


def _options(request: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(request, field) for field, name in _OPTIONS.items()}
    found = {name: value if isinstance(value, str | bool) else sorted(value) for name, value in found.items()}
    found["hooks"] = request.hooks.ByteSize() > 0
    found["timeouts"] = {field.name: value for field, value in request.customTimeouts.ListFields()}
    # Classes declare the former names of their types themselves; any other alias is the program's.
    specs = [alias.spec.name or alias.urn or "?" for alias in request.aliases if not alias.spec.type]
    found["aliases"] = sorted([*specs, *request.aliasURNs])
    defined = {"deleteBeforeReplace": request.deleteBeforeReplace} if request.deleteBeforeReplaceDefined else {}
    return {name: value for name, value in found.items() if value} | defined
