"""Filter patterns for JSON lines: ``{ $.event = "request" && $.odd > 0 }``.

Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" (Amazon
CloudWatch Logs User Guide): selectors, ``= != < <= > >=``, ``&&`` before ``||``, parentheses, ``*`` in a text. Elements
of arrays, ``IS``, ``NOT EXISTS``, regular expressions and patterns for lines that are no JSON are refused.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Selection = Callable[[Any], bool]

__all__ = ["Selection", "Selector", "selection"]

TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>\$(?:\.[A-Za-z0-9_-]+)+)
        |(?P<text>"[^"]*")
        |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
        |(?P<word>[A-Za-z_]\w*)
        |(?P<sign>&&|\|\||<=|>=|!=|[=<>(){}])
    )\s*""",
    re.VERBOSE | re.ASCII,
)
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
KEYWORDS = {"IS", "NOT", "EXISTS", "NULL", "TRUE", "FALSE"}


@dataclass(frozen=True)
class Selector:
    """A path to a value in a line."""

    steps: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Selector:
        """Return the selector of a text such as ``$.answer.odd``.

        Raises:
            UnknownError: The text is no such path.
        """
        found = TOKEN.fullmatch(text)
        if not found or found.lastgroup != "selector":
            raise _unknown(text, "it is no path of names")
        return cls(tuple(text.strip().split(".")[1:]))

    def find(self, event: Any) -> Any:
        """Return the value at the path; None where there is none."""
        for step in self.steps:
            event = event.get(step) if isinstance(event, dict) else None
        return event


def selection(pattern: str) -> Selection:
    """Return the test that a pattern is, for a line's parsed JSON.

    Raises:
        UnknownError: The pattern is malformed, or holds what is not emulated.
    """
    return _Parser(pattern).whole()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0
        self._tokens = list(self._split())

    def whole(self) -> Selection:
        self._expect("{")
        found = self._either()
        self._expect("}")
        if self._at != len(self._tokens):
            raise _unknown(self._pattern, "something follows the closing brace")
        return found

    def _either(self) -> Selection:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _both(self) -> Selection:
        tests = [self._one()]
        while self._take("&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _one(self) -> Selection:
        if self._take("("):
            inside = self._either()
            self._expect(")")
            return inside
        selector = Selector.of(self._next("selector"))
        sign = self._next("sign")
        kind, value = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        self._at += 1
        if sign in COMPARISONS and kind == "number":
            return _number(selector, sign, float(value))
        if sign in {"=", "!="} and (kind == "text" or (kind == "word" and value not in KEYWORDS)):
            return _text(selector, sign, value.strip('"'))
        raise _unknown(self._pattern, f"{sign} {value} is not emulated")

    def _split(self) -> list[tuple[str, str]]:
        found, at = [], 0
        while at < len(self._pattern):
            token = TOKEN.match(self._pattern, at)
            if not token or token.lastgroup is None:
                raise _unknown(self._pattern, f"{self._pattern[at:]!r} is not emulated")
            found.append((token.lastgroup, token[token.lastgroup]))
            at = token.end()
        return found

    def _take(self, sign: str) -> bool:
        taken = self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign)
        self._at += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise _unknown(self._pattern, f"{sign} is missing")

    def _next(self, kind: str) -> str:
        found = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if found[0] != kind:
            raise _unknown(self._pattern, f"{found[1] or 'its end'} stands where a {kind} is wanted")
        self._at += 1
        return found[1]


def _number(selector: Selector, sign: str, value: float) -> Selection:
    def test(event: Any) -> bool:
        found = selector.find(event)
        return isinstance(found, int | float) and not isinstance(found, bool) and COMPARISONS[sign](found, value)

    return test


def _text(selector: Selector, sign: str, value: str) -> Selection:
    wanted = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.DOTALL)

    def test(event: Any) -> bool:
        found = selector.find(event)
        return isinstance(found, str) and bool(wanted.fullmatch(found)) is (sign == "=")

    return test


def _unknown(pattern: str, because: str) -> UnknownError:
    return UnknownError(
        f"the emulated CloudWatch Logs does not know the pattern {pattern!r}",
        because=because,
        attempt='compare fields of a JSON line, as in { $.event = "request" && $.odd > 0 }',
    )
