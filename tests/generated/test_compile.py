"""The pipelines, compiled anew with the SageMaker SDK: byte for byte what the repository holds, without a network."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lap import Repository, environment
from repositories import new

pytestmark = pytest.mark.generated

# Whoever opens a socket or looks up a name ends the process; what Python's own machinery does in pairs is left alone.
TRAP = """
import os, socket
def trapped(*given, **named):
    os.write(2, f"the network was asked for: {given}\\n".encode())
    os._exit(99)
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.gethostbyname = trapped
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory, venv):
    folder = tmp_path_factory.mktemp("compiled")
    new(folder / "shop", "--no-git")
    made = Repository(folder=folder / "shop", venv=venv)
    assert "written" not in made.make("compile")
    return made


def compiled(repository, tmp_path, *words):
    (tmp_path / "sitecustomize.py").write_text(TRAP)
    return subprocess.run(
        [f"{repository.venv}-pipeline/bin/python", "-W", "ignore", "-m", "mlops.pipelines", *words],
        cwd=repository.folder,
        env=environment() | {"PYTHONPATH": os.pathsep.join([str(tmp_path), "infra"])},
        capture_output=True,
        text=True,
        check=False,
    )


def checked(repository):
    python = repository.venv / "bin/python"
    done = subprocess.run(
        [sys.executable, "-m", "loopwright", "check", "dev"],
        cwd=repository.folder,
        env=environment() | {"LOOPWRIGHT_PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_trap_holds(repository, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(TRAP)
    done = subprocess.run(
        [f"{repository.venv}-pipeline/bin/python", "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        env=environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 99
    assert "the network was asked for" in done.stderr


def test_compiling_again_gives_the_same_bytes_and_asks_nobody(repository, tmp_path):
    done = compiled(repository, tmp_path, "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_changed_stage_is_found_without_the_sdk_and_mended_with_it(repository, tmp_path):
    pipeline = repository.folder / "dvc.yaml"
    before = pipeline.read_text()
    pipeline.write_text(before.replace("instance_type: ml.m5.xlarge", "instance_type: ml.m5.2xlarge"))
    code, said = checked(repository)
    assert code == 1
    assert "infra/definitions/training.json is stale: the stages of dvc.yaml changed since it was compiled" in said
    assert "try: make compile" in said
    done = compiled(repository, tmp_path, "--check")
    assert (done.returncode, done.stdout.splitlines()) == (
        3,
        ["stale: infra/definitions/training.json", "stale: infra/definitions/SOURCE.json"],
    )
    assert compiled(repository, tmp_path).returncode == 0
    code, said = checked(repository)
    assert code == 0, said
    assert "ml.m5.2xlarge" in (repository.folder / "infra/definitions/training.json").read_text()


def test_a_definition_that_somebody_edited_is_found(repository):
    definition = repository.folder / "infra/definitions/monitor.json"
    definition.write_text(definition.read_text().replace("3600", "7200"))
    code, said = checked(repository)
    assert code == 1
    assert "infra/definitions/monitor.json is stale: monitor.json changed since it was compiled" in said
