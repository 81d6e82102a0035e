"""The rules by id: what each requires stands in its docstring, and where that comes from beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rules.plan import Finding, Plan

Check = Callable[[Plan], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class Rule:
    """One rule."""

    id: str
    source: str
    check: Check

    @property
    def requires(self) -> str:
        """What it requires, in one sentence."""
        return " ".join((self.check.__doc__ or "").split())

    def findings(self, plan: Plan) -> list[Finding]:
        """Return what it has against a plan."""
        return [Finding(self.id, where, message) for where, message in self.check(plan)]


RULES: dict[str, Rule] = {}


def rule(name: str, source: str) -> Callable[[Check], Check]:
    """Make a function, from a plan to pairs of address and message, the rule of that id."""

    def register(check: Check) -> Check:
        assert name not in RULES, name
        RULES[name] = Rule(name, source, check)
        return check

    return register
