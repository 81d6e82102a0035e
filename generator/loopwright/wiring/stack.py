"""A graph as the proof reads it: resolved texts, parsed documents, and what is known by which name."""

from __future__ import annotations

import json
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from loopwright.branches import placed
from loopwright.graph.arns import ACCOUNT, PARTITION, arn, physical_name, resolve
from loopwright.wiring.iam import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loopwright.graph.model import Node, ResourceGraph
    from loopwright.wiring.sources import Sources

__all__ = ["ACCOUNT_ID", "KINDS", "Stack"]

ACCOUNT_ID = "123456789012"
"""Stands for the account: every physical name is as long as it will be, and no token is left in it."""
KINDS = {
    "alarm": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "bucket": "aws:s3/bucket:Bucket",
    "budget": "aws:budgets/budget:Budget",
    "endpoint": "aws:sagemaker/endpoint:Endpoint",
    "endpoint-config": "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "function": "aws:lambda/function:Function",
    "key": "aws:kms/key:Key",
    "log-filter": "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "log-group": "aws:cloudwatch/logGroup:LogGroup",
    "model": "aws:sagemaker/model:Model",
    "model-package-group": "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
    "parameter": "aws:ssm/parameter:Parameter",
    "permission": "aws:lambda/permission:Permission",
    "pipeline": "aws:sagemaker/pipeline:Pipeline",
    "queue": "aws:sqs/queue:Queue",
    "repository": "aws:ecr/repository:Repository",
    "role": "aws:iam/role:Role",
    "role-policy": "aws:iam/rolePolicy:RolePolicy",
    "rule": "aws:cloudwatch/eventRule:EventRule",
    "schedule": "aws:scheduler/schedule:Schedule",
    "target": "aws:cloudwatch/eventTarget:EventTarget",
    "topic": "aws:sns/topic:Topic",
}


class Stack:
    """One stack's graph beside the project's sources; everything is computed once.

    Args:
        graph: The graph, with tokens.
        sources: The project's own files.
    """

    def __init__(self, graph: ResourceGraph, sources: Sources) -> None:
        self.graph, self.sources = graph, sources
        self.proven: Counter[str] = Counter()
        """How many of what the rules looked at."""
        self._texts: dict[str, str] = {}
        self._plain: dict[str, dict[str, Any]] = {}
        self._named: dict[str, dict[str, Node]] = {}

    def text(self, value: str) -> str:
        """Return a text with every reference replaced whose value is known."""
        if "<<" not in value:
            return value
        if value not in self._texts:
            known = resolve(self.graph, value)
            self._texts[value] = known.replace(str(ACCOUNT), ACCOUNT_ID).replace(str(PARTITION), "aws")
        return self._texts[value]

    def deep(self, value: Any) -> Any:
        """Return a JSON value with every text in it resolved."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.deep(item) for item in value]
        return {key: self.deep(item) for key, item in value.items()} if isinstance(value, dict) else value

    def inputs(self, node: Node) -> dict[str, Any]:
        """Return a node's inputs, resolved; the code of functions is left out."""
        if node.id not in self._plain:
            self._plain[node.id] = self.deep({name: value for name, value in node.inputs.items() if name != "code"})
        return self._plain[node.id]

    def json(self, node: Node, name: str) -> Any:
        """Return an input that holds JSON; None where it does not."""
        return parsed(self.inputs(node).get(name))

    def of(self, kind: str) -> tuple[Node, ...]:
        """Return the nodes of one of ``KINDS``."""
        return self.graph.of_type(KINDS[kind])

    def name(self, node: Node) -> str:
        """Return the physical name of a node, resolved; its own name where AWS makes one up."""
        return self.text(physical_name(node) or node.name)

    def named(self, kind: str) -> dict[str, Node]:
        """Return the nodes of a kind by their physical names."""
        if kind not in self._named:
            self._named[kind] = {self.name(node): node for node in self.of(kind)}
        return self._named[kind]

    @cached_property
    def arns(self) -> dict[str, Node]:
        """Every ARN that AWS will build from a physical name, and its node."""
        found = ((arn(node, self.graph.region(node)), node) for node in self.graph.resources())
        return {self.text(text): node for text, node in found if text}

    def arn(self, node: Node) -> str:
        """Return the ARN of a node; a token where only AWS knows it."""
        return self.text(arn(node, self.graph.region(node)) or str(node.to("arn")))

    def at(self, value: Any, kind: str) -> Node | None:
        """Return the node of a kind that a value names, by ARN, physical name or queue URL."""
        if not isinstance(value, str):
            return None
        found = self.arns.get(value) or self.named(kind).get(value) or self.named(kind).get(value.rsplit("/", 1)[-1])
        if found is None and value.startswith("<<ref:/"):
            found = self.graph.nodes.get(value.removeprefix("<<ref:/").partition("#")[0])
        return found if found is not None and found.type == KINDS[kind] else None

    @cached_property
    def region(self) -> str:
        """The stack's region."""
        return self.graph.config.get("aws:region", "")

    @cached_property
    def contract(self) -> dict[str, Any]:
        """``loop.yaml``, as far as it is a mapping."""
        path = self.sources.project / "loop.yaml"
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found if isinstance(found, dict) else {}

    def agreed(self, *keys: str) -> Any:
        """Return what the contract says under these keys; None where it says nothing."""
        found: Any = self.contract
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @cached_property
    def functions(self) -> dict[str, Node]:
        """The functions by the module of their handler: ``controller``, ``deployer``."""
        found = ((str(self.inputs(node).get("handler", "")).split("."), node) for node in self.of("function"))
        return {words[-2] if len(words) > 1 else words[0]: node for words, node in found}

    def variables(self, word: str) -> Mapping[str, str]:
        """Return the environment variables of a function, resolved; none where there is no such function."""
        node = self.functions.get(word)
        return self.variables_of(node) if node else {}

    def variables_of(self, node: Node) -> Mapping[str, str]:
        """Return the environment variables of a function, resolved."""
        found = (self.inputs(node).get("environment") or {}).get("variables") or {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def policy(self, role: Node) -> list[dict[str, Any]]:
        """Return all statements of a role's inline policies."""
        mine = [each for each in self.of("role-policy") if self.at(self.inputs(each).get("role"), "role") is role]
        return [statement for each in mine for statement in statements(self.json(each, "policy"))]

    @cached_property
    def context(self) -> dict[str, str]:
        """The condition keys that every call of the stack has a value for."""
        return {
            "aws:RequestedRegion": self.region,
            "aws:ResourceAccount": ACCOUNT_ID,
            "aws:SourceAccount": ACCOUNT_ID,
            "kms:CallerAccount": ACCOUNT_ID,
        }

    @cached_property
    def definitions(self) -> dict[str, tuple[Node, dict[str, Any]]]:
        """The pipelines whose definition is a JSON object, by physical name."""
        found = {name: (node, self.json(node, "pipelineDefinition")) for name, node in self.named("pipeline").items()}
        return {name: (node, body) for name, (node, body) in found.items() if isinstance(body, dict)}

    def steps(self, body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the steps of a definition behind their paths, those inside a condition too, in order."""
        yield from ((each.path, each.step) for each in placed(body.get("Steps"), "pipelineDefinition.Steps"))


def parsed(value: Any) -> Any:
    """Return what a text holds as JSON; None where it holds none."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
