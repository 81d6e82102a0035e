"""The command: what is said of a wrong call, and what becomes of the project's own program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from loopwright.backtest.command import Asked
from loopwright.backtest.cost import parsed
from loopwright.backtest.project import Project
from loopwright.errors import LoopwrightError
from lossmatrix import header

STUB = """\
#!{python}
import json, pathlib, signal, sys, time
{body}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder that looks like a project, whose python is a program of the test."""
    folder = tmp_path / "shop"
    (folder / "ml" / "backtest").mkdir(parents=True)
    (folder / "loop.yaml").write_text("project: shop\n")

    def make(body):
        stub = tmp_path / "python"
        stub.write_text(STUB.format(python=sys.executable, body=body))
        stub.chmod(0o755)
        monkeypatch.setenv("LOOPWRIGHT_PYTHON", str(stub))
        return folder

    return make


def test_progress_is_told_and_the_matrix_returned(project, tmp_path):
    about = json.dumps(header(tmp_path))
    folder = project(f"print('1/2'); print('2/2'); print({about!r})")
    told = []
    assert Project.at(folder).matrix(["--every", "7"], told.append) == json.loads(about)
    assert told == ["training models: 1 of 2", "training models: 2 of 2"]


@pytest.mark.parametrize(
    ("body", "what", "because"),
    [
        (
            "sys.exit('error: nothing can be backtested\\n  because: no time\\n  try: bring one')",
            "nothing can be backtested",
            "no time",
        ),
        ("import nothing_of_that_name", "the project's own code failed in the backtest", "ModuleNotFoundError"),
        ("sys.exit(3)", "the project's own code failed in the backtest", "without a word"),
    ],
)
def test_what_the_project_says_is_passed_on(loopwright, project, body, what, because):
    done = loopwright("backtest", project(body), "--json")
    assert done.code == 1
    assert done.json["error"]["what"] == what
    assert because in done.json["error"]["because"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_projects_program_too(project, tmp_path, number):
    mark = tmp_path / "ended"
    body = f"""
def ended(*_):
    pathlib.Path({str(mark)!r}).touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, ended)
pathlib.Path({str(tmp_path / "begun")!r}).touch()
time.sleep(60)"""
    words = [sys.executable, "-m", "loopwright", "backtest", str(project(body))]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        end = time.monotonic() + 30
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert said.splitlines()[-3] == "error: interrupted"
    assert "Traceback" not in said
    assert mark.exists()


@pytest.mark.parametrize("words", [["--cost", "cheap"], ["--cost", "3usd"], ["--cost", "-1"], ["--windows", "30,x"]])
def test_a_wrong_call_is_one(loopwright, tmp_path, words):
    done = loopwright("backtest", tmp_path, *words)
    assert done.code == 2
    assert "error:" in done.stderr


def test_data_that_are_not_there_are_said_to_be_so(loopwright, project, tmp_path):
    done = loopwright("backtest", project(""), "--data", tmp_path / "none.parquet", "--json")
    assert done.code == 1
    assert done.json["error"]["because"] == "there is no such file"


def test_a_folder_that_is_no_project_says_so(loopwright, tmp_path):
    done = loopwright("backtest", tmp_path, "--json")
    assert done.code == 1
    assert done.json["error"]["what"].endswith("cannot be backtested")


def test_a_project_without_its_environment_says_what_to_run(project, monkeypatch):
    folder = project("")
    monkeypatch.delenv("LOOPWRIGHT_PYTHON")
    with pytest.raises(LoopwrightError, match="no model can be trained yet"):
        Project.at(folder)


def test_options_are_those_of_the_projects_program(tmp_path):
    asked = Asked(cost=parsed("low", None), data=tmp_path / "x.parquet", windows=(30, 60), every=3, jobs=2)
    assert asked.words() == ["--data", str(tmp_path / "x.parquet"), "--every", "3", "--jobs", "2", "--windows", "30,60"]
    assert Asked(cost=parsed("low", None)).words() == []
