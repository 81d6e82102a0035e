"""What must never happen, whoever asks: a program started, a connection made, a secret copied, code in a model run."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
(ML,) = (ROOT / "templates/tabular").glob("*cookiecutter.project*/ml")
CANARY = "canary-5c1e"
WATCHED = """
import sys
TAKEN = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty", "pty.spawn",
         "socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
def hook(event, arguments):
    if event in TAKEN:
        sys.stderr.write(f"TAKEN {event} {arguments}\\n")
        sys.stderr.flush()
        import os
        os._exit(99)
sys.addaudithook(hook)
"""
"""Ends the process at once when it starts a program or speaks to anybody; Python itself tells of it."""


def python(code, *words, cwd, **variables):
    command = [sys.executable, "-c", WATCHED + code, *map(str, words)]
    environment = os.environ | variables
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


NEW = "from loopwright.cli import run; sys.exit(run(sys.argv[1:]))"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a repository where nothing may be started, with secrets all around."""
    folder = tmp_path_factory.mktemp("quiet")
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PULUMI_ACCESS_TOKEN", "GITHUB_TOKEN")
    secrets = {name: f"{CANARY}-{name}" for name in names}
    done = python(NEW, "new", folder / "shop", "--no-input", "--no-git", cwd=folder, **secrets)
    assert done.returncode == 0, done.stderr
    return folder / "shop", done.stdout + done.stderr


def test_making_a_repository_starts_no_program_and_speaks_to_nobody(made):
    folder, said = made
    assert (folder / "loop.yaml").is_file()
    assert "TAKEN" not in said


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.execv('/bin/true', ['true'])",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
    ],
)
def test_the_trap_holds(tmp_path, code):
    assert python(code, cwd=tmp_path).returncode == 99


def test_no_secret_of_who_makes_it_is_in_a_repository(made):
    folder, said = made
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in said


def test_no_template_brings_hooks():
    found = [path for path in (ROOT / "templates").rglob("hooks") if path.is_dir() and ".venv" not in path.parts]
    assert [path for path in found if path.parent.parent.name == "templates"] == []


RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "torch"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_no_module_of_a_repository_reads_a_format_that_runs_code():
    modules = [*ML.rglob("*.py"), *(ROOT / "infra").rglob("*.py")]
    assert {path.name for path in modules} >= {"model.py", "artefact.py", "deployer.py"}
    assert [(path.name, name) for path in modules for name in imported(path) if name in RUNS_CODE] == []
