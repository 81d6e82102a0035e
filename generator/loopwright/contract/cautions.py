"""What the user should look at before trusting a first contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from loopwright.contract.leakage import Leak
    from loopwright.contract.roles import Role
    from loopwright.contract.timeline import Timeline
    from loopwright.contract.wishes import Wishes
    from loopwright.tables.profile import ColumnProfile, Level, TableProfile

_NEARLY_CONSTANT = 0.01


@dataclass(frozen=True, kw_only=True)
class Warning:  # noqa: A001 - the word of the interface; the builtin is not used here
    """Something that the user should look at."""

    code: Literal[
        "duplicate_keys",
        "high_cardinality",
        "identifier",
        "leakage",
        "personal",
        "target_missing",
        "target_nearly_constant",
        "time_gap",
    ]
    columns: tuple[str, ...]
    message: str


def about_leaks(found: Sequence[Leak], wishes: Wishes) -> Iterator[Warning]:
    """Warn of columns that give the target away."""
    for leak in found:
        names = _listed(leak.columns)
        gives = "gives" if len(leak.columns) == 1 else "together give"
        left_out = [name for name in leak.columns if name not in wishes.keep]
        fate = f"{_listed(left_out)} left out of the features" if left_out else "used as a feature, as asked"
        message = f"{names} {gives} {wishes.target} away ({leak.because}): {fate}"
        yield Warning(code="leakage", columns=leak.columns, message=message)


def about_columns(facts: TableProfile, wishes: Wishes, roles: Sequence[Role]) -> Iterator[Warning]:
    """Warn of identifiers, and of features with many levels; what is personal data is told elsewhere."""
    duties = {wishes.target, wishes.time_column, wishes.entity, *wishes.exclude}
    for column, role in zip(facts.columns, roles, strict=True):
        if column.name in duties or role.personal:
            continue
        if column.kind == "identifier":
            fate = "used as a feature, as asked" if role.feature else "left out of the features"
            message = f"{column.name} is an identifier ({column.reason}): {fate}"
            yield Warning(code="identifier", columns=(column.name,), message=message)
        elif role.feature and role.kind == "categorical" and column.levels is None:
            message = f"{column.name} has about {column.distinct} levels: a model learns rare ones by heart"
            yield Warning(code="high_cardinality", columns=(column.name,), message=message)


def about_persons(facts: TableProfile, wishes: Wishes, roles: Sequence[Role]) -> Iterator[Warning]:
    """Warn of columns that look like personal data; those with a duty, or kept, cannot be tagged."""
    for column, role in zip(facts.columns, roles, strict=True):
        if column.personal is None:
            continue
        fate = "tagged as pii and left out; no request may carry it"
        if not role.personal:
            duties = {wishes.target: "the target", wishes.time_column: "the time", wishes.entity: "the entity"}
            duty = duties.get(column.name, "a feature, as asked")
            fate = f"{duty}, so it is in requests, reports and models: better a column that names nobody"
        message = f"{column.name} looks like personal data ({column.personal}): {fate}"
        yield Warning(code="personal", columns=(column.name,), message=message)


def about_target(target: ColumnProfile, rows: int, classes: Mapping[Level, int] | None) -> Iterator[Warning]:
    """Warn of a target that is hardly ever anything else, and of rows without one."""
    if classes and (rare := 1 - max(classes.values()) / sum(classes.values())) < _NEARLY_CONSTANT:
        message = f"{target.name} is nearly constant: all but {rare:.2%} of its values are the same"
        yield Warning(code="target_nearly_constant", columns=(target.name,), message=message)
    if target.nulls:
        message = f"{target.nulls} of {rows} rows have no {target.name}: they are not trained on"
        yield Warning(code="target_missing", columns=(target.name,), message=message)


def about_key(key: tuple[str, ...], repeats: int, rows: int) -> Iterator[Warning]:
    """Warn of rows that repeat the key of another; a time alone need not be one."""
    if repeats and (len(key) > 1 or repeats / rows < _NEARLY_CONSTANT):
        message = f"{repeats} of {rows} rows repeat the {' and '.join(key)} of another row"
        yield Warning(code="duplicate_keys", columns=key, message=message)


def about_time(line: Timeline | None, wishes: Wishes) -> Iterator[Warning]:
    """Warn of a long stretch without rows."""
    if line and line.gap and wishes.time_column:
        gap = line.gap
        message = (
            f"no rows from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} ({_duration(gap.end - gap.start)}), "
            f"where they usually come every {_duration(gap.usual)}"
        )
        yield Warning(code="time_gap", columns=(wishes.time_column,), message=message)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _duration(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3_600)
    number, unit = (hours, "hour") if hours < 48 else (round(hours / 24), "day")  # noqa: PLR2004 - two days
    return unit if number == 1 else f"{number} {unit}s"
