"""What the past executions of the training pipeline say: failures, looks that found no better model, recovery.

A retraining is first a look: the pipeline's probe trains challengers, and where none is better by enough the execution
ends well and without a model. That is a rejection. It is no failure, and no new model either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

IN_FLIGHT, FAILED = frozenset({"Executing", "Stopping"}), frozenset({"Failed", "CompletedWithFailures"})
# Somebody stopped it: it cost money and starts the cool-down, but says nothing about whether retraining works.
STOPPED, SUCCEEDED = "Stopped", "Succeeded"

RECOVERY_EVERY = timedelta(days=3)
LONGEST_RECOVERY = timedelta(days=28)
MOST_REJECTIONS = 3


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the probe of an execution found."""

    go: bool
    gain: float | None
    """By how much the best challenger's loss was lower than the champion's; None: there was nothing to compare."""
    needed: float | None
    """How much it had to be."""
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One execution of the training pipeline."""

    arn: str
    status: str
    started: datetime
    reason: str = "unknown"
    """Why the controller started it; unknown: it was somebody else."""
    probe: Probe | None = None
    """None: it left no report, which counts as gone on."""
    refused: bool = False
    """Whether it ended because the gates refused its model."""

    @property
    def name(self) -> str:
        """The name that SageMaker gave it."""
        return self.arn.rpartition("/")[2]

    @property
    def rejected(self) -> bool:
        """Whether it ended well and without a model, because a challenger was compared and was not better by enough.

        A look that came too early for any comparison says nothing of the champion.
        """
        probe = self.probe
        return self.status == SUCCEEDED and probe is not None and not probe.go and probe.gain is not None


def reason_of(display_name: str, known: Sequence[str]) -> str:
    """Return the reason in the name that the controller gives an execution: `REASON-DATE`."""
    found = re.fullmatch(r"([a-z-]+)-\d{4}-\d\d-\d\d", display_name)
    return found[1] if found and found[1] in known else "unknown"


def _ended(executions: Sequence[Execution]) -> list[Execution]:
    """Return those that ended by themselves, the newest first."""
    return [each for each in executions if each.status not in IN_FLIGHT | {STOPPED}]


def failed(executions: Sequence[Execution]) -> list[Execution]:
    """Return the last in a row that failed; where the gates refused a model, too."""
    return list(takewhile(lambda each: each.status in FAILED, _ended(executions)))


def broken(executions: Sequence[Execution]) -> int:
    """Return how many of the last in a row failed by a fault: the gates refused none of them."""
    return len(list(takewhile(lambda each: not each.refused, failed(executions))))


def fruitless(executions: Sequence[Execution]) -> list[Execution]:
    """Return the last in a row that gave no model: they failed, were refused, or found none that is better."""
    return list(takewhile(lambda each: each.status in FAILED or each.rejected, _ended(executions)))


def looked(executions: Sequence[Execution]) -> datetime | None:
    """Return when the last that ended well started, whatever it found."""
    return next((each.started for each in executions if each.status == SUCCEEDED), None)


def answered(changed: datetime | None, executions: Sequence[Execution]) -> datetime | None:
    """Return when the execution started whose model answers an alarm that fires; None where none does.

    The alarm has not changed since: it is the one that there was, or nothing has been seen of the new model yet.

    Args:
        changed: When the alarm began to fire; None: not known, then nothing has answered it.
        executions: The newest first.
    """
    made = next((each for each in executions if each.status == SUCCEEDED and (not each.probe or each.probe.go)), None)
    return made.started if made and changed is not None and changed <= made.started else None


def recovering(executions: Sequence[Execution], now: datetime) -> bool:
    """Tell whether the loop recovers from a quality alarm: it looks every three days, whatever the last look found.

    A recovery begins with the execution that is started for a new quality alarm, which alone has the reason `quality`;
    those that follow have the reason `recovery`. It is over 28 days after it began. It rests while the last three since
    then were rejections, failures left aside. So right after an abrupt change, when there is hardly anything to learn
    the new from, the first look is not the last. Nothing else is remembered: it follows from the executions alone.
    """
    began = _began(executions)
    if began is None or now - began >= LONGEST_RECOVERY:
        return False
    since = [each for each in executions if each.started >= began]
    return sum(each.rejected for each in fruitless(since)) < MOST_REJECTIONS


def is_new(changed: datetime | None, executions: Sequence[Execution], now: datetime) -> bool:
    """Tell whether a quality alarm that fires asks for a recovery of its own, where none goes on.

    It does if there never was one, or if the alarm began to fire after the last recovery began and 28 days have passed
    since then. An alarm that goes on firing, or comes and goes, therefore never has more than one recovery in 28 days;
    beyond that it is answered ever more rarely, like drift.

    Args:
        changed: When the alarm began to fire; None: not known.
        executions: The newest first.
        now: The time.
    """
    began = _began(executions)
    if began is None:
        return True
    return changed is not None and changed > began and now - began >= LONGEST_RECOVERY


def _began(executions: Sequence[Execution]) -> datetime | None:
    return next((each.started for each in executions if each.reason == "quality"), None)
