"""Event patterns as EventBridge matches them: a small, strict matcher.

Every operator of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html but `cidr`,
which no event of the loop has a use for. What is unknown or malformed is refused, and never taken for no match.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["PatternError", "matches"]

Scalar = str | int | float | bool | None
ABSENT = object()
LARGEST = 5_000_000_000
"""EventBridge compares numbers between plus and minus this."""
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MOST_COMPARISONS = 2


class PatternError(ValueError):
    """EventBridge would refuse the pattern, or this matcher does not know it."""


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether an event matches.

    Raises:
        PatternError: The pattern is malformed, or holds an operator that is not known; also where it would not match.
    """
    if not isinstance(pattern, dict) or not pattern:
        raise PatternError("a pattern is an object with at least one field")
    # All of them are asked first: a fault behind the first mismatch is one all the same.
    found = [_field(name, wanted, event) for name, wanted in pattern.items()]
    return all(found)


def _field(name: str, wanted: Any, event: Any) -> bool:
    if name == "$or":
        if not isinstance(wanted, list) or len(wanted) < 2:  # noqa: PLR2004 - one alternative is none
            raise PatternError("$or is a list of at least two patterns")
        either = [matches(each, event) for each in wanted]
        return any(either)
    found = event.get(name, ABSENT) if isinstance(event, dict) else ABSENT
    if isinstance(wanted, dict):
        places = found if isinstance(found, list) else [found]
        inside = [matches(wanted, place if isinstance(place, dict) else {}) for place in places or [{}]]
        return any(inside)
    if not isinstance(wanted, list) or not wanted:
        raise PatternError(f"{name} is neither an object nor a list with something in it")
    values = list(_leaves(found))
    met = [_condition(name, each, values) for each in wanted]
    return any(met)


def _leaves(found: Any) -> Iterator[Scalar]:
    if isinstance(found, list):
        for item in found:
            yield from _leaves(item)
    elif found is not ABSENT and not isinstance(found, dict):
        yield found


def _condition(name: str, wanted: Any, values: list[Scalar]) -> bool:
    if isinstance(wanted, list):
        raise PatternError(f"{name}: a list inside a list")
    if not isinstance(wanted, dict):
        return any(_same(wanted, value) for value in values)
    if len(wanted) != 1:
        raise PatternError(f"{name}: one operator in an object, not {', '.join(wanted) or 'none'}")
    ((word, argument),) = wanted.items()
    if word == "exists":
        if not isinstance(argument, bool):
            raise PatternError(f"{name}: exists is true or false")
        return bool(values) is argument
    test = _test(name, word, argument)
    return any(test(value) for value in values)


def _test(name: str, word: str, argument: Any) -> Callable[[Scalar], bool]:
    if word == "anything-but":
        return _anything_but(name, argument)
    if word in {"prefix", "suffix"}:
        return _affix(name, word, argument)
    if word == "equals-ignore-case":
        text = _text(name, word, argument).lower()
        return lambda value: isinstance(value, str) and value.lower() == text
    if word == "wildcard":
        expression = _wildcard(name, _text(name, word, argument))
        return lambda value: isinstance(value, str) and bool(expression.fullmatch(value))
    if word == "numeric":
        return _numeric(name, argument)
    raise PatternError(f"{name}: the operator {word} is not known")


def _anything_but(name: str, argument: Any) -> Callable[[Scalar], bool]:
    tests: list[Callable[[Scalar], bool]]
    if isinstance(argument, dict):
        if len(argument) != 1 or not set(argument) <= {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise PatternError(f"{name}: anything-but takes no {', '.join(argument) or 'empty object'}")
        ((word, inner),) = argument.items()
        tests = [_test(name, word, each) for each in (inner if isinstance(inner, list) else [inner])]
    else:
        unwanted = argument if isinstance(argument, list) else [argument]
        if not unwanted or any(isinstance(each, list | dict) for each in unwanted):
            raise PatternError(f"{name}: anything-but takes values, or one operator")
        tests = [lambda value, each=each: _same(each, value) for each in unwanted]  # type: ignore[misc]
    return lambda value: not any(test(value) for test in tests)


def _affix(name: str, word: str, argument: Any) -> Callable[[Scalar], bool]:
    folded = isinstance(argument, dict) and set(argument) == {"equals-ignore-case"}
    text = _text(name, word, argument["equals-ignore-case"] if folded else argument)
    text = text.lower() if folded else text

    def test(value: Scalar) -> bool:
        if not isinstance(value, str):
            return False
        value = value.lower() if folded else value
        return value.startswith(text) if word == "prefix" else value.endswith(text)

    return test


def _numeric(name: str, argument: Any) -> Callable[[Scalar], bool]:
    if not isinstance(argument, list) or len(argument) % 2 or not 0 < len(argument) <= 2 * _MOST_COMPARISONS:
        raise PatternError(f"{name}: numeric takes one or two comparisons")
    pairs = list(zip(argument[::2], argument[1::2], strict=True))
    for sign, limit in pairs:
        if sign not in _COMPARE or not _is_number(limit) or abs(limit) > LARGEST:
            raise PatternError(f"{name}: numeric cannot compare with {sign} {limit}")
    return lambda value: _is_number(value) and all(_COMPARE[sign](value, limit) for sign, limit in pairs)  # type: ignore[arg-type]


def _wildcard(name: str, text: str) -> re.Pattern[str]:
    parts, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in {"*", "\\"}:
                raise PatternError(f"{name}: wildcard escapes a star or a backslash only")
            at += 1
            parts.append(re.escape(text[at]))
        elif text[at] == "*":
            if text[at + 1 : at + 2] == "*":
                raise PatternError(f"{name}: wildcard has two stars in a row")
            parts.append(".*")
        else:
            parts.append(re.escape(text[at]))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _text(name: str, word: str, argument: Any) -> str:
    if not isinstance(argument, str) or not argument:
        raise PatternError(f"{name}: {word} takes a text")
    return argument


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(wanted: Scalar, value: Scalar) -> bool:
    return type(wanted) is type(value) and wanted == value
