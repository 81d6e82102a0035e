"""The loss matrix that the project's `python -m ml matrix` leaves: one line of JSON a model."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .days import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .days import Counts, Floats

__all__ = ["Kept", "Trained"]


OFTEN = 0.5
"""The share of the days on which a window has to have a model, to take part."""


class Trained(NamedTuple):
    """A model of the matrix."""

    loss: Floats
    """Mean loss of each day of the history; NaN up to its training and where there are no rows."""
    quality: Floats
    spread: Floats
    """Standard deviation of the loss of a row, of each day."""
    rows: int
    """What it learned from."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The models of a history, trained at the end of every so many days."""

    counts: Counts
    delay: int
    least: int
    every: int
    begin: int
    """The first day at whose end a model of each window is trained."""
    windows: tuple[int, ...]
    """In days: those that could be learned from on most of these days."""
    judges: int
    """Rows of a day that judge at most."""
    models: Mapping[Model, Trained] = field(repr=False)

    @classmethod
    def read(cls, header: Mapping[str, Any]) -> Kept:
        """Read the models that a header is about."""
        days, every = len(header["counts"]), header["every"]
        grid = range(header["begin"], days - 1, every)
        found: dict[Model, Trained] = {}
        with Path(header["models"]).open(encoding="utf-8") as lines:
            for line in lines:
                document = json.loads(line)
                one = Model(document["day"], document["window"])
                if "loss" in document and one.day in grid and one.window in header["windows"]:
                    found[one] = _trained(document, days)
        windows = tuple(each for each in header["windows"] if _often(found, each) >= OFTEN * len(grid))
        found = {one: of for one, of in found.items() if one.window in windows}
        whole = (day for day in grid if windows and all(Model(day, window) in found for window in windows))
        return cls(
            counts=np.array(header["counts"]),
            delay=header["delay"],
            least=header["min_rows"],
            every=every,
            begin=next(whole, days),
            windows=windows,
            judges=header["judges"],
            models=found,
        )

    @property
    def days(self) -> int:
        """Days of the history."""
        return len(self.counts)

    def whole(self, day: int) -> bool:
        """Tell whether a model of each window is trained at the end of a day."""
        return all(Model(day, window) in self.models for window in self.windows)

    def model(self, day: int, window: int) -> Trained:
        """Return a model; see `Matrix`."""
        return self.models[Model(day, window)]

    def losses(self, day: int, window: int) -> Floats:
        """Return the losses of a model on each day; infinite where it could not be trained."""
        one = self.models.get(Model(day, window))
        return np.full(self.days, math.inf) if one is None else one.loss

    def learned(self, day: int, window: int) -> int:
        """Return the rows that a model learned from; 0 where it could not be trained or is none of the grid."""
        one = self.models.get(Model(day, window))
        return 0 if one is None else one.rows

    def newest(self, day: int) -> int | None:
        """Return the latest day of the grid up to ``day``."""
        last = min(day, self.days - 2)
        return None if last < self.begin else self.begin + (last - self.begin) // self.every * self.every

    def error(self, one: Model, other: Model, day: int) -> float:
        """Return the standard error as if the losses of the two models had nothing to do with each other.

        They rise and fall together, so it is too large: on a single day, nobody is found better too easily.
        """
        spread = math.hypot(*(float(self.model(*each).spread[day]) for each in (one, other)))
        return spread / math.sqrt(min(int(self.counts[day]), self.judges))


def _often(found: Mapping[Model, Trained], window: int) -> int:
    return sum(one.window == window for one in found)


def _trained(document: Mapping[str, Any], days: int) -> Trained:
    loss, spread = (np.full(days, np.nan) for _ in range(2))
    loss[document["day"] + 1 :] = np.array(document["loss"], dtype=float)
    spread[document["day"] + 1 :] = np.array(document["spread"], dtype=float)
    return Trained(loss, np.array(document["quality"], dtype=float), spread, document["rows"])
