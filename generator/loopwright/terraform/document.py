"""From the resource graph to one Terraform JSON document."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loopwright.errors import LoopwrightError
from loopwright.graph.model import text
from loopwright.terraform.archives import archive, file_bytes
from loopwright.terraform.expressions import Places
from loopwright.terraform.names import local, schema
from loopwright.terraform.texts import Texts, is_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.graph.model import Node, ResourceGraph
    from loopwright.terraform.names import Block, Field

__all__ = ["MADE", "REQUIRED_VERSION", "Document", "document"]

MADE = "Made by `loopwright export terraform`; change infra/ instead and export again."
"""The first words of a document that is ours."""
REQUIRED_VERSION = ">= 1.5.0, < 2.0.0"
_INJECTED = {"skipCredentialsValidation": False, "skipRegionValidation": True}
"""What Pulumi's SDK sets on a provider of its own accord."""
_OPTIONS = {"timeouts", "deleteBeforeReplace"}
"""What Terraform has too; deleting before replacing is what it does anyway."""
_FILES = {"aws_lambda_function": "filename", "aws_lambda_layer_version": "filename"}


@dataclass(frozen=True, kw_only=True)
class Document:
    """What is to be written."""

    content: Mapping[str, Any]
    archives: Mapping[str, bytes]
    """By path, beside the document."""


def document(graph: ResourceGraph) -> Document:
    """Return the document of a graph.

    Raises:
        LoopwrightError: Names all that Terraform cannot be told, at once.
    """
    writer = _Writer(graph)
    content = writer.content()
    if writer.texts.problems:
        raise LoopwrightError(
            f"stack {graph.stack} cannot be written for Terraform",
            because="\n    ".join(sorted(set(writer.texts.problems))),
            attempt="change these in infra/, or set what leaves them out in the stack's configuration",
        )
    return Document(content=content, archives=writer.archives)


class _Writer:
    def __init__(self, graph: ResourceGraph) -> None:
        self.graph, self.schema, self.archives = graph, schema(), dict[str, bytes]()
        self.places = Places(graph, self.schema)
        self.texts = Texts(graph=graph, places=self.places, problems=self.places.problems())
        used = {node.provider for node in graph if node.kind in {"resource", "data"}} or {None}
        self.default = None if None in used else min(used, key=str)
        self.used = [self.default, *sorted(used - {self.default}, key=str)]

    def content(self) -> dict[str, Any]:
        nodes = [node for node in self.graph if node.id in self.places]
        found: dict[str, Any] = {
            "//": f"{MADE} Project {self.graph.project}, stack {self.graph.stack}.",
            "terraform": {
                "required_version": REQUIRED_VERSION,
                "required_providers": {"aws": {"source": self.schema.source, "version": self.schema.version}},
            },
            "provider": {"aws": self._providers()},
            "resource": self._placed([node for node in nodes if node.kind == "resource"]),
            "output": self._outputs(),
        }
        found["data"] = self._placed([node for node in nodes if node.kind == "data"])
        for node in sorted(self.texts.implied):
            _, kind, name = self.places.address(node).split(".")
            found["data"].setdefault(kind, {})[name] = {}
        found["variable"] = self.texts.variables
        return {name: value for name, value in found.items() if value}

    def _placed(self, nodes: list[Node]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in nodes:
            *_, kind, name = self.places.address(node.id).split(".")
            found.setdefault(kind, {})[name] = self._node(node)
        return found

    def _node(self, node: Node) -> dict[str, Any]:
        self._forget()
        block = self.places.block(node.id)
        inputs = dict(node.inputs)
        own = block.find("region")
        if inputs.get("region") is not None and (own is None or own.computed):
            self._same_region(node, inputs.pop("region"))
        body = self._body(block, inputs, node.id)
        if node.provider != self.default:
            body["provider"] = self._alias(node.provider)
        if node.kind == "resource":
            needed = (
                other for other in node.depends_on if self.graph[other].kind == "resource" and other in self.places
            )
            kept = sorted(self.places.address(other) for other in needed if other not in self.texts.referred)
            body |= {"depends_on": kept} if kept else {}
            body |= self._lifecycle(node, block)
        if node.parent:
            body["//"] = self._belongs(node)
        return body

    def _forget(self) -> None:
        self.texts.referred, self.texts.sensitive = set(), False

    def _belongs(self, node: Node) -> str:
        names: list[str] = []
        parent = node.parent
        while parent:
            names.append(self.graph[parent].name)
            parent = self.graph[parent].parent
        return "/".join(reversed(names))

    def _same_region(self, node: Node, region: object) -> None:
        own = self.graph.region(replace(node, inputs={}))
        if region != own:
            self._problem(f"{node.id}: it is in {region}, its provider in {own}: give it a provider of its own")

    # Providers.

    def _providers(self) -> list[dict[str, Any]] | dict[str, Any]:
        bodies = [self._provider(name) for name in self.used]
        return bodies[0] if len(bodies) == 1 else bodies

    def _provider(self, name: str | None) -> dict[str, Any]:
        if name is None:
            config = {key: value for key, value in self.graph.config.items() if key.startswith("aws:")}
            inputs = {
                key.removeprefix("aws:"): json.loads(value) if is_json(value) else value
                for key, value in config.items()
            }
        else:
            given = self.graph[name].inputs
            inputs = {key: value for key, value in given.items() if _INJECTED.get(key) != value or value is None}
        body = self._body(self.schema.provider, inputs, name or "the configuration of the provider")
        return body if name == self.default else {"alias": self._alias(name).removeprefix("aws."), **body}

    def _alias(self, name: str | None) -> str:
        return f"aws.{local(self.graph[name].name) if name else 'default'}"

    # Bodies.

    def _body(self, block: Block, inputs: Mapping[str, Any], where: str) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for key, value in inputs.items():
            field = block.find(key)
            if isinstance(value, dict) and ("__archive__" in value or "__asset__" in value):
                body |= self._file(block.path, value, f"{where}: {key}")
            elif field is None:
                self._problem(
                    f"{where}: {key} is not among the provider's attributes (AWS provider {self.schema.version})"
                )
            elif field.computed or field.name in body:
                self._problem(f"{where}: {key} cannot be set, or is set twice")
            elif value is not None:
                body[field.name] = self._field(field, value, f"{where}: {key}")
        return body

    def _field(self, field: Field, value: Any, where: str) -> Any:
        block = field.block
        if block is None:
            return self._typed(field.type, value, where)
        if isinstance(value, str) and not field.is_block and _is_one_mark(value):
            return self.texts.write(value, where)
        if field.nesting == "map" and isinstance(value, dict):
            return {
                self.texts.write(key, where): self._object(field, block, item, where) for key, item in value.items()
            }
        if isinstance(value, list) and field.nesting in {"list", "set"}:
            return [self._object(field, block, item, f"{where}[{index}]") for index, item in enumerate(value)]
        found = self._object(field, block, value, where)
        # Pulumi writes a list of one without the list; blocks may stay so, attributes may not.
        return found if field.is_block or field.nesting == "single" else [found]

    def _object(self, field: Field, block: Block, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._problem(f"{where}: an object is needed here, and it is {type(value).__name__}")
            return {}
        empty = dict.fromkeys(block.names) if field.is_whole else {}
        return {**empty, **self._body(block, value, where)}

    def _typed(self, kind: Any, value: Any, where: str) -> Any:
        if isinstance(value, str) and (isinstance(kind, str) or _is_one_mark(value)):
            return self.texts.write(value, where)
        if isinstance(kind, list) and kind[0] in {"list", "set"} and isinstance(value, list):
            return [self._typed(kind[1], item, f"{where}[{index}]") for index, item in enumerate(value)]
        if isinstance(kind, list) and kind[0] == "map" and isinstance(value, dict):
            return {
                self.texts.write(key, where): self._typed(kind[1], item, f"{where}.{key}")
                for key, item in value.items()
            }
        if kind == "string" and isinstance(value, dict):  # Pulumi takes a document for its JSON
            return self.texts.write(json.dumps(value), where)
        if isinstance(kind, str) and not isinstance(value, list | dict):
            return value
        self._problem(
            f"{where}: {kind if isinstance(kind, str) else kind[0]} is needed, and it is {type(value).__name__}"
        )
        return None

    def _file(self, kind: str, value: Mapping[str, Any], where: str) -> dict[str, Any]:
        if "__archive__" in value and kind in _FILES:
            data = archive(value["__archive__"])
            if "<<ref:" in json.dumps(value) or "<<secret:" in json.dumps(value):
                self._problem(f"{where}: what is in an archive cannot depend on what is not known yet")
            digest = hashlib.sha256(data)
            name = f"assets/{digest.hexdigest()[:16]}.zip"
            self.archives[name] = data
            code_hash = base64.b64encode(digest.digest()).decode()
            return {_FILES[kind]: f"${{path.module}}/{name}", "source_code_hash": code_hash}
        if "__asset__" in value and kind == "aws_s3_object":
            content = value["__asset__"]
            if isinstance(content, str):
                return {"content": self.texts.write(content, where)}
            return {"content_base64": base64.b64encode(file_bytes(content)).decode()}
        self._problem(f"{where}: a file or archive cannot be written here")
        return {}

    # Options and outputs.

    def _lifecycle(self, node: Node, block: Block) -> dict[str, Any]:
        options = sorted(node.options.keys() - _OPTIONS)
        if options:
            self._problem(f"{node.id}: Terraform has nothing like {', '.join(options)}")
        found: dict[str, Any] = {}
        if node.protect:
            found["prevent_destroy"] = True
        if node.ignore_changes:
            found["ignore_changes"] = [self._path(node, block, path) for path in node.ignore_changes]
        rest = {"timeouts": node.options["timeouts"]} if "timeouts" in node.options else {}
        return ({"lifecycle": found} if found else {}) | self._body(block, rest, node.id)

    def _path(self, node: Node, block: Block | None, path: str) -> str:
        """Return a path of Pulumi's, such as ``rules[0].id``, by Terraform's names."""
        written = ""
        for step in re.findall(r'\[(?:\d+|\*|"[^"]*")\]|[^.\[\]]+', path):
            if step.startswith("["):
                written += step
                continue
            field = block.find(step) if block else None
            if block and field is None:
                self._problem(f"{node.id}: ignoreChanges names {path}, which is not among the provider's attributes")
                return path
            written += f"{'.' if written else ''}{field.name}" if field else f'["{step}"]'
            block = field.block if field else None
        return written

    def _outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        clashes = Counter(map(local, self.graph.outputs))
        for name, value in self.graph.outputs.items():
            if clashes[local(name)] > 1:
                self._problem(f"export {name}: another export is the output {local(name)} already")
            self._forget()
            found[local(name)] = {"value": self.texts.any(value, f"export {name}")}
            found[local(name)] |= {"sensitive": True} if self.texts.sensitive else {}
        return found

    def _problem(self, text: str) -> None:
        self.texts.problems.append(text)


def _is_one_mark(value: str) -> bool:
    """Tell whether a text is one token or secret, which may stand for a value that is no text."""
    parts = text(value)
    return len(parts) == 1 and not isinstance(parts[0], str)
