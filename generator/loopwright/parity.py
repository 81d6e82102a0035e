"""``loopwright parity``: everything that differs between two stacks, and whether it may."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from loopwright.errors import Differs
from loopwright.graph.model import Reference, text
from loopwright.likeness.allowed import FILE, load_allowed
from loopwright.likeness.canonical import ARCHIVE, Canonical, same
from loopwright.likeness.paths import shown
from loopwright.placeholder import NO_IMAGE, image_digest, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from loopwright.graph.model import ResourceGraph
    from loopwright.likeness.allowed import Allowed
    from loopwright.likeness.paths import Path as Inside

__all__ = ["ABSENT", "KINDS", "Difference", "Parity", "as_document", "compare", "differs", "lines", "parity"]

ABSENT, PRESENT = "(absent)", "(present)"
"""The values of what one stack lacks, and of a resource that the other has."""
_MISSING = object()
KINDS = ("image", "setting", "topology", "environment", "instance", "iam", "code", "option", "value")
"""Kinds of differences, the gravest first."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RULED = re.compile(r"^aws:iam/|Policy$|:Permission$")
_PLACES, _GROUPS, _WIDEST = 3, 20, 60
"""How much of many differences a person is shown."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that differs."""

    kind: str
    type: str
    """Empty for a setting."""
    name: str
    """The logical name; empty for a setting."""
    path: str
    """Where in the resource, empty for the resource itself; of a setting its name."""
    a: Any
    """The one stack's value; None for what it lacks."""
    b: Any
    why: str | None = None
    """Why it may differ; None: it may not."""
    setting: str = ""
    """Which setting allows it, if one does."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Two stacks side by side."""

    a: str
    b: str
    nodes: tuple[int, int]
    """How many nodes each has."""
    differences: tuple[Difference, ...]
    notices: tuple[str, ...] = ()

    @property
    def forbidden(self) -> tuple[Difference, ...]:
        """What may not differ."""
        return tuple(difference for difference in self.differences if difference.why is None)


def parity(project: Path, a: str, b: str, *, python: Path | None = None) -> Parity:
    """Evaluate two stacks and compare them.

    Where neither has an image yet, both get a placeholder. Where only one has, the other is compared as if it had the
    same, and that it has none is one difference.

    Raises:
        LoopwrightError: A stack cannot be evaluated, or ``infra/parity.yaml`` cannot be used.
    """
    allowed = load_allowed(project)
    (left, left_bare), (right, right_bare) = (whole(project, stack, python=python) for stack in (a, b))
    notices: tuple[str, ...] = (NO_IMAGE,) if left_bare and right_bare else ()
    if left_bare != right_bare:
        bare, digest = (a, image_digest(right)) if left_bare else (b, image_digest(left))
        key = f"{left.project}:imageDigest"
        filled, _ = whole(project, bare, settings={key: digest}, python=python)
        filled = replace(filled, config={**filled.config, key: ""})
        left, right = (filled, right) if left_bare else (left, filled)
        notices = (f"{bare} has no image yet: the rest is compared as if it had the other's",)
    found = compare(left, right, allowed)
    return Parity(a=a, b=b, nodes=(len(left), len(right)), differences=found, notices=notices)


def compare(a: ResourceGraph, b: ResourceGraph, allowed: Allowed) -> tuple[Difference, ...]:
    """Return everything that differs between two graphs, the forbidden first."""
    left, right = Canonical(a), Canonical(b)
    settings = list(_different(left.settings, right.settings, (), ()))
    judge = _Judge(allowed=allowed, changed=frozenset(path[0] for path, _, _ in settings))
    found = [judge.setting(path[0], values) for path, *values in settings]
    for where, one, other in _pairs(left.nodes, right.nodes):
        lacking = one is _MISSING or other is _MISSING
        here = [((), one, other)] if lacking else _different(one, other, (), (a.stack, b.stack))
        found += [judge.difference(where, path, values) for path, *values in here]
    return tuple(sorted(found, key=lambda d: (d.why is not None, KINDS.index(d.kind), d.type, d.name, d.path)))


def differs(found: Parity) -> Differs | None:
    """Return the error of two stacks that differ where they may not; None if they do not."""
    count = len(found.forbidden)
    if not count:
        return None
    kinds = ", ".join(dict.fromkeys(difference.kind for difference in found.forbidden))
    return Differs(
        f"{found.a} and {found.b} differ in {count} place{'s' if count > 1 else ''} where they may not",
        because=f"{FILE} allows none of these: {kinds}",
        attempt=f"make the two equal, or add the place to {FILE} with the reason why it may differ",
    )


def lines(found: Parity) -> Iterator[str]:
    """Yield the comparison as text."""
    many = len(found.differences)
    counts = " and ".join(str(count) for count in dict.fromkeys(found.nodes))
    yield f"{found.a} | {found.b}: {counts} nodes, {many} differences, {many - len(found.forbidden)} of them allowed"
    for notice in found.notices:
        yield f"notice: {notice}"
    if many > len(found.forbidden):
        yield "may differ:"
        yield from _granted([difference for difference in found.differences if difference.why is not None])
    if found.forbidden:
        yield "must not differ:"
        yield from _refused(found.forbidden)


def as_document(found: Parity) -> dict[str, Any]:
    """Return the comparison for a program to read."""
    return {
        "a": found.a,
        "b": found.b,
        "equal": not found.forbidden,
        "nodes": list(found.nodes),
        "notices": list(found.notices),
        "differences": [{"allowed": entry.why is not None, **asdict(entry)} for entry in found.differences],
    }


def _pairs(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    for key in sorted(left.keys() | right.keys()):
        yield key, left.get(key, _MISSING), right.get(key, _MISSING)


def _different(left: Any, right: Any, path: Inside, stacks: tuple[str, ...]) -> Iterator[tuple[Inside, Any, Any]]:
    """Yield the places where two values differ; what one of them lacks is one place, however large it is."""
    one, other = _inside(left), _inside(right)
    if one is not None and other is not None and (one or other):
        for key, x, y in _pairs(one, other):
            yield from _different(x, y, (*path, key), () if key == ARCHIVE else stacks)
    elif not same(left, right, stacks, key=path[-1] if path else ""):
        yield path, left, right


def _inside(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, dict):
        return value
    return {} if isinstance(value, list) and not value else None


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """Says what a difference is, and whether it may be."""

    allowed: Allowed
    changed: frozenset[str]
    """Settings that the two stacks set differently."""

    def setting(self, name: str, values: list[Any]) -> Difference:
        """Return the difference of a setting."""
        entry = next((entry for entry in self.allowed.allowances if name in entry.settings), None)
        one, other = (ABSENT if value is _MISSING else value for value in values)
        return Difference(
            kind="image" if name == "imageDigest" else "setting",
            type="",
            name="",
            path=name,
            a=one,
            b=other,
            why=entry.why if entry else None,
            setting=name if entry else "",
        )

    def difference(self, where: tuple[str, str], path: Inside, values: list[Any]) -> Difference:
        """Return a difference of a resource, or the one that a resource is missing."""
        why, setting = self._reason(where, path, values)
        kind = _kind(where[0], path, values) if path else "topology"
        one, other = (_spoken(value, kind) for value in values)
        return Difference(
            kind=kind, type=where[0], name=where[1], path=shown(path), a=one, b=other, why=why, setting=setting
        )

    def _reason(self, where: tuple[str, str], path: Inside, values: list[Any]) -> tuple[str | None, str]:
        """Return why a difference may be, and which setting brought it; no reason if it may not be.

        A setting allows a difference only where the two stacks set it differently: what a program does by the stack's
        name is not what the setting is for.
        """
        left, right = (None if value is _MISSING else value for value in values)
        for entry in self.allowed.allowances:
            setting = next((name for name in entry.settings if name in self.changed), "")
            counts = setting or not entry.settings
            if counts and any(change.covers(where, path, (left, right)) for change in entry.changes):
                return entry.why, setting
        return None, ""


def _kind(kind: str, path: Inside, values: list[Any]) -> str:
    """Return what kind of difference it is, by where it is and what the values are."""
    keys = [key.lower() for key in path]
    if any(isinstance(value, str) and _DIGEST.search(value) for value in values):
        return "image"
    if _RULED.search(kind) or "policy" in keys[:1]:
        return "iam"
    if keys[-1] == "instancetype":
        return "instance"
    if "environment" in keys or {"networkconfig", "vpcconfig"} & set(keys):
        return "environment"
    if ARCHIVE in keys:
        return "code"
    return "option" if keys[0].startswith("(") else "value"


def _spoken(value: Any, kind: str) -> Any:
    if value is _MISSING:
        return ABSENT
    if kind == "topology":
        return PRESENT
    if kind == "code" and isinstance(value, str):
        return f"{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()}"
    return _listed(value)


def _listed(value: Any) -> Any:
    """Return a value with its lists as they were."""
    if not isinstance(value, dict):
        return value
    listed = {key: _listed(item) for key, item in value.items()}
    return list(listed.values()) if listed and all(key.startswith("[") for key in listed) else listed


def _granted(found: list[Difference]) -> Iterator[str]:
    """Yield what may differ by the reason: the settings that differ, and in how many places one sees it."""
    groups: defaultdict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        groups[difference.why or ""].append(difference)
    for why, members in groups.items():
        settings = [f"{d.path} {_short(d.a)} | {_short(d.b)}" for d in members if not d.type]
        names = dict.fromkeys(d.setting for d in members if d.setting)
        count = sum(bool(d.type) for d in members)
        places = f" in {count} place{'s' if count > 1 else ''}" if count else ""
        yield f"  {', '.join(settings or names) or 'always'}{places}: {why}"


def _refused(found: tuple[Difference, ...]) -> Iterator[str]:
    """Yield what may not differ: once for all places that differ by the same two values."""
    groups: defaultdict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for difference in found:
        key = difference.kind, _short(difference.a), _short(difference.b)
        groups[key].append(difference)
    for (kind, one, other), members in islice(groups.items(), _GROUPS):
        yield f"  {kind}: {one} | {other}"
        yield from (f"    {_place(difference)}" for difference in members[:_PLACES])
        if len(members) > _PLACES:
            yield f"    and {len(members) - _PLACES} more places"
    if len(groups) > _GROUPS:
        yield f"  and {len(groups) - _GROUPS} more kinds of values; --json lists them all"


def _place(difference: Difference) -> str:
    if not difference.type:
        return difference.path
    return f"{difference.type} {difference.name} {difference.path}".rstrip()


def _short(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    plain = "".join(
        f"{{{p.node.rpartition('::')[2]}.{p.property}}}" if isinstance(p, Reference) else str(p) for p in text(written)
    )
    plain = _DIGEST.sub(lambda found: f"{found[0][:19]}…", plain) or '""'
    return plain if len(plain) <= _WIDEST else f"{plain[: _WIDEST - 1]}…"
