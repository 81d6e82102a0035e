"""The warm python: a program is what `python -m` makes of it, and nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from loopwright.programs import ended
from loopwright.rehearsal.project.environment import PROGRAMS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and watches as only Linux can")

WARM = str(PROGRAMS / "warm.py")
SECONDS = 20
ENDS = {
    "well": ("print('out'); print('err', file=sys.stderr)", 0),
    "with a code": ("sys.exit(3)", 3),
    "with a large code": ("sys.exit(258)", 2),
    "without a code": ("sys.exit()", 0),
    "with words": ("sys.exit('no tree can be grown')", 1),
    "with an error": ("raise ValueError('no')", 1),
    "interrupted": ("raise KeyboardInterrupt", 1),
    "killed": ("os.kill(os.getpid(), 9)", 128 + 9),
    "stopped": ("os.kill(os.getpid(), 15)", 128 + 15),
}


class Warm:
    """A server, and programs that it is asked for."""

    def __init__(self, room, process):
        self.room, self.process, self.address = room, process, str(room / "warm")
        self.folder = room / "project"
        self.folder.mkdir()

    def write(self, body, name="program"):
        (self.folder / f"{name}.py").write_text(f"import os, sys\n{body}\n")

    def words(self, *words):
        return [sys.executable, "-IS", WARM, "run", self.address, "-m", *words]

    def run(self, *words, **environment):
        done = subprocess.run(
            self.words(*words),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    @contextmanager
    def asleep(self):
        """Yield a caller whose program, and a child of that, sleep; and the ids of both."""
        mark = self.room / "pids"
        self.write(
            "import pathlib, subprocess, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            f"pathlib.Path({str(mark)!r} + '.part').write_text(f'{{os.getpid()}} {{child.pid}}')\n"
            f"os.rename({str(mark)!r} + '.part', {str(mark)!r})\n"
            "time.sleep(600)"
        )
        with subprocess.Popen(self.words("program"), cwd=self.folder, env={"PATH": os.environ["PATH"]}) as caller:
            try:
                until(mark.is_file)
                yield caller, [int(word) for word in mark.read_text().split()]
            finally:
                caller.kill()


@pytest.fixture
def warm():
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        room = Path(folder)
        words = [sys.executable, WARM, "serve", str(room / "warm"), str(room / "cache"), "json", "no_such_library"]
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"SERVER": "1", "PATH": os.environ["PATH"]}
        )
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Warm(room, process)
        finally:
            ended(process)


def until(holds):
    """Wait for something that has to happen soon."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def lives(pid):
    """Tell whether a process runs; one that is over and waits to be asked does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", ENDS)
def test_a_program_ends_as_it_would_by_itself(warm, how):
    body, code = ENDS[how]
    warm.write(body)
    found = warm.run("program")
    assert found[0] == code
    direct = subprocess.run(
        [sys.executable, "-m", "program"], cwd=warm.folder, capture_output=True, text=True, check=False
    )
    assert found[1] == direct.stdout
    assert found[2].splitlines()[-1:] == direct.stderr.splitlines()[-1:]


def test_folder_environment_and_words_are_the_callers(warm):
    warm.write("print(os.getcwd(), sorted(os.environ), sys.argv[1:], sys.stdin.read() == '', __name__)")
    # Without LC_ALL, a python adds a variable of its own.
    code, said, _ = warm.run("program", "one", "two words", LOOP="a=b", LC_ALL="C.UTF-8")
    assert code == 0
    assert said == f"{warm.folder} ['LC_ALL', 'LOOP', 'PATH'] ['one', 'two words'] True __main__\n"


def test_what_is_on_the_callers_path_is_found_before_other_code_of_the_same_name(warm):
    warm.write("import helper; print(helper.WHO)")
    elsewhere = warm.room / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "helper.py").write_text("WHO = 'elsewhere'\n")
    assert warm.run("program", PYTHONPATH=str(elsewhere))[1] == "elsewhere\n"
    warm.write("WHO = 'here'", "helper")
    assert warm.run("program", PYTHONPATH=str(elsewhere))[1] == "here\n"


def test_code_is_imported_anew_and_leaves_no_bytecode_in_the_project(warm):
    warm.write("import helper; print(helper.WHO)")
    for who in ("first", "second"):
        warm.write(f"WHO = {who * 2!r}" if who == "second" else f"WHO = {who!r}", "helper")
        assert warm.run("program")[1] == f"{who * 2 if who == 'second' else who}\n"
    assert not list(warm.folder.rglob("__pycache__"))
    assert list((warm.room / "cache").rglob("helper*.pyc"))


def test_libraries_are_there_already(warm):
    warm.write("print('json' in sys.modules)")
    assert warm.run("program")[1] == "True\n"


def test_a_module_that_is_not_there_is_told(warm):
    code, _, said = warm.run("nothing_of_that_name")
    assert code == 1
    assert "nothing_of_that_name" in said


def test_programs_run_side_by_side(warm):
    warm.write("import time; print('begun', flush=True); time.sleep(float(sys.argv[1]))")
    with subprocess.Popen(
        warm.words("program", "600"), cwd=warm.folder, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    ) as slow:
        assert slow.stdout.readline() == b"begun\n"
        assert warm.run("program", "0")[0] == 0
        assert slow.poll() is None
        slow.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_with_its_caller_a_program_and_what_it_started_end(warm, number):
    with warm.asleep() as (caller, pids):
        assert all(map(lives, pids))
        caller.send_signal(number)
        until(lambda: not any(map(lives, pids)))
    assert warm.process.poll() is None


@pytest.mark.parametrize("end", ["killed", "told to end"])
def test_with_the_server_a_program_and_what_it_started_end(warm, end):
    with warm.asleep() as (caller, pids):
        if end == "killed":
            warm.process.kill()
        else:
            warm.process.stdin.close()
        until(lambda: not any(map(lives, pids)))
        assert caller.wait(SECONDS) != 0


def test_without_a_server_a_program_is_the_same(warm):
    warm.write("print(os.getcwd(), sys.argv[1:]); sys.exit(4)")
    done = subprocess.run(
        [sys.executable, WARM, "alone", "-m", "program", "word"],
        cwd=warm.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, f"{warm.folder} ['word']\n")
