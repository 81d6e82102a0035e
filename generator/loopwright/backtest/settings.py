"""Loops to compare: as loop.yaml has it, and as the first half of the history suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopwright.backtest.choosing import Choice

__all__ = ["BACKTESTED", "STANDING", "Setting", "settings"]

STANDING, BACKTESTED = "loop, as loop.yaml has it", "loop, backtested"


class Setting(NamedTuple):
    """What loop.yaml says of when and how to retrain."""

    schedule: str
    """`triggers.schedule`."""
    windows_days: tuple[int, ...]
    min_gain: float | Literal["auto"]
    days: int | None = None
    """The interval that the schedule is, of one that is proposed."""

    def request(self) -> dict[str, Any]:
        """Return what is changed of the contract to play it: nothing of what stands there."""
        if self.days is None:
            return {}
        return {"schedule_days": self.days, "windows_days": list(self.windows_days), "min_gain": self.min_gain}


def settings(header: Mapping[str, Any], asked: Sequence[int], choice: Choice, cost: float) -> dict[str, Setting]:
    """Return the loops to compare, by name.

    Args:
        header: Of the matrix, with what the contract says.
        asked: The windows that may be proposed, in days.
        choice: What the first half suggests.
        cost: Of a retraining, in units of the loss times a day.
    """
    standing = header["contract"]
    found = {STANDING: Setting(standing["schedule"], tuple(standing["windows_days"]), standing["min_gain"])}
    # A champion without labelled answers can be compared with nobody: who looks sooner retrains blindly.
    days = max(choice.interval(cost), header["delay"])
    schedule = f"rate({days} day{'s' if days > 1 else ''})"
    # A window that loses on the average stays in: on the days after a change it is the one that wins.
    windows = tuple(sorted({*asked} & {*choice.tried})) or choice.tried
    return found | {BACKTESTED: Setting(schedule, windows, choice.min_gain(cost), days)}
