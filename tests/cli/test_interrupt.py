"""Real processes: signals and terminals."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

NEW = [sys.executable, "-m", "loopwright", "new"]
SLOW = """
import sys, time
from loopwright.repository import apply
from loopwright.cli import main
real = apply.{step}
def slow(*args):
    done = real(*args)
    print("now", flush=True)
    time.sleep(30)
    return done
apply.{step} = slow
import loopwright.new as new
new.{step} = slow
sys.argv = ["loopwright", "new", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("step", ["write", "commit"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(table, tmp_path, step, number):
    words = [tmp_path / "a" / "b", "--data", table, "--target", "Returned?"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(step=step), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "now\n", process.stderr.read()
    assert any((tmp_path / "a").glob(".b.loopwright-*")), "it is under way"
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-3] == "error: interrupted"
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv"}


def talk(words: list, answers: list[tuple[str, str | None]], cwd) -> tuple[int, str]:
    """Run on a terminal of our own and give each answer when its question has come; None is Ctrl-C."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, cwd=cwd)
    os.close(theirs)
    said, waiting, end = "", list(answers), time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
        if waiting and waiting[0][0] in said.rpartition("\n")[2] and said.endswith(": "):
            time.sleep(0.3)  # the question is there a moment before the process waits for its answer
            answer = waiting.pop(0)[1]
            if answer is None:
                process.send_signal(signal.SIGINT)
            else:
                os.write(ours, f"{answer}\n".encode())
            said += "\n"
    os.close(ours)
    return process.wait(timeout=10), said


def test_on_a_terminal_it_asks_and_asks_again(table, tmp_path):
    answers = [
        ("Project name", "aws-churn"),
        ("Project name", "churn"),
        ("Data file", "orders.csv"),
        ("Column to predict", "Returned?"),
        ("Column with the time", "Ordered At"),
        ("Column that names", ""),
        ("Days until", "3"),
        ("What is the model for", ""),
        ("Copyright holder", "Ada"),
        ("Licence", "mit"),
        ("Continuous integration", "gitlab"),
    ]
    code, said = talk([*NEW, "--no-git"], answers, tmp_path)
    assert code == 0, said
    assert "AWS reserves names" in said
    assert "[--target]" in said
    assert "reading the data" in said, "progress is shown on a terminal"
    assert "quality: {label_delay_days: 3" in (tmp_path / "churn" / "loop.yaml").read_text()
    assert (tmp_path / "churn" / ".gitlab-ci.yml").is_file()
    assert "Copyright Ada" in (tmp_path / "churn" / "LICENSE").read_text()


def test_ctrl_c_at_a_question_is_an_interruption(tmp_path):
    code, said = talk(NEW, [("Project name", None)], tmp_path)
    assert code == 130, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
