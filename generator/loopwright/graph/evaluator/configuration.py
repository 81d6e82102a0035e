"""Configuration, as the engine would hand it to the program."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from .refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["configuration"]

_BOOL, _TIMESTAMP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
_TYPED = {"type", "default", "value", "secret", "description", "items"}
_SHAPES: dict[str, type] = {"integer": int, "boolean": bool, "array": list, "object": dict}


class _Loader(yaml.SafeLoader):
    """YAML as the engine reads it: ``on`` and dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in {_BOOL, _TIMESTAMP}]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader  # nosec B506
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"{path.name} cannot be read: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise Refused(f"{path.name} is not a mapping")
    return found or {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else str(value)


def _encrypted(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_encrypted, value))
    return isinstance(value, dict) and (set(value) == {"secure"} or any(map(_encrypted, value.values())))


def _fits(text: str, kind: str) -> bool:
    try:
        value = json.loads(text) if kind in _SHAPES else text
    except ValueError:
        return False
    return isinstance(value, _SHAPES.get(kind, str)) and not (kind == "integer" and isinstance(value, bool))


def configuration(infra: Path, stack: str, settings: Mapping[str, str]) -> tuple[str, dict[str, str], set[str]]:
    """Return the project's name, every configuration value as text, and the keys that are secret.

    Raises:
        Refused: There is no such stack, or a declared value is missing or of another type.
    """
    project = _read(infra / "Pulumi.yaml")
    name = str(project.get("name"))
    path = infra / f"Pulumi.{stack}.yaml"
    if not re.fullmatch(r"[\w.-]+", stack) or not path.is_file():
        raise Refused(f"there is no stack {stack!r}: {path.name} is not in {infra}")

    def full(key: object) -> str:
        return str(key) if ":" in str(key) else f"{name}:{key}"

    declared = {full(key): _declaration(entry) for key, entry in (project.get("config") or {}).items()}
    given = {key: entry.get("value", entry.get("default")) for key, entry in declared.items()}
    given |= {full(key): value for key, value in (_read(path).get("config") or {}).items()}
    given |= {full(key): value for key, value in settings.items()}
    secret = {key for key, value in given.items() if _encrypted(value) or declared.get(key, {}).get("secret")}
    config = {key: _text(value) for key, value in given.items() if value is not None}
    for key, entry in declared.items():
        if key not in config:
            raise Refused(f"stack {stack!r} is missing the configuration value {key!r}")
        if key not in secret and not _fits(config[key], str(entry.get("type", "string"))):
            raise Refused(f"stack {stack!r}: the configuration value {key!r} is not of the type {entry['type']}")
    return name, config, secret


def _declaration(entry: Any) -> dict[str, Any]:
    return entry if isinstance(entry, dict) and set(entry) <= _TYPED else {"default": entry}
