"""What each column is used for, and why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from loopwright.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopwright.contract.leakage import Leak
    from loopwright.contract.targets import Task
    from loopwright.contract.wishes import Wishes
    from loopwright.tables.profile import ColumnProfile, Kind, TableProfile
    from loopwright.tables.readings import Dtype

RoleKind = Literal["numeric", "categorical", "boolean", "timestamp", "ignored"]

_MOST_SLICES = 2
_SLICE_LEVELS = range(2, 13)
_SLICE_SHARE = 0.02
_SLICE_NAMES = ("gender", "sex", "age_group", "country", "region", "segment", "device")
_USED: Mapping[Kind, RoleKind] = {"numeric": "numeric", "categorical": "categorical", "boolean": "boolean"}
_BY_TYPE: Mapping[Dtype, RoleKind] = {
    "Boolean": "boolean",
    "Datetime": "timestamp",
    "Float64": "numeric",
    "Int64": "numeric",
    "String": "categorical",
}


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a column is used for."""

    name: str
    kind: RoleKind
    feature: bool
    reason: str | None
    """Why it is ignored, as a clause; none otherwise."""
    personal: bool = False
    """Whether it is tagged as personal data: it is in the data, and in nothing that is made of it."""


def assign(facts: TableProfile, wishes: Wishes, task: Task, leaks: Sequence[Leak]) -> tuple[Role, ...]:
    """Give each column a role.

    Raises:
        DataError: No column is left to predict from.
    """
    leaking = {name: leak for leak in leaks for name in leak.columns}
    roles = tuple(_role(column, wishes, task, leaking.get(column.name)) for column in facts.columns)
    if not any(role.feature for role in roles):
        reasons = [f"{role.name}: {role.reason}" for role in roles if role.reason]
        raise DataError(
            "no column is left to predict from",
            because="; ".join(reasons) or "there is only the target",
            attempt="keep one that is known when the prediction is made, or give more columns",
        )
    return roles


def _role(column: ColumnProfile, wishes: Wishes, task: Task, leak: Leak | None) -> Role:
    if column.name == wishes.target:
        kind: RoleKind = "numeric" if task == "regression" else "categorical"
        return _apart(column, "boolean" if column.dtype == "Boolean" else kind)
    if column.name == wishes.time_column:
        return _apart(column, "timestamp")
    if column.name == wishes.entity:
        return _apart(column, "ignored", "the entity: a model should not learn single ones by heart")
    if reason := _why_not(column, wishes, leak):
        personal = column.personal is not None and column.name not in wishes.keep
        return replace(_apart(column, "ignored", reason), personal=personal)
    kind = _USED.get(column.kind, _BY_TYPE[column.dtype])
    return Role(name=column.name, kind=kind, feature=True, reason=None)


def _apart(column: ColumnProfile, kind: RoleKind, reason: str | None = None) -> Role:
    return Role(name=column.name, kind=kind, feature=False, reason=reason)


def _why_not(column: ColumnProfile, wishes: Wishes, leak: Leak | None) -> str | None:
    if column.name in wishes.exclude:
        return "excluded by request"
    if column.name in wishes.keep:
        return None
    if column.personal:
        return f"personal data: {column.personal}"
    if leak:
        others = [name for name in leak.columns if name != column.name]
        company = f" together with {', '.join(others)}" if others else ""
        return f"gives {wishes.target} away{company} ({leak.because})"
    if column.kind == "timestamp":
        return "another point in time: make a duration of it in ml/features.py"
    return f"{column.kind}: {column.reason}" if column.kind not in _USED else None


def slices(facts: TableProfile, roles: Sequence[Role]) -> tuple[str, ...]:
    """Choose up to two features whose groups should be treated alike.

    Groups that people belong to come first, by name. Codes that are whole numbers only count by name: a month or an
    hour is not a group in that sense.
    """
    fit = [role.name for role in roles if role.feature and _is_slice(facts[role.name])]
    named = [name for wanted in _SLICE_NAMES for name in fit if name == wanted]
    others = [name for name in fit if name not in named and facts[name].dtype != "Int64"]
    return tuple([*named, *others][:_MOST_SLICES])


def _is_slice(column: ColumnProfile) -> bool:
    if column.kind not in {"categorical", "boolean"} or column.levels is None:
        return False
    rows = sum(column.levels.values())
    return len(column.levels) in _SLICE_LEVELS and min(column.levels.values()) >= _SLICE_SHARE * rows
