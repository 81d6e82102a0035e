"""What a retraining costs, in units of the loss times a day of traffic, and what that is in money."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loopwright.errors import UsageError

__all__ = ["Cost", "Price", "parsed"]

SHARES = {"low": 0.1, "middle": 0.4, "high": 2.0}
"""A retraining costs as much as so many days of the loss of models that are fresh."""
MONEY = "usd"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What was said of the cost."""

    text: str
    share: float | None = None
    """Of a day's loss of fresh models."""
    units: float | None = None
    """Units of the loss times a day of traffic."""
    usd: float | None = None
    """Money for each retraining."""
    value_of_loss: float | None = None
    """What a unit of the loss on one row costs, in USD."""

    def price(self, fresh: float, rows: float) -> Price:
        """Return what it comes to.

        Args:
            fresh: Mean loss of a row with fresh models.
            rows: Rows of a day.
        """
        day = rows * self.value_of_loss if self.value_of_loss else None
        if self.units is not None:
            each = self.units
        elif self.usd is not None and day:
            each = self.usd / day
        else:
            each = (self.share or 0.0) * fresh
        return Price(each=each, usd_of_a_unit=day)


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a retraining costs."""

    each: float
    """c, in units of the loss times a day of traffic."""
    usd_of_a_unit: float | None
    """What one more unit of the mean loss costs a day; None where nobody said what a loss is worth."""

    def usd(self, units: float, days: float = 1.0) -> float | None:
        """Return what a mean loss, or a cost in its units, comes to in so many days."""
        return None if self.usd_of_a_unit is None else units * self.usd_of_a_unit * days


def parsed(text: str, value_of_loss: float | None) -> Cost:
    """Read the cost of a retraining.

    Args:
        text: `low`, `middle` or `high`, a number (units of the loss times a day), or money: `3.50usd`.
        value_of_loss: USD for each unit of the loss on one row.

    Raises:
        UsageError: It cannot be read, or is money while nobody says what a loss is worth.
    """
    if text in SHARES:
        return Cost(text=text, share=SHARES[text], value_of_loss=value_of_loss)
    money = text.lower().endswith(MONEY)
    number = _number(text[: -len(MONEY)] if money else text)
    if number is None:
        raise UsageError(
            f"{text!r} is no cost of a retraining",
            because=f"it is one of {', '.join(SHARES)}, a number above 0, or money such as 3.50usd",
            attempt="--cost middle",
        )
    if money and not value_of_loss:
        raise UsageError(
            f"a retraining of {text} cannot be compared with losses",
            because="nobody says what a unit of the loss on one row is worth",
            attempt="add --value-of-loss USD, or give --cost as low, middle, high or a number",
        )
    if money:
        return Cost(text=text, usd=number, value_of_loss=value_of_loss)
    return Cost(text=text, units=number, value_of_loss=value_of_loss)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found > 0 else None
