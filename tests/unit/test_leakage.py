from __future__ import annotations

import numpy as np
import pytest

from loopwright.contract.leakage import Sample, leaks

N = 600


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def found(target, *, classes, numbers=None, levels=None):
    sample = Sample(target=np.asarray(target, dtype=float), classes=classes, numbers=numbers or {}, levels=levels or {})
    return [leak.columns for leak in leaks(sample)]


def test_a_sum_names_every_part_and_nothing_else(rng):
    a, b, c, d = rng.normal(size=(4, N))
    assert found(2 * a + 3 * b + 0.01 * d, classes=False, numbers={"c": c, "a": a, "d": d, "b": b}) == [("a", "b")]


def test_two_sums_are_both_found(rng):
    a, b, noise = rng.normal(size=(3, N))
    numbers = {"a": a, "b": b, "net": a + b + noise, "tax": -noise}
    assert sorted(found(a + b, classes=False, numbers=numbers)) == [("a", "b"), ("net", "tax")]


def test_a_product_is_found(rng):
    price, quantity, other = rng.uniform(1, 50, size=(3, N))
    numbers = {"price": price, "quantity": quantity, "other": other}
    assert found(price * quantity, classes=False, numbers=numbers) == [("price", "quantity")]


def test_an_honest_good_fit_is_no_leak(rng):
    a, b, c = rng.normal(size=(3, N))
    assert found(a + b + 0.1 * c, classes=False, numbers={"a": a, "b": b}) == []


def test_more_columns_than_rows_fit_anything_and_prove_nothing(rng):
    numbers = {f"x{i}": column for i, column in enumerate(rng.normal(size=(40, 30)))}
    assert found(rng.normal(size=30), classes=False, numbers=numbers) == []


def test_a_model_of_many_columns_is_no_leak(rng):
    columns = rng.normal(size=(6, N))
    assert found(columns.sum(axis=0), classes=False, numbers={f"x{i}": x for i, x in enumerate(columns)}) == []


@pytest.mark.parametrize("copy", [lambda y: 3 * y + 1, lambda y: -y, np.exp, lambda y: np.where(y > 2, np.nan, y)])
def test_a_copy_of_a_number(rng, copy):
    target, other = rng.normal(size=(2, N))
    assert found(target, classes=False, numbers={"copy": copy(target), "other": other}) == [("copy",)]


def test_levels_that_give_a_number(rng):
    codes = rng.integers(0, 12, N).astype(float)
    honest = rng.integers(0, 12, N).astype(float)
    assert found(codes * 7 % 5, classes=False, levels={"codes": codes, "honest": honest}) == [("codes",)]


def test_levels_of_one_row_each_prove_nothing(rng):
    lone = np.arange(N, dtype=float)
    assert found(rng.normal(size=N), classes=False, levels={"lone": lone}) == []
    assert found(rng.integers(0, 2, N), classes=True, levels={"lone": lone}) == []


def test_a_number_that_ranks_the_classes(rng):
    target = rng.integers(0, 2, N)
    numbers = {"up": target + rng.uniform(0, 0.9, N), "down": -target * 1.0, "honest": target + rng.normal(0, 1, N)}
    assert found(target, classes=True, numbers=numbers) == [("up",), ("down",)]


def test_a_number_that_gives_the_class_without_order(rng):
    target = rng.integers(0, 3, 5 * N)
    number = np.choose(target, [50, 1, 99]) + rng.uniform(0, 0.5, 5 * N)
    honest = np.choose(target, [50, 1, 99]) + rng.normal(0, 30, 5 * N)
    assert found(target, classes=True, numbers={"number": number, "honest": honest}) == [("number",)]


def test_being_missing_can_give_the_class(rng):
    target = rng.integers(0, 2, N)
    reason = np.where(target == 1, rng.integers(0, 4, N), np.nan)
    assert found(target, classes=True, levels={"reason": reason}) == [("reason",)]


def test_a_rare_class_alone_makes_no_level_pure(rng):
    target = (np.arange(N * 10) % 300 == 0).astype(float)
    assert found(target, classes=True, levels={"code": rng.integers(0, 5, N * 10).astype(float)}) == []


def test_one_class_of_target_and_few_rows_are_no_leak(rng):
    assert found(np.zeros(N), classes=True, numbers={"x": rng.normal(size=N)}) == []
    assert found([0, 1, 0, 1], classes=True, numbers={"x": np.array([0.0, 1.0, 0.0, 1.0])}) == []


def test_a_constant_column_is_no_leak(rng):
    assert found(rng.normal(size=N), classes=False, numbers={"x": np.ones(N), "y": rng.normal(size=N)}) == []


def test_numbers_near_the_end_of_the_doubles_prove_nothing(rng):
    target, other, huge = rng.normal(size=(3, N))
    numbers = {"huge": np.clip(huge, -1, 1) * 1.7e308, "other": other, "large": rng.uniform(1, 2, N) * 1e300}
    assert found(target, classes=False, numbers=numbers) == []
