"""CloudWatch metric math, as far as the alarms of the loop use it.

Source: "Using math expressions with CloudWatch metrics" (Amazon CloudWatch User Guide), whose rules for missing points
are not those that one would guess:

- between two series, a point that only one of them has counts as 0 in the other, in arithmetic and in comparisons;
- against a number, a series keeps its gaps;
- a point that divides by zero is dropped;
- ``IF(condition, a, b)`` has no point where the condition has none; where the condition holds and ``a`` has no point it
  is 0, and where it does not hold and ``b`` has no point (or is left out) there is none.
"""

from __future__ import annotations

import ast
import operator
import re
from functools import cache
from typing import TYPE_CHECKING

from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Points", "evaluate", "names"]

Points = tuple[float | None, ...]
"""A series: one value for each period, oldest first; None where there is no point."""
Value = float | Points

IDENTIFIER = re.compile(r"[a-z]\w*", re.ASCII)
NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(expression: str, series: Mapping[str, Sequence[float | None]]) -> Points:
    """Return the series that an expression makes of others; all have the same periods.

    Args:
        expression: Identifiers, numbers, ``+ - * /``, comparisons, ``IF`` and ``FILL`` with a number.
        series: One value for each period, by identifier.

    Raises:
        UnknownError: The expression holds anything else, or its result is a number and no series.
    """
    if len({len(values) for values in series.values()}) > 1:
        raise ValueError("the series of one expression have the same periods")
    result = _Reading(expression, {name: tuple(values) for name, values in series.items()}).value(_parsed(expression))
    if not isinstance(result, tuple):
        raise _unknown(expression, "its result is a number, and CloudWatch wants a series")
    return result


@cache
def names(expression: str) -> frozenset[str]:
    """Return the identifiers of the series that an expression reads.

    Raises:
        UnknownError: The expression cannot be read.
    """
    found = (node.id for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Name))
    return frozenset(name for name in found if IDENTIFIER.fullmatch(name))


class _Reading:
    """One evaluation of one expression."""

    def __init__(self, expression: str, series: Mapping[str, Points]) -> None:
        self._expression, self._series = expression, series

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Name(id=name) if name in self._series and IDENTIFIER.fullmatch(name):
                return self._series[name]
            case ast.Constant() if NUMBER.fullmatch(self._text(node)):
                return float(self._text(node))
            case ast.UnaryOp(op=ast.USub()):
                return _binary(operator.sub, 0.0, self.value(node.operand))
            case ast.BinOp(op=sign) if type(sign) in ARITHMETIC:
                return _binary(ARITHMETIC[type(sign)], self.value(node.left), self.value(node.right))
            case ast.Compare(ops=[sign]) if type(sign) in COMPARISONS:
                return _binary(COMPARISONS[type(sign)], self.value(node.left), self.value(node.comparators[0]))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._called(name, arguments)
        raise _unknown(self._expression, f"{self._text(node)} is not emulated")

    def _called(self, name: str, arguments: list[ast.expr]) -> Points:
        match name, arguments:
            case "IF", [condition, then]:
                return self._if(condition, then)
            case "IF", [condition, then, otherwise]:
                return self._if(condition, then, otherwise)
            case "FILL", [filled, filler]:
                return self._fill(filled, filler)
        raise _unknown(self._expression, f"{name} of these arguments is not emulated")

    def _if(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr | None = None) -> Points:
        holds = self.value(condition)
        if not isinstance(holds, tuple):
            raise _unknown(self._expression, "a condition that is a number is not emulated")
        some = _spread(self.value(then), len(holds))
        others = _spread(None if otherwise is None else self.value(otherwise), len(holds))
        chosen = zip(holds, some, others, strict=True)
        return tuple(None if flag is None else ((a or 0.0) if flag else b) for flag, a, b in chosen)

    def _fill(self, filled: ast.expr, filler: ast.expr) -> Points:
        points, value = self.value(filled), self.value(filler)
        if not isinstance(points, tuple) or isinstance(value, tuple):
            raise _unknown(self._expression, "FILL takes a series and a number here")
        return tuple(value if point is None else point for point in points)

    def _text(self, node: ast.AST) -> str:
        return _segment(self._expression, node)


@cache
def _segment(expression: str, node: ast.AST) -> str:
    return ast.get_source_segment(expression.strip(), node) or ""


@cache
def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _unknown(expression, "it cannot be read") from error


def _binary(sign: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, tuple) and isinstance(right, tuple):
        pairs = zip(left, right, strict=True)
        return tuple(None if a is None and b is None else _point(sign, a or 0.0, b or 0.0) for a, b in pairs)
    if isinstance(left, tuple):
        return tuple(None if a is None else _point(sign, a, right) for a in left)  # type: ignore[arg-type]
    if isinstance(right, tuple):
        return tuple(None if b is None else _point(sign, left, b) for b in right)
    found = _point(sign, left, right)
    if found is None:
        raise _unknown(f"{left} / {right}", "it divides a number by zero")
    return found


def _point(sign: Callable[[float, float], float], left: float, right: float) -> float | None:
    try:
        return float(sign(left, right))
    except ZeroDivisionError:
        return None


def _spread(value: Value | None, length: int) -> Points:
    return value if isinstance(value, tuple) else (value,) * length


def _unknown(expression: str, because: str) -> UnknownError:
    return UnknownError(
        f"the emulated CloudWatch cannot evaluate {expression!r}",
        because=because,
        attempt="use identifiers, numbers, + - * /, comparisons, IF and FILL",
    )
