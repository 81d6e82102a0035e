from __future__ import annotations

import polars as pl
import pytest
from pandera.errors import SchemaError
from pandera.polars import Column, DataFrameSchema

from ml.checks import UNSEEN_SHARE, levels


def keeps(values: list[str | int | bool | None], *allowed: str | int | bool, unseen: float = 0.1) -> bool:
    of_type = pl.Series(allowed).dtype
    column = Column(of_type, levels(*allowed, unseen=unseen), nullable=True)
    try:
        DataFrameSchema({"x": column}).validate(pl.DataFrame({"x": values}, schema={"x": of_type}))
    except SchemaError:
        return False
    return True


def test_a_few_unseen_levels_pass_and_more_do_not() -> None:
    assert keeps(["a"] * 9 + ["new"], "a")
    assert not keeps(["a"] * 9 + ["new", "new"], "a")
    assert keeps(["a", "b"], "a", "b", unseen=0)
    assert not keeps(["a"] * 99 + ["new"], "a", unseen=0)


def test_nulls_are_neither_seen_nor_unseen() -> None:
    assert keeps(["a"] * 9 + ["new"] + [None] * 50, "a")
    assert not keeps(["a"] * 8 + ["new"] + [None] * 50, "a")
    assert keeps([None, None], "a")


def test_levels_may_be_numbers_and_booleans() -> None:
    assert keeps([1, 2], 1, 2)
    assert not keeps([1, 3], 1, 2)
    both: list[str | int | bool | None] = [True, False]
    assert keeps(both, *both)
    assert not keeps(both, *both[:1])


def test_the_check_says_what_it_asks() -> None:
    check = levels("a", "b", unseen=0.25)
    assert check.name == "levels"
    assert check.statistics == {"allowed": ["a", "b"], "unseen": 0.25}
    assert check.error == "more than 25% of the values are none of 'a', 'b'"
    assert levels("a").statistics["unseen"] == UNSEEN_SHARE == pytest.approx(0.05)
