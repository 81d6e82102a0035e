"""The page of a rehearsal: it says and draws what the document says, escapes it, and needs nothing else."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ml.__main__ import main
from ml.rehearsal.page import page
from ml.rehearsal.steps import steps
from ml.report.axes import Dates, round_values
from ml.report.heat import heat
from ml.report.versus import areas, smoothed
from tests.pages import NASTY, Reader, assert_whole

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 10
SECTIONS = (
    "Quality",
    "What happened",
    "Drift",
    "Retrainings",
    "Rollouts",
    "Versions",
    "Spend",
    "Events",
    "Assumptions",
)


def iso(day: float) -> str:
    return (START + timedelta(days=day)).isoformat()


def a_document(**changes: Any) -> dict[str, Any]:
    """Return ten days: version 2 comes of drift, version 3 is rolled back, and one retraining fails."""
    gates = [
        {"name": "metric", "passed": True, "said": "f1 0.7"},
        {"name": "bias", "passed": False, "said": "a gap of 0.2"},
    ]
    run = {"ended": iso(2), "status": "Succeeded", "gain": 0.0312, "needed": 0.0104, "gates": gates}
    made = {
        "project": "shop",
        "stack": "dev",
        "seed": 7,
        "scenario": None,
        "data": {"source": "data/history.parquet", "rows": 1234, "sha256": "abc" * 21},
        "window": {"from": iso(0), "to": iso(DAYS), "step_hours": 24.0, "steps": DAYS},
        "metric": {"name": "f1", "greater_is_better": True, "minimum": 0.48},
        "sentences": ["It is better with the loop.", "It retrained 3 times."],
        "quality": {
            "periods": [
                {"from": iso(day), "to": iso(day + 1), "rows": 300, "with": 0.6, "without": 0.6 - day / 100}
                for day in range(DAYS)
            ],
            "with": 0.6,
            "without": 0.55,
            "loss": {"name": "log loss", "with": 0.51, "without": 0.62},
        },
        "drift": {
            "times": [iso(day) for day in range(DAYS)],
            "threshold": 1.0,
            "features": [
                {"name": "still", "scores": [0.2] * DAYS},
                {"name": "price", "scores": [0.2] * 8 + [1.5, 2.5]},
            ],
        },
        "alarms": [
            {"name": "shop-dev-drift", "role": "drift", "spans": [{"from": iso(2), "to": iso(4)}]},
            {"name": "shop-dev-late", "role": "latency", "spans": []},
        ],
        "events": [
            {"at": iso(1), "who": "controller", "kind": "held", "what": "it cools down", "version": None},
            {"at": iso(6), "who": "fault", "kind": "fault", "what": "the image fails", "version": 3},
        ],
        "retrainings": [
            run | {"at": iso(2), "reason": "drift", "version": 2, "outcome": "registered", "because": "it is better"},
            run | {"at": iso(5), "reason": "drift", "version": 3, "outcome": "registered", "because": "so it seemed"},
            run | {"at": iso(8), "reason": "schedule", "version": None, "outcome": "failed", "because": "no memory"},
        ],
        "rollouts": [
            {
                "version": number,
                "at": iso(day),
                "ended": iso(day + 0.5),
                "outcome": outcome,
                "shares": [[iso(day), 0.1], [iso(day + 0.25), share]],
                "because": "the alarms said so",
            }
            for number, day, outcome, share in ((2, 2.5, "live", 1.0), (3, 5.5, "rolled back", 0.0))
        ],
        "versions": [
            {
                "version": number,
                "registered": iso(day),
                "train_until": "2026-02-01",
                "approval": "auto",
                "status": status,
                "serving": serving,
                "rows": 1234,
            }
            for number, day, status, serving in (
                (1, 0, "replaced", [{"from": iso(0), "to": iso(3)}]),
                (2, 2, "live", [{"from": iso(3), "to": None}]),
                (3, 5, "rolled_back", []),
            )
        ],
        "spend": {
            "budget_usd": 100.0,
            "months": [
                {"month": "2026-03", "endpoint": 90.0, "monitor": 9.0, "training": 3.0, "other": 1.0, "total": 103.0}
            ],
        },
        "pages": [{"at": iso(6), "what": "shop dev: rolled back"}],
        "traffic": {"requests": 100_000, "rows": 200_000, "refused": 1, "failed": 0},
        "assumptions": ["Labels land 7 days late."],
        "stamps": {"written": iso(400), "seconds": 12.3, "loopwright": "0.1.0"},
    }
    return made | changes


def scenario(*, kept: bool) -> dict[str, Any]:
    promise = {"what": "the champion serves", "kept": kept, "because": "version 2 did"}
    return {"name": "canary", "what": "it fails", "began": iso(5), "ended": None, "promises": [promise]}


def found(text: str, name: str, kind: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Reader(text).tags if tag == name and attributes.get("class") == kind]


def test_it_shows_what_the_document_holds() -> None:
    read = Reader(page(a_document()))
    assert read.titles == list(SECTIONS)
    for text in (
        "Better: It is better with the loop.",
        "with the loop; 0.55 without it, at least 0.48 is asked",
        "2 registered, 1 failed",
        "version 2 serves; 1 rolled back",
        "99.99",
        "2026-03-03 00:00: retrained because of drift: registered. it is better",
        "2026-03-03 12:00 to 2026-03-04 00:00: version 2, live. the alarms said so",
        "2026-03-03 00:00: f1 0.6 with the loop, 0.58 without; 300 rows",
        "shop-dev-drift in ALARM, 2026-03-03 00:00 to 2026-03-05 00:00",
        "version 2 serves, 2026-03-04 00:00 to the end",
        "2026-03-02 00:00: controller, held. it cools down",
        "2026-03-07 00:00: shop dev: rolled back",
        "Features above the threshold of 1 at some time: 1 of 2.",
        "price, 2026-03-10 to 2026-03-11: up to 2.50",
        "✕ bias: a gap of 0.2",
        "10 % at 12:00, 100 % at 18:00",
        "103.00 over",
        "Labels land 7 days late.",
    ):
        assert text in read.said, text
    assert "late alarm" not in read.said


def test_every_mark_and_every_bar_of_the_time_line_tells_what_it_is() -> None:
    text = page(a_document(scenario=scenario(kept=True)))
    counts = [len(found(text, "svg", f"mark {tone}")) for tone in ("good", "bad", "before hollow", "bad hollow")]
    # Two registered and one live, beside the curves, too; one rolled back there and here, a fault; failed and page.
    assert counts == [4, 3, 1, 2]
    for tone, times in (("serves", 1), ("serves other", 1), ("alarm watch", 1), ("shift", 2), ("fault", 1)):
        assert len(found(text, "rect", tone)) == times, tone
    (alarm,), (open_end,) = found(text, "rect", "alarm watch"), found(text, "rect", "serves other")
    assert [(each["x"], each["width"]) for each in (alarm, open_end)] == [("20.00%", "20.00%"), ("30.00%", "70.00%")]
    assert [each.get("x") for each in found(text, "svg", "mark good")] == ["30.00%", "20.00%", "50.00%", "30.00%"]
    lanes = text[text.index("What happened</h2>") : text.index("Drift</h2>")]
    drawn = lanes.count("<rect") + lanes.count("<path")
    keys = lanes.count('key"')
    assert lanes.count("<title") == drawn - keys > 0


@pytest.mark.parametrize(("kept", "tone"), [(True, "good"), (False, "bad")])
def test_the_verdict_of_a_scenario_is_whether_its_promises_were_kept(kept: bool, tone: str) -> None:  # noqa: FBT001
    read = Reader(page(a_document(scenario=scenario(kept=kept))))
    assert read.titles[0] == "What was promised"
    assert f"verdict {tone}" in read.classes("p")
    for text in ("canary: it fails", "✓ Kept" if kept else "✕ Broken", "version 2 did", "did not end"):
        assert text in read.said


@pytest.mark.parametrize(
    ("ours", "up", "tone"),
    [(0.6, True, "good"), (0.5, True, "bad"), (0.55, True, "watch"), (None, True, "watch"), (0.5, False, "good")],
)
def test_the_verdict_follows_the_metric(ours: float | None, up: bool, tone: str) -> None:  # noqa: FBT001
    document = a_document(metric={"name": "rmse", "greater_is_better": up, "minimum": 0.4})
    document["quality"]["with"] = ours
    assert f"verdict {tone}" in Reader(page(document)).classes("p")


def test_it_is_whole_escapes_every_text_and_is_the_same_each_time(tmp_path: Path) -> None:
    def nasty(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: each if key in {"outcome", "kind", "who"} else nasty(each) for key, each in value.items()}
        if isinstance(value, list):
            return [nasty(each) for each in value]
        dated = isinstance(value, str) and value[:4].isdigit()
        return value + NASTY if isinstance(value, str) and not dated else value

    document = nasty(a_document(scenario=scenario(kept=True)))
    (tmp_path / "rehearsal.json").write_text(json.dumps(document), encoding="utf-8")
    assert main(["rehearsal", str(tmp_path / "rehearsal.json"), str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text == page(copy.deepcopy(document))
    assert_whole(text)
    assert Reader(text).said.count(NASTY) > 50


def test_a_page_of_nothing_says_so() -> None:
    lists = ("sentences", "alarms", "events", "retrainings", "rollouts", "versions", "pages", "assumptions")
    none = {"with": None, "without": None}
    document = a_document(
        **{key: [] for key in lists},
        quality={"periods": [], **none, "loss": {"name": "log loss", **none}},
        drift={"times": [], "threshold": 1.0, "features": []},
        spend={"budget_usd": 100.0, "months": []},
        traffic=dict.fromkeys(("requests", "rows", "refused", "failed"), 0),
    )
    said = Reader(page(document)).said
    for text in ("Unknown:", "No labels landed", "Nothing was compared.", "No retraining", "No version", "nobody was"):
        assert text in said


def test_a_course_is_smoothed_by_rows_and_keeps_its_gaps() -> None:
    assert smoothed([1.0, None, 4.0, 8.0], [1, 9, 1, 3], 3) == [1.0, None, 7.0, 7.0]
    assert smoothed([1.0, 4.0], [1, 9], 1) == [1.0, 4.0]


def test_the_area_changes_its_colour_where_the_courses_cross() -> None:
    ours, other = [(0.0, 10.0), (10.0, 30.0), None], [(0.0, 20.0), (10.0, 20.0), (20.0, 5.0)]
    better = areas(ours, other, up=True)
    assert better["gain"] == "M0.00 10.00 5.00 20.00 5.00 20.00 0.00 20.00z"
    assert better["loss"] == "M5.00 20.00 10.00 30.00 10.00 20.00 5.00 20.00z"
    assert areas(ours, other, up=False) == {"gain": better["loss"], "loss": better["gain"]}


def test_cells_of_heat_hold_the_highest_of_their_scores() -> None:
    times = [iso(day) for day in range(240)]
    scores = [0.1, None] * 120
    scores[121] = 2.0
    scores[122:124] = [None, None]
    row = heat(Dates(iso(0), iso(240)), times, "price", scores, 1.0)
    cells = {
        (each.get("class"), each.get("x"), each.get("width"), each.get("height")) for each in row.drawing.iter("rect")
    }
    assert cells == {
        ("calm", "0.00%", "50.00%", "18%"),
        ("far", "50.00%", "0.83%", "92%"),
        ("calm", "51.67%", "48.33%", "18%"),
    }
    assert row.value == "2.00"


@pytest.mark.parametrize(
    ("start", "until", "texts"),
    [
        ("2026-03-01", "2026-03-06", ["01 Mar", "02 Mar", "03 Mar", "04 Mar", "05 Mar", "06 Mar"]),
        ("2026-03-01T12:00", "2026-03-31", ["08 Mar", "15 Mar", "22 Mar", "29 Mar"]),
        ("2025-10-15", "2026-10-14", ["Nov", "2026", "Mar", "May", "Jul", "Sep"]),
        ("2023-02-01", "2027-02-01", ["2024", "2025", "2026", "2027"]),
    ],
)
def test_dates_of_an_axis_are_those_that_people_count_in(start: str, until: str, texts: list[str]) -> None:
    ticks = Dates(start, until).ticks()
    assert [text for _, text in ticks] == texts
    assert all(0 <= place <= 100 for place, _ in ticks)


def test_values_of_an_axis_are_round() -> None:
    assert round_values(0.402, 0.648) == pytest.approx([0.45, 0.5, 0.55, 0.6])
    assert round_values(-3.0, 21.0) == [0.0, 5.0, 10.0, 15.0, 20.0]


def test_steps_show_the_share_from_its_moment_on() -> None:
    (path,) = steps([(iso(0), 0.1), (iso(1), 1.0)], iso(2)).iter("path")
    assert path.get("d") == "M0 100V90H45.00V0V0H100V100z"
    assert not list(steps([], None).iter("path"))
