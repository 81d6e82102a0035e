"""From facts to decisions: all that a first contract needs.

Each kind of decision has its module: `targets`, `baseline`, `timeline`, `leakage`, `roles`, `cautions`.
`docs/inference.md` says why the rules are as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.contract import cautions, roles, targets, timeline
from loopwright.contract.baseline import METRICS, MetricChoice, choose_metric
from loopwright.contract.cautions import Warning  # noqa: A004 - the word of the interface
from loopwright.contract.leakage import leaks
from loopwright.contract.roles import Role
from loopwright.contract.sampling import sample
from loopwright.contract.wishes import Wishes, check_names
from loopwright.errors import DataError
from loopwright.tables.profile import Level, TableProfile, profile
from loopwright.tables.sql import Session, identifier, scan, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loopwright.contract.targets import Task

__all__ = ["METRICS", "Inference", "Role", "Warning", "Wishes", "infer"]

_WINDOWS_WITHOUT_TIME = (30,)
_FEWEST_ENTITIES = 20


@dataclass(frozen=True, kw_only=True)
class Inference:
    """All that is known and decided about a table."""

    profile: TableProfile
    wishes: Wishes
    task: Task
    classes: Mapping[Level, int] | None
    """Rows of each class, sorted by class; none for regression."""
    positive: Level | None
    """The class of interest where there are two."""
    metric: MetricChoice
    roles: tuple[Role, ...]
    """One for each column, in order."""
    unique: tuple[str, ...]
    """The key that no two rows share; empty where there is none."""
    slices: tuple[str, ...]
    """Features whose groups should be treated alike."""
    windows_days: tuple[int, ...]
    max_age_days: int | None
    warnings: tuple[Warning, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that reach the model."""
        return tuple(role.name for role in self.roles if role.feature)


def infer(table: Path, wishes: Wishes) -> Inference:
    """Decide all that a first contract needs.

    Args:
        table: A clean Parquet file, as `ingest` writes it.
        wishes: What the user says about it.

    Raises:
        UsageError: A wish names a column, class or metric that is not there, or does not fit the target.
        DataError: The target cannot be learned, the time column holds no time, or nothing is left to predict from.
    """
    facts = profile(table)
    check_names(facts, wishes)
    target = facts[wishes.target]
    task = targets.find_task(target, wishes)
    classes = targets.find_classes(target) if task == "classification" else None
    positive = targets.find_positive(classes, wishes)
    time_column = _time_column(facts, wishes)
    _enough_entities(facts, wishes)
    key = tuple(name for name in (wishes.entity, time_column) if name)
    with session(table) as duck:
        metric = choose_metric(duck, table, target=target.name, wish=wishes.metric, classes=classes, positive=positive)
        line = timeline.measure(duck, table, time_column) if time_column else None
        repeats = _repeats(duck, table, facts.rows, key)
        found = leaks(sample(duck, table, facts, wishes, classes=classes is not None))
    parts = roles.assign(facts, wishes, task, found)
    return Inference(
        profile=facts,
        wishes=wishes,
        task=task,
        classes=classes,
        positive=positive,
        metric=metric,
        roles=parts,
        unique=() if repeats else key,
        slices=roles.slices(facts, parts),
        windows_days=line.windows_days(wishes.label_delay_days) if line else _WINDOWS_WITHOUT_TIME,
        max_age_days=line.max_age_days if line else None,
        warnings=(
            *cautions.about_leaks(found, wishes),
            *cautions.about_columns(facts, wishes, parts),
            *cautions.about_persons(facts, wishes, parts),
            *cautions.about_target(target, facts.rows, classes),
            *cautions.about_key(key, repeats, facts.rows),
            *cautions.about_time(line, wishes),
        ),
    )


def _time_column(facts: TableProfile, wishes: Wishes) -> str | None:
    """Return the time column, once it is sure that every row has a time."""
    if wishes.time_column is None:
        return None
    column = facts[wishes.time_column]
    if column.dtype != "Datetime":
        raise DataError(
            f"the time column {column.name!r} holds no time",
            because=f"it was read as {column.dtype}: its times are not of one format, or days and months look alike",
            attempt="write its times as 2024-01-31 or 2024-01-31T12:00:00",
        )
    if column.nulls:
        raise DataError(
            f"the time column {column.name!r} has holes",
            because=f"{column.nulls} of {facts.rows} rows have no time, so they are on neither side of a split",
            attempt="fill the times in, or take these rows out",
        )
    return column.name


def _enough_entities(facts: TableProfile, wishes: Wishes) -> None:
    """Refuse an entity of so few values that no side of a split, and no golden row, could have some of its own."""
    if wishes.entity is None:
        return
    distinct = facts[wishes.entity].distinct
    if distinct < _FEWEST_ENTITIES:
        raise DataError(
            f"the entity column {wishes.entity!r} cannot keep rows apart",
            because=f"it has {distinct} values; {_FEWEST_ENTITIES} are the least that can be split",
            attempt="leave --entity out, or name the column that tells customers, machines, ... apart",
        )


def _repeats(duck: Session, table: Path, rows: int, key: tuple[str, ...]) -> int:
    """Return how many rows have a key that another row has already."""
    if not key:
        return 0
    return rows - int(duck.value(f"FROM {scan(table)} SELECT count(DISTINCT hash({', '.join(map(identifier, key))}))"))
