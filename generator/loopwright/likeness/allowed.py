"""``infra/parity.yaml``: the one place that says what may differ between two stacks, and why."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from loopwright.errors import LoopwrightError
from loopwright.likeness.paths import Path as Inside
from loopwright.likeness.paths import matches, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["FILE", "Allowance", "Allowed", "Change", "load_allowed"]

FILE = "infra/parity.yaml"
PRESENCE = "presence"
_REGION = "aws:region"
_TYPE = re.compile(r"[\w-]+:[\w/.-]+:\w+")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}$")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _family(left: Any, right: Any) -> bool:
    both = isinstance(left, str) and isinstance(right, str)
    return both and left.count(".") > 0 and left.rpartition(".")[0] == right.rpartition(".")[0]


def _fingerprint(left: Any, right: Any) -> bool:
    both = isinstance(left, str) and isinstance(right, str) and _FINGERPRINT.search(left) is not None
    return both and _FINGERPRINT.sub("", left) == _FINGERPRINT.sub("", right)


_KINDS: dict[str, Callable[[Any, Any], bool]] = {
    "boolean": lambda left, right: isinstance(left, bool) and isinstance(right, bool),
    "fingerprint": _fingerprint,
    "instance-size": _family,
    "item": lambda left, right: isinstance(left, str | None) and isinstance(right, str | None),
    "number": lambda left, right: _number(left) and _number(right),
    PRESENCE: lambda _, __: True,
    "text": lambda left, right: isinstance(left, str) and isinstance(right, str),
}
"""How two values may differ; None stands for what one of them lacks."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place of one type of resource."""

    type: str
    name: str
    """Of one resource; empty for every resource of the type."""
    path: Inside
    """Empty for the resource itself, which one stack may lack."""
    kind: str

    def covers(self, where: tuple[str, str], path: Inside, values: tuple[Any, Any]) -> bool:
        """Tell whether two values differ where and as this change says.

        Args:
            where: Type and name of the resource.
            path: Where in it.
            values: Both values; None stands for what is not there.
        """
        here = where[0] == self.type and self.name in {"", where[1]}
        return here and matches(path, self.path) and _KINDS[self.kind](*values)


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What may follow from settings."""

    settings: tuple[str, ...]
    """One of them has to differ for any of the changes to be allowed; none of them: they are always allowed."""
    why: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """All of the file."""

    allowances: tuple[Allowance, ...] = ()


def load_allowed(project: Path) -> Allowed:
    """Read the file of a repository.

    Raises:
        LoopwrightError: It is missing or says something that cannot be meant; names the line.
    """
    file = project / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise LoopwrightError(
            f"{FILE} cannot be read",
            because=error.strerror or str(error),
            attempt="run `loopwright update`, which brings it, or write it: docs/parity.md says how",
        ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        _refuse(error.problem_mark, "it is not YAML", error.problem or str(error), "mend that line")
    if root is None:
        _refuse(None, "it is empty", "what may differ stands under may_differ", "write may_differ: []")
    entries, known = _mapping(root, {"may_differ"}, set())["may_differ"], _settings(project)
    return Allowed(allowances=tuple(_allowance(entry, known) for entry in _list(entries)))


def _settings(project: Path) -> set[str]:
    """Return the settings that ``infra/Pulumi.yaml`` declares, and the region."""
    try:
        document = yaml.safe_load((project / "infra" / "Pulumi.yaml").read_text(encoding="utf-8"))
        return {_REGION, *document.get("config", {})}
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise LoopwrightError(
            "infra/Pulumi.yaml cannot be read",
            because=str(error),
            attempt="mend it: it declares what a stack may set",
        ) from error


def _allowance(node: yaml.Node, known: set[str]) -> Allowance:
    entry = _mapping(node, {"why"}, {"settings", "changes"})
    settings = tuple(_setting(item, known) for item in _list(entry.get("settings")))
    changes = tuple(_change(item) for item in _list(entry.get("changes")))
    if not settings and not changes:
        _refuse(node.start_mark, "an entry allows nothing", "it has no settings and no changes", "name one, or drop it")
    return Allowance(settings=settings, why=_text(entry["why"]), changes=changes)


def _setting(node: yaml.Node, known: set[str]) -> str:
    name = _text(node)
    return name if name in known else _unknown(node, "setting", name, known)


def _change(node: yaml.Node) -> Change:
    entry = _mapping(node, {"type", "as"}, {"name", "path"})
    name, kind = _text(entry["type"]), _text(entry["as"])
    if not _TYPE.fullmatch(name):
        because = "a type is PACKAGE:MODULE:NAME"
        _refuse(entry["type"].start_mark, f"{name!r} is no type", because, "aws:s3/bucket:Bucket")
    if kind not in _KINDS:
        _unknown(entry["as"], "kind of difference", kind, set(_KINDS))
    if (kind == PRESENCE) == ("path" in entry):
        because = "presence is about a whole resource, and every other kind about one place in it"
        _refuse(node.start_mark, f"as: {kind} and the path do not fit", because, "as: presence, or a path")
    only = _text(entry["name"]) if "name" in entry else ""
    return Change(type=name, name=only, kind=kind, path=_path(entry["path"]) if "path" in entry else ())


def _path(node: yaml.Node) -> Inside:
    try:
        return parse(_text(node))
    except ValueError:
        because = f"{node.value!r} is no path: keys are joined by dots, and places in lists stand in brackets"
        _refuse(node.start_mark, "a path cannot be read", because, "rules[*].expiration.days")


def _mapping(node: yaml.Node, needed: set[str], more: set[str]) -> Mapping[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        _refuse(node.start_mark, "a mapping is missing", "something else stands here", f"give it {_all(needed)}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key)
        if name not in needed | more:
            _unknown(key, "key", name, needed | more)
        if name in found:
            _refuse(key.start_mark, f"{name} is there twice", "only one of the two would count", "keep one")
        found[name] = value
    if missing := needed - set(found):
        _refuse(node.start_mark, f"{_all(missing)} is missing", "an entry without it cannot be judged", "add it")
    return found


def _list(node: yaml.Node | None) -> list[yaml.Node]:
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        _refuse(node.start_mark, "a list is missing", "something else stands here", "write [] or one entry a line")
    return list(node.value)


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        _refuse(node.start_mark, "a text is missing", "something else, or nothing, stands here", "write a text")
    return str(node.value).strip()


def _unknown(node: yaml.Node, what: str, name: str, known: set[str]) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    attempt = near[0] if near else f"one of {_all(known)}"
    _refuse(node.start_mark, f"there is no {what} {name!r}", f"there is {_all(known)}", attempt)


def _all(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _refuse(mark: yaml.Mark | None, what: str, because: str, attempt: str) -> NoReturn:
    raise LoopwrightError(f"{FILE}:{mark.line + 1 if mark else 1}: {what}", because=because, attempt=attempt)
