from __future__ import annotations

import math

import numpy as np
import pytest

from ml.drift import distances
from ml.drift.buckets import Feature
from ml.drift.cells import cells, groups
from ml.drift.profile import Counts, Profile, total
from ml.drift.reference import own
from tests.profiles import number, numbers

WEEKDAY = Feature(name="day", column="at", kind="weekday")


def drawn(means: list[float], rows: int, seed: int = 0) -> list[Profile]:
    """Return blocks of a normal distribution whose mean moves."""
    random = np.random.default_rng(seed)
    values = [random.normal(mean, 1, (rows, 1)) for mean in means]
    feature = number(np.concatenate(values)[:, 0])
    return [numbers([feature], block) for block in values]


def moved(blocks: list[Profile]) -> float:
    return own(total(blocks), blocks)["x"]


def test_one_block_shows_nothing() -> None:
    (block,) = drawn([0.0], 100)
    assert own(block, [block]) == own(block, []) == {"x": 0.0}


def test_small_blocks_of_the_same_rows_hardly_move() -> None:
    """The mean of the noise is taken off; the largest of thirty is then as far as a shift of a fifth of a deviation."""
    assert 0.05 < moved(drawn([0.0] * 30, 200)) < 0.11
    assert moved(drawn([0.0] * 30, 5000)) < 0.03


@pytest.mark.parametrize("odd", [0, 4, 9])
def test_the_block_that_is_furthest_away_counts(odd: int) -> None:
    found = moved(drawn([1.0 if place == odd else 0.0 for place in range(10)], 2000))
    # A normal distribution that moves by its standard deviation has a PSI of 1, and groups lose a little of that. Ten
    # blocks show less than thirty do.
    expected = math.sqrt(1 / distances.PSI_BY_DIVERGENCE) * math.sqrt(math.log(60) / math.log(20))
    assert found == pytest.approx(expected, rel=0.1)


def test_blocks_near_a_block_are_left_out() -> None:
    """Of twelve blocks, two on either side: in the last three, no block but the nearest is like the last one."""
    alone = moved(drawn([0.0] * 11 + [1.0], 1000))
    three = moved(drawn([0.0] * 9 + [1.0] * 3, 1000))
    assert three == pytest.approx(alone, rel=0.05)
    apart = moved(drawn([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 1000))
    assert apart < 0.9 * alone


def test_few_blocks_are_taken_to_have_shown_less_than_many() -> None:
    few = {
        count: [moved(drawn([0.3] * count + [-0.3] * count, 4000, seed)) for seed in range(3)] for count in (1, 4, 15)
    }
    means = {count: float(np.mean(found)) for count, found in few.items()}
    assert means[1] > 1.3 * means[4] > 1.3 * means[15]
    far = drawn([0.0] * 3 + [100.0], 300)
    assert moved(far) == 1


@pytest.mark.parametrize("count", [2, 5, 6, 13])
def test_each_block_is_compared_with_what_is_not_near_it(count: int) -> None:
    blocks = drawn([0.1 * place for place in range(count)], 1000)
    gap, whole, found = count // 6, total(blocks), []
    for place, block in enumerate(blocks):
        far = blocks[: max(0, place - gap)] + blocks[place + gap + 1 :]
        p, q = cells(whole.features[0], total(far).counts["x"], block.counts["x"], groups(1000))
        excess = distances.divergence(p, q) - distances.divergence_unit(p, q) * (len(p) - 1)
        found.append(math.sqrt(max(0, excess)))
    assert moved(blocks) == pytest.approx(max(found) * math.sqrt(math.log(60) / math.log(2 * count)))


def test_rows_that_are_in_no_block_count_too() -> None:
    blocks = drawn([0.0, 0.0, 1.0], 500)
    assert own(total(blocks), blocks[1:])["x"] != pytest.approx(own(total(blocks[1:]), blocks[1:])["x"], rel=0.01)


def test_blocks_that_share_nothing_are_as_far_apart_as_can_be() -> None:
    days = [Profile(features=(WEEKDAY,), rows=300, counts={"day": Counts(buckets={day % 7: 300})}) for day in range(28)]
    found = own(total(days), days)["day"] * math.sqrt(math.log(56) / math.log(60))
    # One of seven days against all seven.
    assert found == pytest.approx(math.sqrt(distances.divergence(np.ones(7), np.eye(7)[0])), abs=0.02)


def test_features_that_cannot_be_compared_do_not_move() -> None:
    none = Profile(features=(WEEKDAY,), rows=9, counts={"day": Counts(nulls=9)})
    assert own(none + none, [none, none]) == {"day": 0.0}
    broken = Profile(features=(WEEKDAY,), rows=9, counts={}, broken=frozenset({("day", "missing")}))
    assert own(broken + broken, [broken, broken]) == {}
