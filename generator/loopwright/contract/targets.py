"""What the target is: classes or a number, and which class is of interest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from loopwright.errors import DataError, UsageError
from loopwright.tables.profile import MOST_LEVELS, ColumnProfile, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopwright.contract.wishes import Wishes

Task = Literal["classification", "regression"]

_MOST_CLASS_CODES = 12


def find_task(target: ColumnProfile, wishes: Wishes) -> Task:
    """Return the task that is wished for, or that the target's values suggest.

    Raises:
        DataError: There is nothing to learn in the target.
        UsageError: The wish does not fit it.
    """
    if target.distinct < 2:  # noqa: PLR2004 - two values are the least that can be told apart
        raise DataError(
            f"the target {target.name!r} cannot be learned",
            because="it holds no value" if target.distinct == 0 else "it is the same in every row",
            attempt="name another target, or give data in which it varies",
        )
    if target.dtype == "Datetime":
        raise DataError(
            f"the target {target.name!r} is a time",
            because="only classes and numbers can be predicted",
            attempt="give the time until then as a number",
        )
    if wishes.task == "regression" and target.dtype not in {"Int64", "Float64"}:
        raise UsageError(
            f"{target.name!r} cannot be the target of a regression",
            because=f"its values are no numbers but {target.dtype}",
            attempt="leave the task to be inferred",
        )
    return _natural_task(target) if wishes.task == "auto" else wishes.task


def _natural_task(target: ColumnProfile) -> Task:
    if target.dtype in {"Boolean", "String"} or target.distinct <= 2:  # noqa: PLR2004 - two classes
        return "classification"
    if target.dtype == "Int64" and target.distinct <= _MOST_CLASS_CODES:
        low, high = target.minimum, target.maximum
        dense = isinstance(low, int) and isinstance(high, int) and high - low + 1 < 2 * target.distinct
        return "classification" if dense else "regression"
    return "regression"


def find_classes(target: ColumnProfile) -> Mapping[Level, int]:
    """Return the rows of each class.

    Raises:
        DataError: There are too many.
    """
    if target.dtype == "Float64" and target.distinct <= MOST_LEVELS:
        raise DataError(
            f"the classes of the target {target.name!r} are not whole",
            because=f"it holds {target.distinct} different numbers between {target.minimum} and {target.maximum}",
            attempt="write the classes as words or whole numbers",
        )
    if target.levels is None:
        raise DataError(
            f"the target {target.name!r} has too many classes",
            because=f"it holds about {target.distinct} different values; at most {MOST_LEVELS} can be told apart",
            attempt="name another target, group its values, or ask for a regression if they are amounts",
        )
    return target.levels


def find_positive(classes: Mapping[Level, int] | None, wishes: Wishes) -> Level | None:
    """Return the class of interest of two: the one wished for, true, or the rarer one.

    Raises:
        UsageError: The class wished for is none of two.
    """
    if wishes.positive is not None:
        return _wished_positive(classes, wishes.positive)
    if classes is None or len(classes) != 2:  # noqa: PLR2004 - of more classes none is special
        return None
    first, last = classes
    if isinstance(last, bool):
        return last
    return first if classes[first] < classes[last] else last


def _wished_positive(classes: Mapping[Level, int] | None, wish: str) -> Level:
    if classes is None or len(classes) != 2:  # noqa: PLR2004 - two classes
        raise UsageError(
            "there is no positive class",
            because="the target does not hold two classes",
            attempt="leave the positive class out",
        )
    for level in classes:
        if wish == str(level) or (isinstance(level, bool) and wish.lower() == str(level).lower()):
            return level
    raise UsageError(
        f"{wish!r} is no class of the target",
        because=f"the classes are {' and '.join(map(repr, classes))}",
        attempt="name one of them",
    )
