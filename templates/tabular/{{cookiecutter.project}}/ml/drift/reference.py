"""The reference: what current rows are compared with, and how far each feature moves by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ml.drift import distances
from ml.drift.cells import cells, groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.drift.buckets import Feature
    from ml.drift.profile import Counts, Profile

ENOUGH = 30
"""Blocks whose largest distance is taken as it is."""
NEAR = 6
"""One in so many of the blocks, on either side, is near a block."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What current rows are compared with."""

    profile: Profile
    """Of the training window."""
    own: Mapping[str, float]
    """How far each feature moves by itself, as a Jensen-Shannon distance from 0 to 1 (`own`)."""
    block_rows: int
    """The median rows of the blocks that showed it; 0 where there were none."""


def own(whole: Profile, blocks: Sequence[Profile]) -> dict[str, float]:
    """Return how far each feature moves by itself: the largest distance of a block from the rows that are not near it.

    The largest of K distances is exceeded by that of one more block with probability 1 / (K + 1) if blocks come in no
    order (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World"). They do come in one, so a sixth
    of them on either side is left out with a block: neighbours in time are alike, and later windows have none among
    these rows (Burman, Chow and Nolan 1994, "A Cross-Validatory Method for Dependent Data").

    The mean of the sampling noise is taken off, so that what small blocks show holds for larger windows too. And the
    largest of few distances is smaller than that of many: of K normal ones, about sqrt(2 ln 2K) standard deviations
    (Leadbetter, Lindgren and Rootzen 1983, "Extremes and Related Properties of Random Sequences and Processes"). What
    fewer than `ENOUGH` blocks reach is scaled to what so many would.

    Args:
        whole: All rows, those of the blocks among them.
        blocks: Of the training window in the order of time, each as long as the windows that will be compared with it.

    Returns:
        The Jensen-Shannon distance of each feature, 0 to 1; 0 where there is only one block, or none.
    """
    found = dict.fromkeys(whole.counts, 0.0)
    if len(blocks) < 2:  # noqa: PLR2004 - nothing to compare
        return found
    until, gap, last = list(accumulate(blocks)), len(blocks) // NEAR, len(blocks) - 1
    for one in whole.features:
        if one.name not in found or not whole.counts[one.name].values:
            continue
        for at, block in enumerate(blocks):
            near = until[min(at + gap, last)].counts[one.name]
            near = near.without(until[at - gap - 1].counts[one.name]) if at > gap else near
            distance = _beyond_noise(one, whole.counts[one.name].without(near), block.counts[one.name])
            found[one.name] = max(found[one.name], distance)
    scale = max(1.0, math.sqrt(math.log(2 * ENOUGH) / math.log(2 * len(blocks))))
    return {name: min(1.0, scale * distance) for name, distance in found.items()}


def _beyond_noise(feature: Feature, rest: Counts, part: Counts) -> float:
    p, q = cells(feature, rest, part, groups(min(rest.rows, part.rows)))
    return math.sqrt(max(0.0, distances.divergence(p, q) - distances.divergence_unit(p, q) * (len(p) - 1)))
