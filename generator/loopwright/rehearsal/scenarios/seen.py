"""What the promises of several scenarios look at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from loopwright.rehearsal.scenarios.scenario import Promise, serving

if TYPE_CHECKING:
    from loopwright.rehearsal.chronicle import Retraining
    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["answers_go_on", "looked_after", "started", "told"]


def answers_go_on(rehearsal: Rehearsal, stretch: Stretch) -> Promise:
    """Promise that one and the same version answers from the fault's begin to its end."""
    before, moment, seen = serving(rehearsal, stretch.begins), stretch.begins, set()
    while moment < stretch.ends:
        seen.add(serving(rehearsal, moment))
        moment += timedelta(hours=1)
    names = ", ".join(f"version {each}" for each in sorted(seen, key=str))
    return Promise(
        what="the champion goes on serving",
        kept=seen == {before} and before is not None,
        because=f"{names} served all the while",
    )


def started(rehearsal: Rehearsal, stretch: Stretch) -> list[Retraining]:
    """Return the retrainings that started while it was broken."""
    return [each for each in rehearsal.chronicle.retrainings.values() if stretch.holds(each.at)]


def looked_after(rehearsal: Rehearsal, stretch: Stretch) -> Promise:
    """Promise that a retraining ends well once it is mended."""
    after = [each for each in rehearsal.chronicle.retrainings.values() if each.at >= stretch.ends]
    well = [each for each in after if each.status == "Succeeded"]
    because = (
        f"the one of {well[0].at:%Y-%m-%d} ended well: {well[0].outcome}"
        if well
        else f"{len(after)} were tried, none ended well"
    )
    return Promise(what="once it is mended, a retraining ends well by itself", kept=bool(well), because=because)


def told(rehearsal: Rehearsal, stretch: Stretch, word: str, *, later: timedelta = timedelta(days=1)) -> Promise:
    """Promise that a person is told, with a word in the subject."""
    notices = [
        each for each in rehearsal.pages() if word in each.what and stretch.begins <= each.at < stretch.ends + later
    ]
    because = f"on {notices[0].at:%Y-%m-%d %H:%M}: {notices[0].what}" if notices else "nothing of it was published"
    return Promise(what="a person is told", kept=bool(notices), because=because)
