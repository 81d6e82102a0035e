"""What the promises of several scenarios look at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.scenarios.scenario import Promise, serving

if TYPE_CHECKING:
    from loopwright.rehearsal.chronicle import Retraining
    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["answers_go_on", "looked_after", "somebody_serves", "started", "told"]

VERDICTS = {"registered", "no better model", "refused"}


def answers_go_on(rehearsal: Rehearsal, stretch: Stretch) -> Promise:
    """Promise that one and the same version serves from the fault's begin to its end."""
    before, seen = serving(rehearsal, stretch.begins), _served(rehearsal, stretch)
    kept = seen == {before} and before is not None
    return Promise(what="the champion goes on serving", kept=kept, because=f"{_named(seen)} served all the while")


def somebody_serves(rehearsal: Rehearsal, stretch: Stretch) -> Promise:
    """Promise that there is a version that serves at any time, be it always the same or not."""
    seen = _served(rehearsal, stretch)
    return Promise(what="a version serves at any time", kept=None not in seen, because=f"{_named(seen)} served")


def _served(rehearsal: Rehearsal, stretch: Stretch) -> set[int | None]:
    seen, moment = set(), stretch.begins
    while moment < stretch.ends:
        seen.add(serving(rehearsal, moment))
        moment += timedelta(hours=1)
    return seen


def _named(versions: set[int | None]) -> str:
    return ", ".join("no version" if each is None else f"version {each}" for each in sorted(versions, key=str))


def started(rehearsal: Rehearsal, stretch: Stretch) -> list[Retraining]:
    """Return the retrainings that started while it was broken."""
    return [each for each in rehearsal.chronicle.retrainings.values() if stretch.holds(each.at)]


def looked_after(rehearsal: Rehearsal, stretch: Stretch) -> Promise:
    """Promise that a retraining comes to a verdict once it is mended: a new model, no better one, or a refusal."""
    after = [each for each in rehearsal.chronicle.retrainings.values() if each.at >= stretch.ends]
    judged = [each for each in after if each.outcome in VERDICTS]
    because = f"{len(after)} were tried, none came to one"
    if judged:
        because = f"that of {judged[0].at:%Y-%m-%d}: {judged[0].outcome}"
    return Promise(what="once it is mended, a retraining comes to a verdict", kept=bool(judged), because=because)


def told(rehearsal: Rehearsal, stretch: Stretch, word: str, *, later: timedelta = timedelta(days=1)) -> Promise:
    """Promise that a person is told, with a word in the subject."""
    notices = [
        each for each in rehearsal.pages() if word in each.what and stretch.begins <= each.at < stretch.ends + later
    ]
    because = f"on {notices[0].at:%Y-%m-%d %H:%M}: {notices[0].what}" if notices else "nothing of it was published"
    return Promise(what="a person is told", kept=bool(notices), because=because)
