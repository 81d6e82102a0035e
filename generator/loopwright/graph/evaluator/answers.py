"""Answers for what a provider would compute."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pulumi import Output
from pulumi import _types as sdk
from pulumi.runtime import rpc

from .refusal import Refused

__all__ = ["LENGTHS", "Answers", "data_types", "resource_types", "token"]

ACCOUNT = "123456789012"
LENGTHS = {"tokens": 3, "concrete": 4}
"""The lengths of lists that only a provider knows. They differ, so that a loop over one gives two graphs."""
_DEEPEST = 6


def token(node: str, path: str) -> str:
    """Return what stands for a property of a node until the provider knows it."""
    return f"<<ref:/{node}#{path}/-ref>>"


class Answers:
    """Answers for the properties of resources and data sources, by the types their Python classes declare.

    Args:
        mode: ``tokens`` or ``concrete``.
        region: The region that concrete answers are in.
    """

    def __init__(self, mode: str, region: str) -> None:
        self.mode, self.region = mode, region
        self.table: dict[str, Any] = {}
        """Concrete mode: what stands for each token."""
        self.whole: dict[str, str] = {}
        """Token mode: the JSON of a list that was answered, to the token of the whole list."""

    def of(self, node: str, types: Mapping[str, Any], given: Mapping[str, Any], *, checked: bool) -> dict[str, Any]:
        """Return the answers for one node.

        Args:
            node: Its id.
            types: Its properties and their types.
            given: Its inputs.
            checked: The SDK checks the answers' types (it does for data sources): a token cannot stand for a number.
        """
        found: dict[str, Any] = {}
        for name, kind in types.items():
            bare = sdk.unwrap_optional_type(kind)
            if (checked or not _is_text(bare)) if name in given else bare is not kind:
                continue  # the input is the answer, or there is none
            value = self._answer(bare, node, name, given.get(name))
            if not (checked and isinstance(value, str) and not _is_text(bare)):
                found[name] = value
        return found

    def _answer(self, kind: Any, node: str, path: str, given: Any = None) -> Any:
        if sdk.is_output_type(kind):
            types = _properties(kind) if path.count(".") < _DEEPEST else {}
            fields = {name: kind for name, kind in types.items() if sdk.unwrap_optional_type(kind) is kind}
            return {name: self._answer(kind, node, f"{path}.{name}") for name, kind in fields.items()}
        origin = typing.get_origin(kind)
        if origin in {list, Sequence}:
            return self._list(typing.get_args(kind)[0], node, path)
        return self._leaf(dict if origin in {dict, Mapping} else kind, node, path, given)

    def _list(self, kind: Any, node: str, path: str) -> list[Any]:
        items = [self._answer(kind, node, f"{path}[{index}]") for index in range(LENGTHS[self.mode])]
        text = token(node, f"{path}[*]")
        if self.mode == "concrete":
            self.table[text] = items
        else:
            self.whole[json.dumps(items, sort_keys=True)] = text
        return items

    def _leaf(self, kind: Any, node: str, path: str, given: Any) -> Any:
        text = token(node, path)
        if self.mode == "tokens":
            return text
        fixed: dict[Any, Any] = {bool: False, int: 1, float: 1.0, dict: {"key": "value"}}
        value = fixed[kind] if kind in fixed else given if isinstance(given, str) else self._plausible(node, path)
        self.table[text] = value
        return value

    def _plausible(self, node: str, path: str) -> str:
        module, name = re.split("[:/]", node)[1], node.split("::", 1)[1]
        leaf = re.split(r"[.\[]", path.rstrip("]0123456789["))[-1].lower()
        mark = hashlib.sha256(f"{node}#{path}".encode()).hexdigest()[:8]
        known = {
            "accountid": ACCOUNT,
            "ownerid": ACCOUNT,
            "registryid": ACCOUNT,
            "partition": "aws",
            "dnssuffix": "amazonaws.com",
            "region": self.region,
        }
        if "getRegion:" in node and leaf in {"id", "name"}:
            leaf = "region"
        if leaf in known:
            return known[leaf]
        if leaf == "names" and "getAvailabilityZones" in node:
            return f"{self.region}{'abcdef'[int(path[-2])]}"
        if leaf.endswith(("arn", "arns")):
            return f"arn:aws:{module}:{self.region}:{ACCOUNT}:{name}/{mark}"
        return f"https://{name}.example/{mark}" if leaf.endswith(("url", "uri")) else f"{name}-{mark}"


def _is_text(kind: Any) -> bool:
    """Tell a string; an enum, or a union with one, is written as a string too."""
    plain = kind in {bool, int, float, dict, list} or sdk.is_output_type(kind)
    return not plain and typing.get_origin(kind) not in {list, dict, Sequence, Mapping}


@cache
def _properties(cls: type) -> dict[str, Any]:
    """Return the properties of a class and their types, Optional where a provider may leave one out."""
    hints: dict[str, Any] = sdk._raw_return_hints(cls)  # noqa: SLF001 - the public one drops Optional
    return {name: typing.get_args(of)[0] if typing.get_origin(of) is Output else of for name, of in hints.items()}


@cache
def resource_types(kind: str) -> dict[str, Any]:
    """Return the properties of a resource and their types; none where its package is not known."""
    package, module, _ = kind.split(":")
    info = getattr(rpc.get_resource_module(package, module, ""), "mod_info", None)
    if info is None:
        return {}
    cls = getattr(importlib.import_module(info["fqn"]), info["classes"][kind])
    return {name: of for name, of in _properties(cls).items() if name != "urn"}


@cache
def data_types(call: str) -> dict[str, Any]:
    """Return the properties of a data source and their types.

    Raises:
        Refused: Its package is not known.
    """
    package, place, name = call.split(":")
    module = place.split("/")[0]
    homes = [f"pulumi_{package}"] if module == "index" else [f"pulumi_{package}.{module}{end}" for end in ("", "_")]
    for home in homes:
        if importlib.util.find_spec(home):
            return _properties(getattr(importlib.import_module(home), f"{name[0].upper()}{name[1:]}Result"))
    raise Refused(f"{call}: the types of this data source are not known")
