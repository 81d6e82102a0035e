"""A backtest of a generated repository: its own models, its own loop, its own page; interrupted and repeated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from lap import environment
from loopwright.backtest.play.days import Model
from loopwright.backtest.play.matrix import Kept
from repositories import new

pytestmark = pytest.mark.generated

MATRIX = ("--every", "14", "--jobs", "2")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtested") / "shop"
    new(folder, "--no-git")
    return folder


def begun(venv, folder, *words):
    """Start `loopwright backtest`."""
    return subprocess.Popen(
        [sys.executable, "-m", "loopwright", "backtest", folder, *MATRIX, *words],
        env=environment() | {"LOOPWRIGHT_PYTHON": str(venv / "bin/python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def backtest(venv, folder, *words):
    """Run `loopwright backtest` and return its document and what it says."""
    with begun(venv, folder, *words, "--json") as process:
        told, said = process.communicate()
    assert process.returncode == 0, said
    return json.loads(told), said


def kept(folder):
    """Return what is kept of the models, by line."""
    found = list((folder / ".backtest").glob("*/models.jsonl"))
    return found[0].read_text().splitlines() if found else []


def test_a_lap(venv, shop, figures):
    with begun(venv, shop) as process:
        end = time.monotonic() + 300
        while len(kept(shop)) < 3:
            assert time.monotonic() < end
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    before = kept(shop)

    started = time.monotonic()
    found, said = backtest(venv, shop)
    first = time.monotonic() - started
    lines = kept(shop)
    assert lines[: len(before)] == before, "what was trained is kept"
    assert f"{len(lines) - len(before)} models were trained now" in said
    keys = [(json.loads(line)["day"], json.loads(line)["window"]) for line in lines]
    assert len(set(keys)) == len(keys) == found["matrix"]["models"]

    report = shop / "reports" / "backtest"
    texts = {path.name: path.read_bytes() for path in report.iterdir()}
    assert sorted(texts) == ["backtest.html", "backtest.json", "backtest.md"]
    assert json.loads(texts["backtest.json"]) == found
    assert b"<svg" in texts["backtest.html"]
    started = time.monotonic()
    again, said = backtest(venv, shop)
    figures(f"{len(keys)} models: {first:.0f} s, once they are kept {time.monotonic() - started:.1f} s")
    assert again == found
    assert "0 models were trained now" in said
    assert {path.name: path.read_bytes() for path in report.iterdir()} == texts


def test_the_loop_is_played_by_its_own_code_and_its_lines_are_put_in(venv, shop):
    before = (shop / "loop.yaml").read_text()
    found, _ = backtest(venv, shop, "--cost", "middle", "--write")
    by_name = {each["name"]: each for each in found["policies"]}
    standing, proposed = by_name[found["standing"]], by_name[found["proposed"]]
    assert proposed["second"]["above"] <= standing["second"]["above"]
    assert all(each["second"]["above"] >= -1e-9 for each in found["policies"])
    assert standing["first"]["probes"] > 0
    after = (shop / "loop.yaml").read_text()
    assert (after == before) is (found["proposal"] == [])
    assert [line.partition("#")[2] for line in after.splitlines()] == [
        line.partition("#")[2] for line in before.splitlines()
    ]
    told = subprocess.run(
        [venv / "bin/python", "-c", "from ml import contract; print(contract.load().model_dump_json())"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=True,
    )
    contract = json.loads(told.stdout)
    for change in found["proposal"]:
        part, key = change["path"].split(".")
        assert contract[part][key] == change["after"]
    again, _ = backtest(venv, shop, "--cost", "middle", "--write")
    assert again["proposal"] == [], "once is enough"


def test_models_do_not_know_the_days_that_judge_them(venv, shop):
    """A model that had seen them would lose as little on the day after as on its own rows."""
    backtest(venv, shop)
    header = json.loads(
        subprocess.run(
            [venv / "bin/python", "-m", "ml", "matrix", *MATRIX], cwd=shop, capture_output=True, text=True, check=True
        ).stdout.splitlines()[-1]
    )
    matrix = Kept.read(header)
    assert header["trained"] == 0
    oldest = matrix.models[Model(matrix.begin, 30)]
    assert oldest.loss[-60:].mean() > oldest.loss[matrix.begin + 1 :][:60].mean(), "it goes stale"


@pytest.mark.parametrize(
    ("old", "new_text", "because"),
    [
        ("time_column: session_at", "time_column: null", "no time_column"),
        ("label_delay_days: 7", "label_delay_days: 180", "days late"),
    ],
)
def test_what_cannot_be_backtested_says_why(venv, shop, old, new_text, because):
    path = shop / "loop.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new_text))
    try:
        with begun(venv, shop, "--json") as process:
            told, said = process.communicate()
    finally:
        path.write_text(text)
    assert process.returncode == 1
    assert because in json.loads(told)["error"]["because"]
    assert "Traceback" not in said
