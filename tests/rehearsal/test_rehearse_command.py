"""The command on a fast project, whose stages are stood in for: everything else is what a user gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from fastproject import build, copied, known_python, tell

from lap import environment

pytestmark = pytest.mark.generated

BEGINS, ENDS = "2024-05-01", "2024-05-06"
SHORT = ("--from", BEGINS, "--to", ENDS)
CANARY = ("--from", BEGINS, "--to", "2024-05-18", "--faults", "failing-canary")
SECONDS = 120


@pytest.fixture(scope="module")
def python(request):
    return known_python() or request.getfixturevalue("venv") / "bin" / "python"


@pytest.fixture(scope="module")
def fast(tmp_path_factory, python):
    return build(tmp_path_factory.mktemp("fast") / "quick", python)


@pytest.fixture
def rooms():
    """A folder for the rooms of rehearsals: its path is short, as those of sockets are."""
    with tempfile.TemporaryDirectory(prefix="rooms-") as folder:
        yield Path(folder)


@pytest.fixture
def rehearse(fast, python, rooms):
    """Return a function that runs the command."""

    def run(*words, folder=fast, report=None, rooms=rooms):
        done = started(python, rooms, folder, *words, report=report)
        told, said = done.communicate(timeout=SECONDS)
        return done.returncode, told, said

    return run


def started(python, room, folder, *words, report=None):
    where = ("--report", report) if report else ()
    return subprocess.Popen(
        [sys.executable, "-m", "loopwright", "rehearse", folder, *words, *where],
        env=environment() | {"LOOPWRIGHT_PYTHON": str(python), "TMPDIR": str(room)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_stamps(folder):
    found = json.loads((folder / "rehearsal.json").read_text())
    assert found.pop("stamps")["seconds"] > 0
    return found


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--step", "0d"), 2, ["--step 0d is no step", "from an hour to a week"]),
        (("--step", "8d"), 2, ["--step 8d is no step"]),
        (("--step", "day"), 2, ["--step day is no step", "try: --step 6h, 1d or 1w"]),
        (("--from", "spring"), 2, ["--from spring is no time", "spring"]),
        (("--to", "2024-13-01"), 2, ["--to 2024-13-01 is no time"]),
        (("--from", "2024-05-06", "--to", "2024-05-01"), 1, ["nothing can be rehearsed", "2024-05-06", "2024-05-01"]),
        (("--from", "2023-01-01"), 1, ["nothing can be rehearsed", "some have to be known before"]),
        (("--faults", "failing-canari"), 2, ["no scenario failing-canari", "try: --faults failing-canary"]),
        (("--faults", "xyz"), 2, ["no scenario xyz", "training-fails", "full-budget"]),
        ((*SHORT, "--faults", "data-stops"), 2, ["data-stops does not fit between 2024-05-01 and 2024-05-06"]),
        (("--stack", "moon"), 2, ["no stack moon", "dev"]),
        (("--data", "nowhere.parquet"), 1, ["nowhere.parquet cannot be read", "no such file"]),
        (("--replay", "nowhere.jsonl"), 1, ["nowhere.jsonl"]),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(rehearse, fast, words, code, said):
    found, out, err = rehearse(*words)
    assert (found, out) == (code, "")
    assert all(each in err for each in said), err
    assert "because:" in err
    assert "try:" in err
    assert "Traceback" not in err
    assert not (fast / "reports").exists()


def test_a_folder_that_is_no_project_is_refused(rehearse, tmp_path):
    code, out, err = rehearse(folder=tmp_path / "nowhere")
    assert (code, out) == (1, "")
    assert "nowhere cannot be rehearsed" in err


def test_a_project_without_an_environment_is_told_to_make_one(fast, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "loopwright", "rehearse", fast],
        env={name: value for name, value in environment().items() if name != "LOOPWRIGHT_PYTHON"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "make setup" in done.stderr


def test_a_report_that_cannot_be_written_is_an_error(rehearse, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    code, out, err = rehearse(*SHORT, report=taken)
    assert (code, out) == (1, "")
    assert str(taken) in err
    assert "Traceback" not in err
    assert taken.read_text() == "a file"


def test_a_temporary_folder_with_a_long_path_is_refused(rehearse, tmp_path):
    rooms = tmp_path / ("long" * 30)
    rooms.mkdir()
    code, out, err = rehearse(*SHORT, rooms=rooms)
    assert (code, out) == (1, "")
    assert "TMPDIR" in err
    assert str(rooms) in err
    assert not list(rooms.iterdir())


def test_json_stands_alone_and_is_the_same_as_the_file(rehearse, rooms, tmp_path):
    code, out, err = rehearse(*SHORT, "--json", report=tmp_path / "report")
    assert code == 0, err
    assert json.loads(out) == json.loads((tmp_path / "report/rehearsal.json").read_text())
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"rehearsal.json", "rehearsal.md", "rehearsal.html", "decisions.jsonl"}
    assert not list(rooms.iterdir()), "a room is left"


def test_the_same_seed_gives_the_same_report_and_record(rehearse, tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        code, _, err = rehearse(*CANARY, report=folder)
        assert code == 0, err
    one, two = folders
    assert without_stamps(one) == without_stamps(two)
    assert (one / "decisions.jsonl").read_bytes() == (two / "decisions.jsonl").read_bytes()
    said = [json.loads(line) for line in (one / "decisions.jsonl").read_text().splitlines()]
    facts = [each["facts"] for each in said if each["kind"] == "registered"]
    approved = [(each["version"], each["approved_by"]) for each in facts]
    by_hand = next(version for version, who in approved if who == "a person")
    assert [who for version, who in approved if version == by_hand] == ["a person", "the deployer"]
    assert {who for version, who in approved if version != by_hand} == {"the contract"}
    code, out, err = rehearse("--replay", one / "decisions.jsonl")
    assert code == 0, out + err
    lines = (one / "decisions.jsonl").read_text().splitlines()
    (two / "decisions.jsonl").write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    assert rehearse("--replay", two / "decisions.jsonl")[0] == 3


def test_a_promise_that_is_not_kept_is_a_difference(rehearse, fast, tmp_path):
    mutant = copied(fast, tmp_path / "mutant")
    handler = mutant / "infra/mlops/handlers/rollout.py"
    code = handler.read_text()
    changed = code.replace("each.completed and each.deploy != ROLLED_BACK", "each.completed").replace(
        "deploy=ROLLED_BACK, reject=True", "deploy=ROLLED_BACK"
    )
    assert changed != code
    handler.write_text(changed)
    found, _, err = rehearse(*CANARY, folder=mutant, report=tmp_path / "report")
    assert found == 3, err
    assert "failing-canary: " in err
    promises = without_stamps(tmp_path / "report")["scenario"]["promises"]
    assert not next(each for each in promises if "not tried again" in each["what"])["kept"]


def test_a_stage_that_fails_is_part_of_the_story(rehearse, fast, tmp_path):
    broken = copied(fast, tmp_path / "broken")
    tell(broken, stages=[["train", "2024-01-01", "2025-01-01"]])
    code, _, err = rehearse(*SHORT, folder=broken, report=tmp_path / "report")
    assert code == 0, err
    found = without_stamps(tmp_path / "report")
    assert {each["outcome"] for each in found["retrainings"]} == {"failed"}
    assert "no tree can be grown" in found["retrainings"][0]["because"]
    assert found["versions"] == found["rollouts"] == []
    assert any("shop" not in each["what"] and "training" in each["what"] for each in found["pages"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_process_and_no_folder(fast, python, rooms, tmp_path, number):
    report = tmp_path / "report"
    with started(python, rooms, fast, report=report) as process:
        end = time.monotonic() + SECONDS
        while len(mine(rooms)) < 4:  # the warm python, both functions and a server
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    end = time.monotonic() + 10
    while mine(rooms) and time.monotonic() < end:
        time.sleep(0.1)
    assert mine(rooms) == []
    assert not list(rooms.iterdir())
    assert not report.exists()


def mine(folder):
    """Return the processes that were started with a word below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(os.fsencode(folder)) for word in words):
            found.append(words)
    return found
