"""Policy documents: who is allowed what, as IAM decides it for the few condition keys that the loop uses."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["allowed", "as_list", "glob", "principals", "statements"]

Statement = dict[str, Any]
OPERATORS = {"StringEquals", "StringLike", "ArnLike", "ArnEquals", "Bool"}


def as_list(value: Any) -> list[Any]:
    """Return a value that may be one thing or a list of them as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def statements(document: Any) -> list[Statement]:
    """Return the statements of a policy document; none of what is no policy."""
    found = as_list(document.get("Statement")) if isinstance(document, dict) else []
    return [each for each in found if isinstance(each, dict)]


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in text), re.DOTALL)


def glob(pattern: str, value: str) -> bool:
    """Tell whether a value matches a pattern with ``*`` and ``?``."""
    return bool(_pattern(pattern).fullmatch(value))


def principals(statement: Statement, kind: str) -> list[str]:
    """Return the principals of one kind (``Service``, ``AWS``, ``Federated``) that a statement names."""
    found = statement.get("Principal")
    if found == "*":
        return ["*"]
    return as_list(found.get(kind)) if isinstance(found, dict) else []


def allowed(given: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Tell whether statements allow an action on a resource; a condition key without a value in context fails."""
    fitting = [each for each in given if _covers(each, action, resource) and _holds(each, context)]
    effects = {each.get("Effect") for each in fitting}
    return "Allow" in effects and "Deny" not in effects


def _covers(statement: Statement, action: str, resource: str) -> bool:
    actions, resources = as_list(statement.get("Action")), as_list(statement.get("Resource"))
    # Actions are compared without case, resources with it.
    return any(glob(each.lower(), action.lower()) for each in actions) and any(
        glob(each, resource) for each in resources
    )


def _holds(statement: Statement, context: Mapping[str, str]) -> bool:
    return all(_test(test, key, wanted, context) for test, key, wanted in _conditions(statement))


def _conditions(statement: Statement) -> Iterator[tuple[str, str, list[Any]]]:
    for test, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            yield test, key, as_list(wanted)


def _test(test: str, key: str, wanted: list[Any], context: Mapping[str, str]) -> bool:
    value = context.get(key)
    if value is None or test not in OPERATORS:
        return False
    like = test in {"StringLike", "ArnLike", "ArnEquals"}
    return any(glob(str(each), value) if like else str(each) == value for each in wanted)
