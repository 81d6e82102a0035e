"""The bill of one resource: amounts of what has a price, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from loopwright.cost.prices import Price, Prices

__all__ = ["Bill", "Cost", "When"]

When = Literal["always", "timed", "asked"]
"""Always: as long as it exists. Timed: by schedules and by what is kept. Asked: by requests."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a resource costs a month, in USD."""

    always: float = 0.0
    timed: float = 0.0
    asked: float = 0.0
    most: float = 0.0
    """If every job runs to its limit, as often as it may, on as many instances as there may be."""
    free: bool = False
    unknown: tuple[str, ...] = ()
    """What has no known price; it is in no sum."""
    guessed: bool = False
    """A price in it is not from a price list."""
    basis: str = ""
    """What is counted, in words."""

    @property
    def by_use(self) -> float:
        """What depends on use: schedules, storage and requests."""
        return self.timed + self.asked

    @property
    def expected(self) -> float:
        """All of it."""
        return self.always + self.by_use


@dataclass(kw_only=True)
class Bill:
    """Adds up."""

    prices: Prices
    region: str | None
    sums: dict[When, float] = field(default_factory=lambda: {"always": 0.0, "timed": 0.0, "asked": 0.0})
    most: float = 0.0
    unknown: list[str] = field(default_factory=list)
    guessed: bool = False
    empty: bool = True

    def add(self, when: When, name: str, amount: float, *, most: float | None = None) -> None:
        """Add an amount of something that has a price, by its name in the list."""
        self._add(when, name, self.prices.find(name, self.region), amount, most)

    def hours(self, when: When, instance: str, amount: float, *, most: float | None = None) -> None:
        """Add hours of an instance."""
        self._add(when, instance, self.prices.instance(instance, self.region), amount, most)

    def not_known(self, what: str) -> None:
        """Note something whose price is unknown."""
        self.empty = False
        if what not in self.unknown:
            self.unknown.append(what)

    def cost(self, basis: str) -> Cost:
        """Return the sum."""
        return Cost(
            **self.sums,
            most=self.most,
            free=self.empty,
            unknown=tuple(self.unknown),
            guessed=self.guessed,
            basis=basis,
        )

    def _add(self, when: When, name: str, price: Price | None, amount: float, most: float | None) -> None:
        if price is None:
            self.not_known(name)
            return
        self.empty = False
        self.guessed |= price.guessed
        self.sums[when] += price.usd * amount
        self.most += price.usd * (amount if most is None else most)
