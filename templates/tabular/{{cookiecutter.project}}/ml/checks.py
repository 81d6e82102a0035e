"""Checks that the data contract in `ml/schema.py` uses beside pandera's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from pandera.polars import Check

if TYPE_CHECKING:
    from pandera.api.polars.types import PolarsData

UNSEEN_SHARE = 0.05


def levels(*allowed: bool | int | str, unseen: float = UNSEEN_SHARE) -> Check:
    """Let at most a share of the non-null values be none of the ``allowed`` levels.

    A new category is a fact of life and the model reads it as missing; many at once are a break upstream.

    Args:
        allowed: The levels that the training data had, all of one type.
        unseen: The largest share of non-null values outside them, from 0 to 1.
    """

    def few_unseen(data: PolarsData) -> pl.LazyFrame:
        outside = (~pl.col(data.key).is_in(list(allowed))).fill_null(value=False)
        known = pl.col(data.key).is_not_null()
        return data.lazyframe.select(few_unseen=outside.sum() <= unseen * known.sum())

    return Check(
        few_unseen,
        name="levels",
        statistics={"allowed": list(allowed), "unseen": unseen},
        error=f"more than {unseen:.0%} of the values are none of {', '.join(map(repr, allowed))}",
    )
