"""ADWIN: a window of recent values that shrinks when its older and its newer part differ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

CONFIDENCE = 0.002
"""The delta of the paper's experiments, and the default of the library river."""
BUCKETS = 5
"""Of one size, before the two oldest become one (M in the paper)."""
EVERY = 32
"""So many values pass between two looks for a cut."""
FEWEST = 5
"""Values that either part of a cut has."""


@dataclass
class Adwin:
    """An adaptive window of values from 0 to 1, as an exponential histogram: it keeps O(log n) numbers.

    Source: Bifet and Gavalda 2007, "Learning from Time-Changing Data with Adaptive Windowing" (ADWIN2).
    """

    confidence: float = CONFIDENCE
    levels: list[list[float]] = field(default_factory=lambda: [[]])
    """The sums of buckets of 1, 2, 4 ... values, the oldest bucket of a size first."""
    seen: int = 0

    @property
    def size(self) -> int:
        """How many values the window holds."""
        return sum(len(level) << power for power, level in enumerate(self.levels))

    @property
    def mean(self) -> float:
        """The mean of the window; 0 where it is empty."""
        size = self.size
        return sum(map(sum, self.levels)) / size if size else 0.0

    def add(self, value: float) -> bool:
        """Take a value, and tell whether the window shrank because values have become larger."""
        self.levels[0].append(float(value))
        for power, level in enumerate(self.levels):
            if len(level) <= BUCKETS:
                break
            if power + 1 == len(self.levels):
                self.levels.append([])
            self.levels[power + 1].append(level.pop(0) + level.pop(0))
        self.seen += 1
        if self.seen % EVERY:
            return False
        before, shrunk = self.mean, False
        while self._differs():
            self._drop()
            shrunk = True
        return shrunk and self.mean > before

    def _drop(self) -> None:
        self.levels[-1].pop(0)
        while len(self.levels) > 1 and not self.levels[-1]:
            self.levels.pop()

    def _differs(self) -> bool:
        """Tell whether any cut of the window parts values whose means differ by more than chance (theorem 3.1)."""
        size, total = self.size, sum(map(sum, self.levels))
        if size < 2 * FEWEST:
            return False
        mean = total / size
        variance, log = mean * (1 - mean), math.log(2 * math.log(size) / self.confidence)
        older, sum_of_older = 0, 0.0
        for power in range(len(self.levels) - 1, -1, -1):
            for bucket in self.levels[power]:
                older, sum_of_older = older + (1 << power), sum_of_older + bucket
                newer = size - older
                if older < FEWEST or newer < FEWEST:
                    continue
                harmonic = 1 / (1 / older + 1 / newer)
                limit = math.sqrt(2 / harmonic * variance * log) + 2 / (3 * harmonic) * log
                if abs(sum_of_older / older - (total - sum_of_older) / newer) > limit:
                    return True
        return False
