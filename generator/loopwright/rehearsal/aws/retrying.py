"""Delivery as EventBridge and Scheduler do it: at least once, again with back-off and jitter, and then given up.

"How EventBridge retries delivering events" (Amazon EventBridge User Guide): 24 hours and 185 times where the target
says nothing else; what lacks a permission or a target is not tried again ("Using dead-letter queues to process
undelivered events in EventBridge"). "RetryPolicy" (EventBridge Scheduler API Reference): the same limits and ranges.

Neither page gives the intervals. Ours are the full jitter of "Exponential Backoff And Jitter" (AWS Architecture Blog),
from a second to a quarter of an hour: by them the 185 retries last about a day.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from loopwright.rehearsal.aws.clock import Clock

__all__ = ["Deliver", "Delivery", "DeliveryError", "Event", "Outcome", "Retries", "copied", "only"]

Event = dict[str, Any]
Deliver = Callable[[str, Event], None]
"""Hands an event to the target with an ARN; raises ``DeliveryError`` where the target does not take it."""

FINAL = {"NO_PERMISSIONS", "NO_RESOURCE"}
BASE, LONGEST = timedelta(seconds=1), timedelta(minutes=15)
LEAST_AGE, MOST_AGE, MOST_ATTEMPTS = 60, 86_400, 185


class DeliveryError(Exception):
    """A target did not take an event.

    Args:
        code: One of EventBridge's error codes, such as ``THROTTLING``, ``NO_PERMISSIONS`` or ``ERROR_FROM_TARGET``.
        message: What the target said.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How long an event is tried again."""

    attempts: int = MOST_ATTEMPTS
    """Retries after the first attempt."""
    age: timedelta = timedelta(seconds=MOST_AGE)
    """Since the event was made; no attempt is later."""

    @classmethod
    def of(cls, inputs: Mapping[str, Any] | None) -> Retries:
        """Return the policy of a target's input ``retryPolicy``; AWS's own limits where it says nothing.

        Raises:
            UnknownError: AWS would refuse it.
        """
        given = inputs or {}
        only("a retry policy", given, {"maximumEventAgeInSeconds", "maximumRetryAttempts"})
        age = int(given.get("maximumEventAgeInSeconds", MOST_AGE))
        attempts = int(given.get("maximumRetryAttempts", MOST_ATTEMPTS))
        if not LEAST_AGE <= age <= MOST_AGE or not 0 <= attempts <= MOST_ATTEMPTS:
            raise UnknownError(
                f"a retry policy of {attempts} attempts in {age} seconds",
                because=f"AWS takes 0 to {MOST_ATTEMPTS} attempts in {LEAST_AGE} to {MOST_AGE} seconds",
                attempt="mend the retry policy in infra/mlops/triggers.py",
            )
        return cls(attempts=attempts, age=timedelta(seconds=age))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a delivery ended."""

    retries: int
    error: DeliveryError | None = None
    """None: the target took the event."""
    exhausted: str | None = None
    """``MaximumRetryAttempts`` or ``MaximumEventAgeInSeconds``; None where no retry would have helped."""


class Delivery:
    """One event on its way to one target.

    Args:
        clock: The clock that the retries are planned on.
        retries: How long it is tried again.
        seed: Fixes the jitter.
        call: Makes the attempt with this number, from 1; raises ``DeliveryError`` where the target does not take it.
        ended: Is told once, when the event is taken or given up.
    """

    def __init__(
        self,
        clock: Clock,
        retries: Retries,
        *,
        seed: str,
        call: Callable[[int], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        self._clock, self._retries, self._call, self._ended = clock, retries, call, ended
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret  # nosec B311
        self._tried = 0

    def start(self, born: datetime) -> None:
        """Make the first attempt now, for an event that was made at a moment."""
        self._until = born + self._retries.age
        self._attempt()

    def _attempt(self) -> None:
        self._tried += 1
        try:
            self._call(self._tried)
        except DeliveryError as error:
            self._again(error)
        else:
            self._ended(Outcome(retries=self._tried - 1))

    def _again(self, error: DeliveryError) -> None:
        retries = self._tried - 1
        if error.code in FINAL:
            self._ended(Outcome(retries=retries, error=error))
        elif retries >= self._retries.attempts:
            self._ended(Outcome(retries=retries, error=error, exhausted="MaximumRetryAttempts"))
        elif (time := self._clock.now + self._wait(retries)) <= self._until:
            self._clock.at(time, self._attempt)
        else:
            given_up = Outcome(retries=retries, error=error, exhausted="MaximumEventAgeInSeconds")
            self._clock.at(max(self._until, self._clock.now), lambda: self._ended(given_up))

    def _wait(self, retries: int) -> timedelta:
        # Beyond the tenth doubling every wait is the longest; the power would only grow.
        longest: timedelta = min(LONGEST, BASE * 2 ** min(retries + 1, 10))
        return longest * self._random.random()


def copied(event: Event) -> Event:
    """Return an event that its receiver may change."""
    return copy.deepcopy(event)


def only(what: str, inputs: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse inputs that the emulated AWS does not know.

    Raises:
        UnknownError: Something else than the known inputs is set.
    """
    unknown = sorted(name for name, value in inputs.items() if value is not None and name not in known)
    if unknown:
        raise UnknownError(
            f"{what} with {', '.join(unknown)}",
            because="AWS offers it, and the emulated AWS does not follow it",
            attempt="rehearse a stack without it, or teach loopwright.rehearsal.aws what AWS documents",
        )
