"""From Pulumi's names to Terraform's, by the provider's own schema and the few exceptions no rule finds.

Both name the same provider. Pulumi writes ``aws:iam/rolePolicy:RolePolicy`` and ``assumeRolePolicy``, Terraform
``aws_iam_role_policy`` and ``assume_role_policy``; Pulumi has plurals for lists, and one item where a list can only
hold one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Block", "Field", "Nesting", "Schema", "local", "schema"]

Nesting = Literal["single", "list", "set", "map"]

_TYPES = {
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:s3/bucketV2:BucketV2": "aws_s3_bucket",
}
_FIELDS = {
    ("aws_cloudwatch_metric_alarm", "name"): "alarm_name",
    ("aws_lambda_alias", "functionName"): "function_name",
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_permission", "function"): "function_name",
    ("aws_s3_bucket", "bucketRegion"): "region",
    ("aws_sns_topic_subscription", "topic"): "topic_arn",
    ("data.aws_region", "region"): "name",
}
_BARE = {"ec2", "index"}
"""Modules that Terraform's names leave out."""


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _forms(key: str) -> list[str]:
    """Return the normal forms a name may have, the likeliest first."""
    plain = _plain(key)
    forms = [plain]
    if plain.endswith("ies"):
        forms.append(f"{plain[:-3]}y")
    if plain.endswith("es"):
        forms.append(plain[:-2])
    return [*forms, plain[:-1] if plain.endswith("s") else f"{plain}s"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """An attribute or a nested block."""

    name: str
    type: Any = None
    """Terraform's type of a plain attribute, such as ``["list", "string"]``; None with a ``block``."""
    block: Block | None = None
    nesting: Nesting = "single"
    is_block: bool = False
    """Written as blocks, which cannot be computed as a whole."""
    is_whole: bool = False
    """An object's attributes are all written, as null where they are not set."""
    computed: bool = False
    """Only the provider sets it."""
    sensitive: bool = False


class Block:
    """What a resource, a data source or a nested block holds."""

    def __init__(self, entry: Mapping[str, Any], path: str = "") -> None:
        self._entry, self.path = entry, path

    @cached_property
    def _fields(self) -> dict[str, Field]:
        attributes = (_attribute(name, entry) for name, entry in self._entry.get("attributes", {}).items())
        blocks = (_nested(name, entry) for name, entry in self._entry.get("block_types", {}).items())
        return {_plain(field.name): field for field in (*attributes, *blocks)}

    @property
    def names(self) -> Iterator[str]:
        """The names of all fields."""
        return (field.name for field in self._fields.values())

    def find(self, key: str) -> Field | None:
        """Return what Pulumi's property ``key`` is called here, or None."""
        forms = _forms(_FIELDS.get((self.path, key), key))
        return next((self._fields[form] for form in forms if form in self._fields), None)


class Schema:
    """The provider's schema, reduced; see ``tools/reduce_schema.py``."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.source, self.version = str(document["source"]), str(document["version"])
        self.provider = Block(document["provider"])
        self._resources = {name: Block(entry, name) for name, entry in document["resources"].items()}
        self._data = {name: Block(entry, f"data.{name}") for name, entry in document["data"].items()}
        self._names = {_plain(name): name for name in (*self._resources, *self._data)}

    def resource(self, kind: str) -> tuple[str, Block] | None:
        """Return Terraform's type for Pulumi's, with what it holds; None where the schema has none."""
        names = [_TYPES[kind]] if kind in _TYPES else self._candidates(kind, "")
        return next(((name, self._resources[name]) for name in names if name in self._resources), None)

    def data(self, call: str) -> tuple[str, Block] | None:
        """Return Terraform's data source for Pulumi's function, with what it holds."""
        names = self._candidates(call, "get")
        return next(((name, self._data[name]) for name in names if name in self._data), None)

    def _candidates(self, kind: str, prefix: str) -> list[str]:
        package, place, name = kind.split(":")
        module, name = place.split("/")[0], name.removeprefix(prefix)
        plain = [package + module + name, *([package + name] if module in _BARE else [])]
        return [self._names.get(_plain(form), "") for form in plain]


@cache
def schema() -> Schema:
    """Return the schema that came with this version."""
    return Schema(json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8")))


def local(name: str) -> str:
    """Return a name as Terraform takes it."""
    found = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return found if re.match("[A-Za-z_]", found) else f"_{found}"


def _attribute(name: str, entry: Mapping[str, Any]) -> Field:
    flags = {"computed": entry.get("computed", False), "sensitive": entry.get("sensitive", False)}
    if "nested_type" in entry:
        nested = entry["nested_type"]
        return Field(name=name, block=Block(nested), nesting=nested["nesting_mode"], **flags)
    kind = entry["type"]
    inner = kind[1] if isinstance(kind, list) and kind[0] != "object" else kind
    if not isinstance(inner, list) or inner[0] != "object":
        return Field(name=name, type=kind, **flags)
    fields = {"attributes": {name: {"type": of} for name, of in inner[1].items()}}
    nesting: Nesting = kind[0] if kind is not inner else "single"
    return Field(name=name, block=Block(fields), nesting=nesting, is_whole=True, **flags)


def _nested(name: str, entry: Mapping[str, Any]) -> Field:
    return Field(name=name, block=Block(entry["block"]), nesting=entry["nesting_mode"], is_block=True)
