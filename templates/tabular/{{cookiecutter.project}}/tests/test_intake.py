"""Every captured row is in exactly one period and counted once, and a period is read once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml import contract as contracts
from ml import schema
from ml.frames import pl_type, signature
from ml.places import Folder
from ml.serving.requests import Door
from ml.watch import intake, rows
from ml.watch.captured import hours
from ml.watch.intake import Intake
from ml.watch.state import State
from ml.window import Window
from tests.sample import sample
from tests.watched import EVERY, FIRST, HOUR, Watch, complete

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

INPUTS = signature(schema.SCHEMA, contracts.load())
SECOND = timedelta(seconds=1)
PERIODS = [Window(start=FIRST, end=FIRST + EVERY).ago(-number) for number in range(3)]


def kept(root: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted((root / "state/rows").rglob("part-*.parquet"))])


def test_each_row_is_in_one_period_whatever_hour_its_file_is_of(watch: Watch) -> None:
    frame, names = sample(900, seed=2), {}
    for number, (at, hour) in enumerate(
        [
            (FIRST, FIRST),
            (FIRST + EVERY - SECOND, FIRST + EVERY),  # written late: in the folder of the next hour
            (FIRST + EVERY, FIRST + EVERY - HOUR),  # and early
            (FIRST + 2 * EVERY - SECOND, FIRST + 2 * EVERY - HOUR),
            (FIRST + 2 * EVERY, FIRST + 2 * EVERY),
        ]
    ):
        (name,) = watch.ask(frame[number], at)
        moved(watch, at, hour)
        names[name] = number
    counts = [watch.run(complete(FIRST, periods))["rows"] for periods in (1, 2, 3)]
    assert counts == [2, 2, 1]
    assert sorted(kept(watch.root)["__id__"]) == sorted(names)


def moved(watch: Watch, at: datetime, hour: datetime) -> None:
    """Move what was captured last from the folder of one hour to that of another."""
    around = watch.root / "in/capture/shop-dev/AllTraffic"
    path = max((around / f"{at:%Y/%m/%d/%H}").iterdir())
    lines = path.read_text(encoding="utf-8").splitlines()
    path.unlink()
    watch.write(hour, lines)


def test_what_was_captured_twice_counts_once_and_a_caller_who_tries_again_twice(watch: Watch) -> None:
    frame = sample(900, seed=2).head(4)
    watch.ask(frame, FIRST)
    path = next((watch.root / "in/capture").rglob("*.jsonl"))
    lines = path.read_text(encoding="utf-8").splitlines()
    watch.write(FIRST + HOUR, lines[:3])
    again = json.loads(lines[3])
    again["eventMetadata"] |= {"eventId": "another", "inferenceId": "event-3"}
    watch.write(FIRST, [json.dumps(again)])
    found = watch.run(complete(FIRST))
    assert (found["rows"], found["requests_captured_twice"]) == (5, 3)
    assert sorted(kept(watch.root)["__id__"]) == ["event-0", "event-1", "event-2", "event-3", "event-3"]


def test_a_missed_run_is_caught_up_and_no_period_is_read_twice(watch: Watch) -> None:
    frame = sample(900, seed=2)
    for number in range(3):
        watch.ask(frame[number * 5 : number * 5 + 5], FIRST + number * EVERY)
    found = watch.run(complete(FIRST, 3))
    assert found["rows"] == 5
    assert found["caught_up"][-2:] == [window.name for window in PERIODS[:2]]
    assert len(kept(watch.root)) == 15
    for path in (watch.root / "in/capture").rglob("*.jsonl"):
        path.unlink()
    again = watch.run(complete(FIRST, 3))
    assert (again["rows"], again["caught_up"]) == (5, [])


def test_files_that_lie_elsewhere_are_read_whole(watch: Watch) -> None:
    watch.ask(sample(900, seed=2).head(6), FIRST, step=EVERY / 3)
    loose = watch.root / "in/capture/by-hand"
    loose.mkdir()
    for number, path in enumerate(sorted((watch.root / "in/capture/shop-dev").rglob("*.jsonl"))):
        path.rename(loose / f"{number}.jsonl")
    (loose / "notes.txt").write_text("not one of them", encoding="utf-8")
    assert [watch.run(complete(FIRST, periods))["rows"] for periods in (1, 2)] == [3, 3]


def test_rows_are_typed_as_history_has_them(watch: Watch) -> None:
    frame = sample(900, seed=2).head(50)
    names = watch.ask(frame, FIRST, step=EVERY / 50)
    watch.run(complete(FIRST))
    found, contract = kept(watch.root), contracts.load()
    assert found["__id__"].to_list() == names
    for entry in INPUTS.inputs:
        assert found.schema[entry.name] == pl_type(schema.SCHEMA.columns[entry.name])
        if entry.name != contract.time_column:  # null there is the time of the request
            assert found[entry.name].equals(frame[entry.name]), entry.name


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3 * int(EVERY.total_seconds()) - 1), min_size=1, max_size=12), st.integers(1, 4))
def test_the_rows_of_all_periods_are_all_rows(watch: Watch, seconds: list[int], batch: int) -> None:
    watch.root.mkdir()
    for second in seconds:
        watch.ask(sample(900, seed=2).head(1), FIRST + second * SECOND)
    source, room = Folder(watch.root / "in/capture"), watch.root / "room"
    taking = Intake(capture=source, door=Door(INPUTS), signature=INPUTS, schema=schema.SCHEMA, serves=None, room=room)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "BATCH", batch)
        state = State(Folder(watch.root / "state"), room)
        counted = taking.watch(PERIODS, state, Folder(watch.root / "out"))
    expected = [sum(window.holds(FIRST + second * SECOND) for second in seconds) for window in PERIODS]
    assert [counted[window]["rows"] for window in PERIODS] == expected
    assert kept(watch.root)["__id__"].n_unique() == len(seconds)
    assert max(len(pl.read_parquet(path)) for path in (watch.root / "state/rows").rglob("*.parquet")) <= batch
    watch.clear()


def test_the_folders_of_the_hours_beside_are_read_too() -> None:
    found = hours([Window(start=FIRST, end=FIRST + timedelta(minutes=30))])
    assert found == [FIRST - HOUR, FIRST, FIRST + HOUR]
    assert rows.BATCH <= 50_000
