"""The monitor's page: it says what the document says, escapes it, needs nothing else, and bears with what is absent."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.drift.compare import compare
from ml.page import page
from ml.report import markup
from ml.report.charts import Line, over_time
from tests.pages import NASTY, Reader, assert_whole
from tests.profiles import number, numbers, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 3, 1, tzinfo=UTC)


def drift(shift: float) -> dict[str, Any]:
    """Return the report of two features, of which the first moved."""
    return copy.deepcopy(_drift(shift))


@cache
def _drift(shift: float) -> dict[str, Any]:
    features = [number(np.random.default_rng(1).normal(size=3000), name) for name in (f"moved {NASTY}", "still")]
    before, after = (np.random.default_rng(seed).normal(size=(3000, 2)) for seed in (2, 3))
    return compare(reference(numbers(features, before)), numbers(features, after + np.array([shift, 0]))).document()


def a_document(day: int = 0, **changes: Any) -> dict[str, Any]:
    """Return what the monitor tells of a day on which nothing is wrong but three refused rows."""
    at = START + timedelta(days=day)
    cohorts = [
        {
            "from": (at - timedelta(days=9 - ago)).isoformat(),
            "rows": 500,
            "labelled": 450 if ago != 4 else 0,
            "loss": 0.4 + ago / 100 if ago != 4 else None,
            "cusum": ago / 10,
        }
        for ago in range(8)
    ]
    made = {
        "endpoint": "shop-dev",
        "window": {"from": at.isoformat(), "until": (at + timedelta(days=1)).isoformat()},
        "requests": 90,
        "rows": 1000,
        "accepted": 997,
        "refused": 3,
        "reasons": {"amount: a number is wanted": 2, f"kind {NASTY}": 1},
        "metrics": {"RowsMonitored": 1000.0, "BrokenShare": 0.003, "DriftScore": 0.3, "QualityCusum": 0.7},
        "limits": {"max_broken": 0.01, "cusum_limit": 4.0},
        "drift": {"inputs": drift(0.0), "predictions": None},
        "quality": {"cohorts": cohorts, "coverage": 0.9, "age_days": 2.0, "baseline_mean": 0.41, "estimate": 0.39},
        "volume": {"rows": 1000, "usual": 980.0, "periods": 8, "broken": False},
    }
    return made | changes


def changed(document: dict[str, Any], **metrics: float) -> dict[str, Any]:
    return document | {"metrics": document["metrics"] | metrics}


def test_what_matters_most_comes_first() -> None:
    moved = a_document(drift={"inputs": drift(1.0), "predictions": None})
    worse, refused = changed(moved, QualityCusum=4.1), changed(moved, QualityCusum=4.1, BrokenShare=0.02)
    broken = changed(refused, BrokenShare=1.0) | {"breaks": ["age: all null", "9 rows, where 980 are usual"]}
    for document, tone, word in (
        (a_document(), "good", "Quiet Nothing moved more than it does by itself."),
        (moved, "watch", "1 of 2 features drift, most of all moved"),
        (changed(a_document(), PredictionDrift=1.2), "watch", "the predictions do: 1.20 times"),
        (worse, "bad", "The answers got worse: the CUSUM of the loss is 4.1"),
        (refused, "bad", "2 % of the rows break the data contract; more than 1 % is too much."),
        (broken, "bad", "age: all null, and 1 more. Nothing is learned from this data."),
        (a_document(drift=None), "watch", "too few rows"),
        (a_document(rows=0, drift=None), "watch", "Nobody asked"),
    ):
        read = Reader(page(document))
        assert word in read.said
        assert f"verdict {tone}" in read.classes("p")


def test_it_shows_what_the_document_holds() -> None:
    earlier = [a_document(day) for day in (-2, -1)]
    both = {"inputs": drift(1.0), "predictions": drift(0.0)}
    shown = a_document(drift=both, breaks=["9 rows, where 980 are usual"])
    read = Reader(page(shown, earlier))
    assert read.titles == ["What broke", "Metrics", "Drift", "Where the rows went", "Quality", "Rows"]
    for text in (
        "9 rows, where 980 are usual",
        "3 of 1,000 rows break the data contract (0.3 %)",
        "amount: a number is wanted",
        "of the baseline (0.41)",
        "limit (4)",
        "3,150 of 4,000 rows have their label; coverage 90 %, the newest answer with a label is 2 days old.",
        "not measured, and blind to a change of concept",
        "2026-02-27 00:00: 997 accepted, 3 refused",
        "2026-02-27 00:00: 0.3",
    ):
        assert text in read.said, text
    assert read.classes("rect").count("drifting") == 1
    assert read.classes("rect").count("refused") == 3
    assert read.classes("figure").count("card") == 4


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    assert_whole(page(a_document(drift={"inputs": drift(1.0), "predictions": None}), [a_document(-1)]))


def test_every_text_is_escaped() -> None:
    document = a_document(
        endpoint=NASTY, window={"from": NASTY, "until": NASTY}, drift={"inputs": drift(1.0), "predictions": None}
    )
    document["breaks"] = [NASTY, NASTY]
    document["drift"]["inputs"]["features"][1]["cells"]["labels"][0] = NASTY
    document["quality"]["cohorts"][0]["from"] = NASTY
    text = page(document)
    assert "<script" not in text
    assert Reader(text).said.count(NASTY) >= 8


def paths(value: Any, *before: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in a document."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*before, key)
        yield from paths(each, *before, key)


def without(document: dict[str, Any], path: tuple[str | int, ...], *, null: bool) -> dict[str, Any]:
    made = copy.deepcopy(document)
    part: Any = made
    for step in path[:-1]:
        part = part[step]
    if null and isinstance(part, dict):
        part[path[-1]] = None
    else:
        del part[path[-1]]
    return made


@pytest.mark.parametrize("null", [True, False])
def test_whatever_is_null_or_absent_the_page_stands(null: bool) -> None:  # noqa: FBT001
    full = a_document(drift={"inputs": drift(1.0), "predictions": None})
    for path in paths(full):
        # The cells of a feature are written in one piece.
        if "cells" not in path[:-1] and not {"breaks", "labels"} & set(path[:-1]):
            assert "What broke" in Reader(page(without(full, path, null=null), [full])).said, path


@pytest.mark.parametrize("document", [{}, {"drift": None, "quality": None, "volume": None, "metrics": {}}])
def test_a_page_of_nothing_says_so(document: dict[str, Any]) -> None:
    said = Reader(page(document)).said
    for text in ("Nobody asked", "Nothing was compared.", "No labels have landed yet", "There were none."):
        assert text in said


def test_the_same_documents_give_the_same_page_in_any_order() -> None:
    days = [a_document(day) for day in range(-3, 0)]
    assert page(a_document(), days) == page(a_document(), [*days[::-1], a_document(accepted=1)])


def test_many_features_do_not_make_a_long_page() -> None:
    features = drift(1.0)["features"][1:] * 500
    read = Reader(page(a_document(drift={"inputs": drift(0.0) | {"features": features}})))
    assert "450 more moved less than these" in read.said
    lines = read.classes("td").count("name") - len(a_document()["reasons"])
    assert lines == 2 * 50  # name and status of each


def test_a_bar_ends_where_all_others_can_still_be_seen() -> None:
    inputs = drift(0.0)
    inputs["features"][0] |= {"ratio": 80.0, "drifting": True}
    read = Reader(page(a_document(drift={"inputs": inputs})))
    assert "80.00 »" in read.said
    bars = [each for name, each in read.tags if name == "rect" and each.get("class") in {"drifting", "still"}]
    assert [bars[0]["width"], float(bars[1]["width"] or 0) > 1] == ["100", True]
    marks = [each["x1"] for name, each in read.tags if each.get("class") == "mark"]
    assert marks == ["25", "25"]


def test_a_curve_breaks_where_there_is_no_value() -> None:
    times = [(START + timedelta(days=day)).isoformat() for day in (0, 1, 2, 10)]
    drawn = over_time("x", times, [1.0, None, 2.0, 3.0], [Line(value=4.0, label="limit", limit=True)])
    lines = [each for each in drawn.iter("line") if each.get("class") == "curve"]
    assert [(each.get("x1"), each.get("x2")) for each in lines] == [("20", "100")]
    heights = [float(each.get("y1", "nan")) for each in drawn.iter("line") if each.get("class") == "point"]
    assert heights == sorted(heights, reverse=True)
    (limit,) = (float(each.get("y1", "nan")) for each in drawn.iter("line") if each.get("class") == "line limit")
    assert 0 < limit < min(heights)


def test_there_is_a_curve_of_drift_where_it_is_known_of_two_periods() -> None:
    unknown = a_document(metrics={"RowsMonitored": 24.0})
    assert "Largest move of an input" not in Reader(page(a_document(1), [unknown])).said
    assert "Largest move of an input" in Reader(page(a_document(1), [a_document()])).said


@pytest.mark.parametrize(
    ("value", "written"), [(2171.4, "2,171"), (12.345, "12.3"), (1e6, "1,000,000"), (3e20, "3e+20"), (None, "\u2013")]
)
def test_numbers_are_written_as_people_read_them(value: float | None, written: str) -> None:
    assert markup.number(value) == written
