"""Metric math: the examples of AWS's page as data, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.mathematics import evaluate, names

POINT = st.none() | st.integers(-50, 50).map(float)


def row(text):
    return [None if word == "-" else float(word) for word in text.split()]


# "Using math expressions with CloudWatch metrics": the examples of comparisons and of IF, as they stand there.
PAGE = [
    ("metric1 < metric2", {"metric1": "30 20 0 0", "metric2": "20 - 20 -"}, "0 0 1 0"),
    ("metric1 >= 30", {"metric1": "30 20 0 0", "metric2": "20 - 20 -"}, "1 0 0 0"),
    ("IF(a, b, c)", {"a": "1 1 0 0 -", "b": "30 - 0 0 30", "c": "0 0 20 - 20"}, "30 0 20 - -"),
    ("IF(a, 5, c)", {"a": "1 1 0 0 -", "c": "0 0 20 - 20"}, "5 5 20 - -"),
    ("IF(a, b, 5)", {"a": "1 1 0 0 -", "b": "30 - 0 0 30"}, "30 0 5 5 -"),
]
# The rules that the page states in words.
RULES = [
    ("a + b", {"a": "1 - 3 -", "b": "10 20 - -"}, "11 20 3 -"),
    ("a - b", {"a": "1 - 3 -", "b": "10 20 - -"}, "-9 -20 3 -"),
    ("a * b", {"a": "2 - 3 -", "b": "10 20 - -"}, "20 0 0 -"),
    ("a / b", {"a": "2 - 3 5 -", "b": "10 20 - 0 -"}, "0.2 0 - - -"),
    ("a / 1000", {"a": "500 -"}, "0.5 -"),
    ("100 / a", {"a": "4 0 -"}, "25 - -"),
    ("-a", {"a": "4 -"}, "-4 -"),
    ("a == b", {"a": "1 0 2 -", "b": "1 - 3 -"}, "1 1 0 -"),
    ("a != b", {"a": "1 0 2 -", "b": "1 - 3 -"}, "0 0 1 -"),
    ("a <= 1", {"a": "1 2 -"}, "1 0 -"),
    ("a > 1", {"a": "1 2 -"}, "0 1 -"),
    ("IF(a < 2, a)", {"a": "1 2 -"}, "1 - -"),
    ("IF(a, 7, 8)", {"a": "-3 0 -"}, "7 8 -"),
    ("FILL(a, 10)", {"a": "1 - 0"}, "1 10 0"),
    ("FILL(a, -1)", {"a": "1 - 0"}, "1 -1 0"),
    ("a + 2 * 3 - 1", {"a": "1"}, "6"),
    ("(a + 2) * 3", {"a": "1"}, "9"),
]
# What the alarms of the loop say.
OURS = [
    ("IF(requests >= 100, failed / requests, 0)", {"requests": "200 99 100 -", "failed": "4 50 - 3"}, "0.02 0 0 -"),
    ("IF(requests >= 0, failed / requests, 9)", {"requests": "0", "failed": "4"}, "0"),
    ("IF(requests >= 100, p99 / 1000, 0)", {"requests": "200 1 -", "p99": "70000 9e6 -"}, "70 0 -"),
]


@pytest.mark.parametrize(("expression", "series", "result"), PAGE + RULES + OURS)
def test_points_and_gaps(expression, series, result):
    found = evaluate(expression, {name: row(text) for name, text in series.items()})
    assert list(found) == row(result)


@given(st.lists(st.tuples(POINT, POINT, POINT), min_size=1, max_size=10))
def test_each_period_is_for_itself(rows):
    expression = "IF(a >= b, FILL(c, 1) / b, a - 2)"
    whole = evaluate(expression, dict(zip("abc", zip(*rows, strict=True), strict=True)))
    alone = [evaluate(expression, {"a": [a], "b": [b], "c": [c]})[0] for a, b, c in rows]
    assert list(whole) == alone


@pytest.mark.parametrize(
    "expression",
    [
        "SUM(METRICS())",
        "MAX(a)",
        "FILL(a, REPEAT)",
        "FILL(a, b)",
        "FILL(a)",
        "IF(a)",
        "IF(1, a, b)",
        "IF(a, b, 1, 2)",
        "a ^ 2",
        "a ** 2",
        "a // 2",
        "a % 2",
        "a AND b",
        "a and b",
        "a < b < 3",
        "not a",
        "a.real",
        "a[0]",
        "[a, b]",
        "'a'",
        "True",
        "0x10 * a",
        "1_0 * a",
        "c",
        "A",
        "__import__('os')",
        "(lambda: a)()",
        "a +",
        "",
        "1 + 2",
        "a + 1 / 0",
    ],
)
def test_whatever_else_is_refused(expression):
    with pytest.raises(UnknownError):
        evaluate(expression, {"a": [1.0], "b": [2.0], "A": [3.0]})


def test_series_of_one_expression_have_the_same_periods():
    with pytest.raises(ValueError, match="same periods"):
        evaluate("a + b", {"a": [1.0], "b": [1.0, 2.0]})


def test_the_names_are_series_and_not_functions():
    assert names("IF(requests >= 100, failed / requests, 0)") == {"requests", "failed"}
