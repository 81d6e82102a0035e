"""The study: what is chosen does not know the second half, nobody beats the optimum, and all is the same twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.backtest.cost import parsed
from loopwright.backtest.document import document
from loopwright.backtest.halves import halved
from loopwright.backtest.play.matrix import Kept
from loopwright.backtest.settings import STANDING
from loopwright.backtest.study import studied
from loopwright.backtest.words import markdown
from loopwright.errors import DataError
from lossmatrix import FRESH, SLOPE, WINDOWS, header, loops

COST = parsed("0.2", None)


def study(folder, cost=COST, **made):
    about = header(folder, **made)
    return studied(about, WINDOWS, cost, loops(about))


def test_known_staleness_is_recovered_and_gives_the_interval(tmp_path):
    found = study(tmp_path, parsed("0.4", None), noise=0.05)
    assert found.choice.window == 30
    assert [each.clearly_worse for each in found.windows[0]] == [False, True]
    assert found.choice.staleness.slope == pytest.approx(SLOPE)
    assert found.choice.fresh == pytest.approx(FRESH + 4 * SLOPE, abs=0.02)
    schedules = {each.interval: each.first.cost for each in found.outcomes if each.kind == "schedule"}
    assert found.choice.interval(0.4) == 14 == min(schedules, key=schedules.get)  # sqrt(2 * 0.4 / 0.004)
    assert [each["line"] for each in document(found)["proposal"]] == [
        "triggers.schedule: rate(14 days) # was auto",
        "retraining.min_gain: 0.014 # was auto",
    ]


def test_what_fails_on_the_second_half_is_not_proposed(tmp_path):
    about = header(tmp_path)
    # Fresh as ever while the first half lasts; from then on a model is as good as lost after a week.
    lines = [json.loads(line) for line in (tmp_path / "models.jsonl").read_text().splitlines()]
    for line in lines:
        later = line["day"] + 1 + np.arange(len(line["loss"]))
        age = later - line["day"]
        line["loss"] = np.where(later < 166, FRESH + 1e-4 * age, FRESH + 0.5 * age).tolist()
    (tmp_path / "models.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = studied(about, WINDOWS, COST, loops(about))
    assert found.halves.second[0] == 165
    assert found.chosen.name != STANDING == found.proposed.name
    assert document(found)["proposal"] == []
    assert "not on the second" in document(found)["sentences"][-1]


@given(st.integers(0, 99), st.sampled_from(["low", "middle", "high"]), st.sampled_from([0.0, 0.001, 0.02]))
@settings(max_examples=15, deadline=None)
def test_nobody_is_better_than_the_optimum(tmp_path_factory, seed, cost, slope):
    found = study(tmp_path_factory.mktemp("made"), parsed(cost, None), seed=seed, noise=0.2, slope=slope, worse=0.0)
    for each in found.outcomes:
        assert min(each.first.above, each.second.above) > -1e-9, each.name


def test_what_is_chosen_does_not_know_the_second_half(tmp_path):
    sound = study(tmp_path, noise=0.05)
    first_unknown = sound.halves.second[0] - 2 + 1
    assert sound.halves.first[-1] == first_unknown - 1
    poisoned = study(tmp_path, noise=0.05, poisoned_from=first_unknown)
    for name in ("choice", "settings", "halves"):
        assert getattr(poisoned, name) == getattr(sound, name)
    assert poisoned.price.each == sound.price.each
    assert [each.first for each in poisoned.outcomes] != [each.second for each in poisoned.outcomes]
    assert poisoned.named("never").first == sound.named("never").first
    assert poisoned.named("never").second != sound.named("never").second
    assert study(tmp_path, noise=0.05, poisoned_from=first_unknown - 9).choice != sound.choice, "poison is noticed"


def test_the_report_is_the_same_twice_and_holds_no_nan(tmp_path):
    texts = [json.dumps(document(study(tmp_path, noise=0.1)), allow_nan=False) for _ in range(2)]
    assert texts[0] == texts[1]
    said = markdown(json.loads(texts[0]))
    assert "Backtest of shop" in said
    assert said.count("| every ") == 8
    assert "optimum in hindsight" in said


def test_money_is_loss_times_rows_times_what_it_is_worth(tmp_path):
    found = document(study(tmp_path, parsed("24usd", 0.5)))
    assert found["cost"]["of_a_retraining"] == pytest.approx(24 / (0.5 * 240))
    assert found["cost"]["usd_of_a_retraining"] == pytest.approx(24)
    never = next(each for each in found["policies"] if each["name"] == "never")
    assert never["second"]["usd_a_month"] == pytest.approx(30 * 240 * 0.5 * never["second"]["loss"])
    assert "24.00 USD" in found["sentences"][3]
    assert "USD a month" in markdown(found)


def test_named_costs_are_days_of_loss(tmp_path):
    found = study(tmp_path, parsed("middle", None))
    assert found.price.each == pytest.approx(0.4 * found.choice.fresh)
    assert found.price.usd(1.0) is None


def test_a_proposal_looks_no_sooner_than_labels_land(tmp_path):
    found = study(tmp_path, delay=21, slope=0.05)
    assert found.choice.interval(0.2) == 7
    assert {each.days for name, each in found.settings.items() if name != STANDING} == {21}


def test_a_window_that_nothing_can_be_learned_from_is_not_proposed(tmp_path):
    about = header(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "models.jsonl").read_text().splitlines()]
    lines = [{key: line[key] for key in ("day", "window", "rows")} if line["window"] == 30 else line for line in lines]
    (tmp_path / "models.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = studied(about, WINDOWS, COST, loops(about))
    assert {each.windows_days for name, each in found.settings.items() if name != STANDING} == {(60,)}
    assert "From 30 days nothing can be learned" in document(found)["sentences"][2]


def test_a_history_that_cannot_be_halved_says_why(tmp_path):
    with pytest.raises(DataError, match="cannot be halved"):
        halved(Kept.read(header(tmp_path, days=70)))


def test_the_second_half_begins_where_the_first_one_has_labels_until(tmp_path):
    halves = halved(Kept.read(header(tmp_path, delay=10)))
    assert halves.first[-1] + 10 == halves.second[0]
    assert halves.second[-1] == 299
    assert np.isclose(len(halves.second), len(halves.first) + 10, atol=7)
