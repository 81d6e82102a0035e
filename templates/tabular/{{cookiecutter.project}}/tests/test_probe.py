"""The probe: challengers against logged answers of a champion, on streams whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import yaml

from ml import challengers, champions, contest, probe, schema, train
from ml.champions import Champion
from ml.checks import levels
from ml.losses import Quality, losses
from ml.model import Prediction
from ml.split import Keys, window
from tests.stages import SCHEMA, START, a_contract, a_frame, a_regression, document, says
from tests.test_params import PARAMS, the_params

if TYPE_CHECKING:
    from ml.contest import Answer
    from ml.contract import Contract

DAY = timedelta(days=1)
A_DAY, DAYS, CHANGED = 60, 60, 35
DELAY = 2
CONTRACT = a_contract(entity=None, drift__min_rows=100)
SPAN = {"since": "2025-01-01T00:00:00", "until": "2025-01-18T12:00:00"}
"""What the champion learned from: of the windows tried here, 20 days hold it."""
HOLDER = Champion(name="version 1", sha256="c" * 64, train_until="2025-01-01", fetch=lambda: Path("champion"))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(contest.baseline, "load", lambda _: SimpleNamespace(**SPAN))
    monkeypatch.setattr(schema, "SCHEMA", SCHEMA.update_column("kind", checks=levels("a", "b", "c")))
    for module in (challengers, train):
        monkeypatch.setattr(
            module, "features", lambda columns: {name: values for name, values in columns.items() if name != "at"}
        )


def labels_land_after(days: float) -> Contract:
    return a_contract(entity=None, drift__min_rows=100, quality__label_delay_days=days)


def stream(changed: int | None = None, seed: int = 0) -> pl.DataFrame:
    """Return `DAYS` days of rows; from the day ``changed`` on, `bought` and `amount` go together the other way."""
    frame = a_frame(DAYS * A_DAY, every=DAY / A_DAY, seed=seed)
    after = pl.lit(value=False) if changed is None else pl.col("at") >= START + changed * DAY
    return frame.with_columns(bought=pl.col("bought") ^ after)


def as_known(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as `prepare` leaves them, in time for the newest: six days before the end are the test."""
    return frame.filter(pl.col("at") < START + (DAYS - 6 - DELAY) * DAY)


def answer(frame: pl.DataFrame, loss: Any, name: str = "some", **more: Any) -> pl.DataFrame:
    """Log the champion's answers to ``frame``: all but the newest, whose labels have not landed."""
    told = {"__time__": pl.col("at"), "__model__": pl.lit(HOLDER.sha256), "__loss__": pl.Series(loss)} | more
    made = frame.drop("who").with_columns(**told)
    Path("data/labelled").mkdir(parents=True, exist_ok=True)
    made.write_parquet(f"data/labelled/{name}.parquet")
    return made


def sure(frame: pl.DataFrame) -> Any:
    """Return the losses of a champion that knows how `bought` follows `amount` when nothing changes."""
    said = says(*(1 / (1 + np.exp((50 - frame["amount"].to_numpy()) / 6))))
    return losses("f1", frame["bought"].cast(float).to_numpy(), said)


def ask(
    frame: pl.DataFrame, contract: Contract = CONTRACT, reason: str = "schedule", holder: Champion | None = HOLDER
) -> Answer:
    how = the_params(train__rounds=60)
    return contest.contest(as_known(frame), contract, how, holder, lengths=[10, 20, 40, 80], reason=reason)


# --- what it answers ---


def test_after_a_change_the_window_that_holds_none_of_the_old_wins() -> None:
    frame = stream(changed=CHANGED)
    answer(frame, sure(frame))
    found = ask(frame)
    assert (found.go, found.reason, found.window_days) == (True, "better", 10)
    assert (found.rows, found.days, found.loss) == (4 * A_DAY, 4, "log_loss")
    by_window = {one.window_days: one for one in found.candidates}
    # The rows span 52 days, so that 80 days are all of them, as 40 are not.
    assert list(by_window) == [10, 20, 40, 80]
    assert (by_window[10].loss or 0) < (by_window[20].loss or 0) < (by_window[80].loss or 0)
    assert found.champion_loss is not None
    assert found.gain == pytest.approx(found.champion_loss - (by_window[10].loss or 0))
    assert "a gain of" in found.explanation
    assert "more than" in found.explanation
    assert "not more than" not in found.explanation


def test_where_nothing_changed_there_is_seldom_anything_to_gain() -> None:
    """One standard error is no proof: of ten streams, chance may let one or two pass to the gates."""
    said = []
    for seed in range(10):
        frame = stream(seed=seed)
        answer(frame, sure(frame))
        found = ask(frame)
        assert found.go is ((found.gain or 0) > (found.needed or 0))
        assert found.reason == ("better" if found.go else "not better")
        assert ("not more than" in found.explanation) is not found.go
        said.append(found.go)
    assert sum(said) <= 2


def test_a_person_goes_on_whatever_the_figures_say() -> None:
    frame = stream()
    answer(frame, sure(frame))
    found = ask(frame, reason="manual")
    assert (found.go, found.reason) == (True, "a person asked")
    assert found.window_days == min(found.candidates, key=lambda one: one.loss or 0).window_days


def test_without_a_champion_only_the_window_is_chosen() -> None:
    frame = stream(changed=CHANGED)
    answer(frame, sure(frame))
    found = ask(frame, holder=None)
    assert (found.go, found.reason, found.gain, found.needed) == (True, "first model", None, None)
    assert found.window_days == 10
    assert len({one.loss for one in found.candidates}) > 1


@pytest.mark.parametrize("logged", [False, True], ids=["no answers", "of another model"])
def test_without_answers_of_the_champion_its_own_window_is_kept(monkeypatch: pytest.MonkeyPatch, *, logged) -> None:
    frame, holder = stream(changed=CHANGED), replace(HOLDER, sha256="d" * 64)
    if logged:
        answer(frame, sure(frame))
    found = ask(frame, holder=holder)
    assert (found.go, found.reason, found.gain, found.needed) == (True, "no labelled answers", None, None)
    assert (found.window_days, found.champion, found.candidates) == (20, holder.sha256, [])
    monkeypatch.setitem(SPAN, "until", "2026-01-01T00:00:00")
    assert ask(frame, holder=holder).window_days == 80
    monkeypatch.setitem(SPAN, "since", None)
    assert ask(frame, holder=holder).window_days is None


@pytest.mark.parametrize(("reason", "go"), [("quality", False), ("recovery", False), ("drift", True), ("manual", True)])
def test_a_recovery_waits_for_answers_to_compare_with(reason: str, *, go: bool) -> None:
    """Else each of its looks, every few days, would be a new model."""
    found = ask(stream(), reason=reason)
    assert (found.go, found.gain) == (go, None)
    assert found.reason == {"drift": "no labelled answers", "manual": "a person asked"}.get(reason, "too early")
    assert found.window_days == (20 if go else None)


def test_too_few_answers_judge_nobody() -> None:
    frame = stream()
    few = frame.tail(CONTRACT.drift.min_rows - 1)
    answer(few, sure(few))
    assert ask(frame).reason == "no labelled answers"
    answer(few.with_columns(amount=None), sure(few), name="of-an-older-contract", kind=None)
    assert ask(frame, a_contract(entity=None, drift__min_rows=99)).reason != "no labelled answers"


@pytest.mark.parametrize(("delay", "shortest"), [(12, 20), (36, 80)])
def test_windows_that_end_before_their_labels_land_are_not_tried(delay: float, shortest: float) -> None:
    """In days: a model of a shorter window could be tuned on no row that is so much older than what judges it."""
    frame, late = stream(changed=CHANGED), labels_land_after(delay)
    found = ask(frame, late, holder=None)
    assert (found.go, found.reason) == (True, "first model")
    assert found.window_days is not None
    assert found.window_days >= shortest
    rows = window(as_known(frame), Keys.of(late), found.window_days)
    assert train.trained(rows, late, the_params(train__rounds=5)).losses


@pytest.mark.parametrize("holder", [None, HOLDER], ids=["first model", "champion"])
def test_before_anything_can_be_learned_it_waits(holder: Champion | None) -> None:
    """Training would fail; and a look that compared nothing is no rejection."""
    found = ask(stream(), labels_land_after(60), holder=holder)
    assert (found.go, found.reason, found.gain, found.candidates) == (False, "too early", None, [])
    assert "labels land 60 days late" in found.explanation
    assert ask(stream(), labels_land_after(60), "manual", holder).go


def as_good_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the champion's baseline say how it did before anything changed."""
    usual = sure(stream())
    known = Quality(
        loss="log_loss", rows=1000, mean=float(usual.mean()), deviation=float(usual.std()), between=0.0, blocks=9
    )
    monkeypatch.setattr(contest.baseline, "load", lambda _: SimpleNamespace(quality=known, **SPAN))


def test_a_quality_alarm_also_tries_the_window_since_the_losses_rose(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = stream(changed=24)
    answer(frame, sure(frame))
    as_good_as_ever(monkeypatch)
    found = ask(frame, reason="recovery")
    (since,) = (one for one in found.candidates if one.window_days not in {10, 20, 40, 80})
    # From the change on; what is learned from ends two days before the test of six days.
    assert since.rows == (DAYS - 6 - DELAY - 24) * A_DAY
    rows = window(as_known(frame), Keys.of(CONTRACT), since.window_days)
    assert (rows["at"].min(), rows.height) == (START + 24 * DAY, since.rows)
    assert found.go
    assert [one.window_days for one in ask(frame, reason="drift").candidates] == [10, 20, 40, 80]


# --- what it must not see, and what must not matter ---


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    """Return the rows that challengers are given, one entry a challenger."""
    seen: list[pl.DataFrame] = []

    def spy(rows: pl.DataFrame, *more: Any) -> Any:
        seen.append(rows)
        return train.trained(rows, *more)

    monkeypatch.setattr(challengers, "trained", spy)
    return seen


@pytest.mark.parametrize(
    ("logged", "reason", "windows"), [(True, "drift", 3), (False, "drift", 3), (True, "quality", 4)]
)
def test_nobody_learns_from_a_label_that_was_not_known_when_the_judged_rows_begin(
    learned, monkeypatch: pytest.MonkeyPatch, *, logged, reason, windows
) -> None:
    """All rows are offered, also those of the judged days themselves; 80 and 99 days hold the same."""
    as_good_as_ever(monkeypatch)
    frame = stream(changed=32)
    if logged:
        answer(frame, sure(frame))
    holder = HOLDER if logged else None
    found = contest.contest(frame, CONTRACT, the_params(), holder, lengths=[10, 20, 80, 99], reason=reason)
    assert len(learned) == len(found.candidates) == windows
    assert [rows.height for rows in learned] == [one.rows for one in found.candidates]
    begin = START + (DAYS - 4) * DAY if logged else frame.tail(found.rows)["at"].min()
    for rows in learned:
        assert rows["at"].max() + DELAY * DAY < begin  # type: ignore[operator]
    assert learned[0]["at"].max() > begin - (DELAY + 0.1) * DAY  # type: ignore[operator]


def test_an_answer_about_a_row_that_a_challenger_may_know_does_not_judge() -> None:
    frame = stream()
    old = frame.head(3000).tail(500)
    answer(old, sure(old), name="again", __time__=pl.lit(frame["at"].max()))
    assert ask(frame).reason == "no labelled answers"
    answer(frame, sure(frame))
    assert ask(frame).rows == 4 * A_DAY


def test_neither_the_order_of_rows_nor_that_of_files_matters() -> None:
    frame = stream(changed=CHANGED)
    whole = answer(frame, sure(frame))
    first = ask(frame)
    answer(frame.tail(50), [None, float("nan")] * 25, name="labels-that-the-champion-does-not-know")
    assert ask(frame) == first
    mixed = whole.sample(fraction=1, shuffle=True, seed=3)
    mixed.head(1000).write_parquet("data/labelled/some.parquet")
    Path("data/labelled/deep").mkdir()
    mixed.tail(-1000).select(sorted(mixed.columns)).write_parquet("data/labelled/deep/rest.parquet")
    assert ask(frame) == first


# --- other tasks ---


@pytest.mark.parametrize("changed", [None, CHANGED])
def test_a_regression(changed: int | None) -> None:
    frame = stream(changed=changed)
    noise = np.random.default_rng(1).normal(0, 3, frame.height)
    usual = 30 + 40 * stream()["bought"].cast(float)
    frame = frame.with_columns(amount=30 + 40 * pl.col("bought").cast(float) + noise, bought=stream()["bought"])
    answer(frame, losses("mae", frame["amount"].to_numpy(), Prediction(usual.to_numpy(), None)))
    found = ask(frame, a_regression(entity=None, drift__min_rows=100))
    assert found.loss == "absolute_error"
    assert found.go is (changed is not None)


@pytest.mark.parametrize("changed", [None, CHANGED])
def test_three_classes_one_of_which_a_short_window_may_not_know(changed: int | None) -> None:
    frame, three, random = stream(), np.array(["a", "b", "c"]), np.random.default_rng(2)
    usual = np.minimum(frame["amount"].to_numpy() // 34, 2).astype(int)
    index = np.where(random.random(frame.height) < 0.1, (usual + random.integers(1, 3, frame.height)) % 3, usual)
    if changed is not None:
        index = np.where(frame["at"].to_numpy() >= np.datetime64(START + changed * DAY), 2 - index, index)
    frame = frame.with_columns(kind=pl.Series(three[index]), bought=pl.lit(value=True))
    said = Prediction(usual.astype(float), np.where(np.eye(3)[usual] == 1, 0.9, 0.05))
    answer(frame, losses("accuracy", index.astype(float), said))
    # In the shortest window, no "b".
    frame = frame.filter((pl.col("kind") != "b") | (pl.col("at") < START + 40 * DAY))
    contract = a_contract(
        entity=None, target="kind", positive=None, metric={"name": "accuracy", "minimum": 0.5}, drift__min_rows=100
    )
    found = ask(frame, contract)
    assert found.go is (changed is not None)
    by_window = [one.loss or 0 for one in found.candidates]
    assert np.isfinite(by_window).all()
    assert by_window[0] > by_window[2]


# --- the stage ---


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Lay out a repository whose champion the platform laid out."""
    frame = stream(changed=CHANGED)
    Path("loop.yaml").write_text(yaml.safe_dump(document(entity=None, drift__min_rows=100)), encoding="utf-8")
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    Path("data/prepared").mkdir(parents=True)
    as_known(frame).write_parquet("data/prepared/train.parquet")
    monkeypatch.setattr(champions, "laid_out", lambda: HOLDER)
    answer(frame, sure(frame))
    return frame


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("reports/probe.json").read_text(encoding="utf-8"))
    return found


def test_the_stage_says_what_it_found(stage: pl.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    probe.main(["--champion", "--reason", "drift", "--windows-days", "10,20,80"])
    found = report()
    assert (found["go"], found["reason"], found["window_days"]) == (True, "better", 10)
    assert set(found["candidates"][0]) == {"window_days", "rows", "loss", "gain", "standard_error"}
    assert capsys.readouterr().out == f"  go    probe     {found['explanation']}\n"


def test_a_run_without_windows_learns_from_all_and_asks_nobody(
    stage: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("laid_out", "registered"):
        monkeypatch.setattr(champions, name, None)
    probe.main()
    found = report()
    assert (found["go"], found["reason"], found["window_days"], found["candidates"]) == (True, "no windows", None, [])
    before = Path("reports/probe.json").read_bytes()
    probe.main(["--champion", "--reason", "", "--windows-days", ""])
    assert Path("reports/probe.json").read_bytes() == before
    Path("loop.yaml").write_text(yaml.safe_dump(document(time_column=None)), encoding="utf-8")
    probe.main(["--reason", "drift", "--windows-days", "10"])
    assert (report()["go"], report()["explanation"]) == (True, "rows have no time: the model learns from all rows")
