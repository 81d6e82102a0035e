"""What a price depends on and no program says: how much is asked, how long a job runs, how much is kept."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from loopwright.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Assumptions", "assume", "plain"]


def _of(value: float, meaning: str) -> float:
    return field(default=value, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Each is a number that the caller may change; the meaning completes "assuming NUMBER ..."."""

    requests: float = _of(100_000, "requests a month")
    request_kb: float = _of(4, "KB in and out a request")
    request_ms: float = _of(50, "ms of a serverless endpoint a request")
    step_minutes: float = _of(5, "minutes a job of a pipeline")
    unscheduled_runs: float = _of(1, "training(s) a month where no schedule starts any")
    function_seconds: float = _of(3, "seconds a run of a function")
    rule_events: float = _of(30, "events a month and rule")
    log_kb: float = _of(1, "KB of log a request and run")
    bucket_gb: float = _of(5, "GB a bucket, beside what is captured")
    bucket_writes: float = _of(10_000, "writes a month and bucket")
    image_gb: float = _of(5, "GB of images")
    key_requests: float = _of(10_000, "uses of a key a month")
    mails: float = _of(30, "mails a month")
    unseen_metrics: float = _of(3, "own metrics that neither alarm nor dashboard shows")

    def words(self) -> tuple[str, ...]:
        """Return one text for each assumption."""
        return tuple(f"{plain(getattr(self, entry.name))} {entry.metadata['meaning']}" for entry in fields(self))


def plain(number: float) -> str:
    """Return a number with commas and without needless digits."""
    return f"{number:,.15g}"


def assume(pairs: Sequence[str]) -> Assumptions:
    """Return the assumptions with some changed.

    Args:
        pairs: Texts such as ``requests=2000000``.

    Raises:
        UsageError: A pair names no assumption, or no number that can be meant.
    """
    known = [entry.name for entry in fields(Assumptions)]
    changed: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"there is no assumption {name!r}",
                because=f"the assumptions are {', '.join(known)}",
                attempt=f"--assume {near[0]}=NUMBER" if near else "--assume with one of them",
            )
        changed[name] = _number(name, text)
    return replace(Assumptions(), **changed)


def _number(name: str, text: str) -> float:
    try:
        value = float(text.replace("_", "").replace(",", ""))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(
            f"{name} cannot be {text!r}",
            because="an assumption is a number that is not negative",
            attempt=f"--assume {name}={getattr(Assumptions(), name):g}",
        )
    return value
