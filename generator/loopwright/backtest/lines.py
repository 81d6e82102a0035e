"""Lines of loop.yaml: what is proposed, put in where the old values stand, with every comment left as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from loopwright.errors import TargetError
from loopwright.placing import place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from loopwright.backtest.settings import Setting

__all__ = ["Change", "changes", "edited", "write"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A value of loop.yaml that is to be another."""

    path: tuple[str, ...]
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """Where it stands."""
        return ".".join(self.path)

    @property
    def line(self) -> str:
        """How it is proposed."""
        return f"{self.name}: {shown(self.after)} # was {shown(self.before)}"


def changes(standing: Setting, proposed: Setting) -> list[Change]:
    """Return what has to change for the proposed loop to stand there."""
    pairs: Mapping[tuple[str, ...], tuple[Any, Any]] = {
        ("triggers", "schedule"): (standing.schedule, proposed.schedule),
        ("retraining", "windows_days"): (list(standing.windows_days), list(proposed.windows_days)),
        ("retraining", "min_gain"): (standing.min_gain, proposed.min_gain),
    }
    return [Change(path=path, before=before, after=after) for path, (before, after) in pairs.items() if before != after]


def shown(value: Any) -> str:
    """Write a value as it stands in loop.yaml."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def edited(text: str, wanted: Sequence[Change]) -> str:
    """Return the text of loop.yaml with other values in it; all else keeps its bytes.

    Raises:
        TargetError: It cannot be changed without touching something else: a value is missing, is not the one that was
            backtested, holds a comment, or is shared by an anchor.
    """
    made = text
    for change in wanted:
        node = _node(made, change)
        made = made[: node.start_mark.index] + shown(change.after) + made[node.end_mark.index :]
    expected = yaml.safe_load(text)
    for change in wanted:
        expected[change.path[0]][change.path[1]] = change.after
    if yaml.safe_load(made) != expected:
        raise _refused(", ".join(change.name for change in wanted), "the file would say something else, too")
    return made


def write(path: Path, wanted: Sequence[Change]) -> None:
    """Put values into loop.yaml, all or none: whoever reads it meanwhile reads the old file or the new one.

    Raises:
        TargetError: See `edited`, or the file cannot be written.
    """
    try:
        text = path.read_bytes().decode()
        made = edited(text, wanted)
        place(path.resolve(), made.encode(), mode=path.stat().st_mode)
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(
            f"{path} cannot be changed", because=str(error), attempt="mend that, or put the lines in by hand"
        ) from error


def _node(text: str, change: Change) -> yaml.Node:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _refused(change.name, " ".join(str(error).split())) from error
    for step in change.path:
        found = [
            value
            for key, value in (node.value if isinstance(node, yaml.MappingNode) else ())
            if isinstance(key, yaml.ScalarNode) and key.value == step
        ]
        if len(found) != 1:
            raise _refused(change.name, f"{step} stands there {len(found) or 'not once'}{' times' if found else ''}")
        node = found[0]
    assert node is not None  # noqa: S101 - every path has a step
    old = text[node.start_mark.index : node.end_mark.index]
    if "#" in old or old.rstrip() != old or any(isinstance(each, yaml.AnchorToken) for each in yaml.scan(old)):
        raise _refused(change.name, "a comment or an anchor stands inside the value")
    if yaml.safe_load(old) != change.before:
        raise _refused(change.name, f"it is {old}, not the {shown(change.before)} that was backtested")
    return node


def _refused(name: str, because: str) -> TargetError:
    return TargetError(
        f"loop.yaml cannot be changed at {name}",
        because=because,
        attempt="put the proposed lines in by hand, or mend the file and run it again with --write",
    )
