"""Scenarios of a rollout: the new version is slow, or answers with errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.containers import Answer
from loopwright.rehearsal.scenarios.acts import approve_copy
from loopwright.rehearsal.scenarios.scenario import Promise, break_during, serving
from loopwright.rehearsal.scenarios.seen import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.rehearsal.chronicle import Rollout
    from loopwright.rehearsal.containers import Answered
    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["FailingCanary", "SlowCanary"]

SERVER_ERROR = 500


class _Canary:
    """A version that a person approves goes wrong while it is rolled out."""

    name, what, days = "", "", 3.0

    def wrong(self, rehearsal: Rehearsal, asked: Answered) -> Answered:
        """Return what the new version answers."""
        raise NotImplementedError

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Let the new fleet go wrong, and a person approve a version."""

        def answered(asked: Answered) -> Answered:
            pending = rehearsal.cloud.endpoints.endpoint(rehearsal.places.endpoint).pending
            new = pending is not None and pending.fleet.config == asked.config
            return self.wrong(rehearsal, asked) if new else asked

        break_during(rehearsal, self, stretch, answer=answered)
        rehearsal.cloud.clock.at(stretch.begins + timedelta(hours=1), lambda: approve_copy(rehearsal))

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        tried = [each for each in rehearsal.chronicle.rollouts if stretch.holds(each.at)]
        first = tried[0] if tried else None
        yield Promise(
            what="the rollout is taken back",
            kept=bool(tried) and all(each.outcome == "rolled back" for each in tried),
            because="; ".join(map(_told, tried)) or "nothing was rolled out",
        )
        before = serving(rehearsal, stretch.begins)
        after = serving(rehearsal, first.ended) if first and first.ended else None
        yield Promise(
            what="the champion serves again",
            kept=before is not None and before == after,
            because=f"version {before} before, version {after} after",
        )
        again = [each for each in rehearsal.chronicle.rollouts if first and each.version == first.version]
        known = rehearsal.chronicle.versions.get(first.version) if first and first.version else None
        yield Promise(
            what="the version is rejected, and not tried again",
            kept=len(again) == 1 and known is not None and known.approval == "Rejected",
            because=f"{len(again)} rollouts of it; the registry says {known.approval if known else 'nothing'}",
        )
        yield told(rehearsal, stretch, "version")


def _told(rollout: Rollout) -> str:
    share = f"version {rollout.version}: {rollout.outcome}, {rollout.because}"
    return f"{share}, after {(rollout.ended - rollout.at).total_seconds() / 60:.0f} minutes" if rollout.ended else share


class SlowCanary(_Canary):
    """The new version is much slower than the contract allows."""

    name, what = "slow-canary", "A new version answers ten times slower than the contract allows"

    def wrong(self, rehearsal: Rehearsal, asked: Answered) -> Answered:
        """Return the answer, much later."""
        limit = float(rehearsal.stack.agreed("rollout", "rollback", "p99_ms") or 1000)
        return replace(asked, latency=timedelta(milliseconds=10 * limit))


class FailingCanary(_Canary):
    """The new version answers with errors."""

    name, what = "failing-canary", "A new version answers each request with an error"

    def wrong(self, rehearsal: Rehearsal, asked: Answered) -> Answered:  # noqa: ARG002 - each one of them
        """Return an error."""
        return replace(asked, answer=Answer(status=SERVER_ERROR, media="application/json", body="{}"))
