"""Scenarios of retraining: it fails, it learns from poisoned rows, it makes a worse model."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loopwright.branches import placed
from loopwright.rehearsal.scenarios.acts import asked_at
from loopwright.rehearsal.scenarios.poison import turned
from loopwright.rehearsal.scenarios.scenario import Promise, break_during
from loopwright.rehearsal.scenarios.seen import answers_go_on, looked_after, started, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopwright.rehearsal.rehearsal import Rehearsal
    from loopwright.rehearsal.stretch import Stretch

__all__ = ["ChallengerWorse", "PoisonedRows", "TrainingFails"]

DAY = timedelta(days=1)


class TrainingFails:
    """Each training job ends with an error."""

    name, what, days = "training-fails", "Every training job fails", 12.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Let the container of the training step be told what it does not know, three times at a person's wish."""

        def broken(name: str, definition: dict[str, Any]) -> None:
            if name == rehearsal.places.training:
                for each in placed(definition["Steps"]):
                    if each.step["Type"] == "Training":
                        each.step["Arguments"]["AlgorithmSpecification"]["ContainerArguments"] = ["no-such-stage"]

        break_during(rehearsal, self, stretch, definition=broken)
        days = (DAY / 24, 2 * DAY, 4 * DAY, 8 * DAY)
        asked_at(rehearsal, [stretch.begins + each for each in days] + [stretch.ends + DAY])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        failed = [each for each in started(rehearsal, stretch) if each.outcome == "failed"]
        versions = [each for each in started(rehearsal, stretch) if each.version]
        yield answers_go_on(rehearsal, stretch)
        yield Promise(
            what="what failed registers nothing, and is tried again",
            kept=len(failed) > 1 and not versions,
            because=f"{len(failed)} failed, {len(versions)} registered a version",
        )
        yield told(rehearsal, stretch, "retrainings failed in a row")
        yield looked_after(rehearsal, stretch)


class PoisonedRows:
    """The labels of all new rows are turned round."""

    name, what, days = "poisoned-rows", "The labels of all new rows to learn from are turned round", 45.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Turn the labels in each file that lands, and mend all of them at the end; a person asks for retrainings."""
        target = str(rehearsal.stack.agreed("target"))

        def poisoned(what: str, path: Path) -> None:
            if what == "labelled":
                turned(path, target)

        break_during(rehearsal, self, stretch, mended=lambda: rehearsal.traffic.again("labelled"), lands=poisoned)
        length = stretch.ends - stretch.begins
        asked_at(rehearsal, [*(stretch.begins + share * length for share in (0.6, 0.8, 0.95)), stretch.ends + DAY])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        later = [
            each
            for each in started(rehearsal, stretch)
            if each.at >= stretch.begins + (stretch.ends - stretch.begins) / 2
        ]
        passed = [each.version for each in later if each.version]
        yield Promise(
            what="a model of mostly poisoned rows is never registered",
            kept=bool(later) and not passed,
            because=f"{len(later)} retrainings in the second half: "
            + "; ".join(f"{each.outcome}, {each.because[:160]}" for each in later),
        )
        yield looked_after(rehearsal, stretch)


class ChallengerWorse:
    """Training makes models that are worse than the champion."""

    name, what, days = "challenger-worse", "Each challenger learns from next to nothing of its data", 12.0

    def arrange(self, rehearsal: Rehearsal, stretch: Stretch) -> None:
        """Let training stop after its first round; a person asks for a retraining, so that no probe is in the way."""

        def worse(name: str, definition: dict[str, Any]) -> None:
            if name == rehearsal.places.training:
                for each in placed(definition["Steps"]):
                    if each.step["Type"] == "Training":
                        each.step["Arguments"].setdefault("HyperParameters", {}).update(WORSE)

        break_during(rehearsal, self, stretch, definition=worse)
        asked_at(rehearsal, [stretch.begins + DAY / 24, stretch.begins + 4 * DAY, stretch.ends + DAY])

    def promises(self, rehearsal: Rehearsal, stretch: Stretch) -> Iterator[Promise]:
        """Yield what holds."""
        asked = [each for each in started(rehearsal, stretch) if each.reason == "manual"]
        refused = [each for each in asked if each.outcome == "refused"]
        yield answers_go_on(rehearsal, stretch)
        yield Promise(
            what="the gates refuse each of them",
            kept=bool(asked) and len(refused) == len(asked),
            because="; ".join(f"{each.outcome}: {each.because[:160]}" for each in asked) or "none was trained",
        )
        yield looked_after(rehearsal, stretch)


WORSE = {"rounds": "1", "learning_rate": "0.001"}
"""Hyperparameters of `params.yaml`; where a repository has others, the job fails, and no gate is asked."""
