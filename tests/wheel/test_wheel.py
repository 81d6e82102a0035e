"""The wheel works alone: built, put into an empty environment, run far from any checkout and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_holds_the_templates_and_nothing_that_git_ignores(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name.removeprefix("loopwright/_bundle/") for name in names if name.startswith("loopwright/_bundle/")}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "infra", "templates"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert inside == set(filter(None, listed.stdout.split("\0")))
    assert not [name for name in names if "__pycache__" in name]
    assert all(name.startswith(("loopwright/", "loopwright-")) for name in names)


def test_makes_a_repository_in_an_empty_environment(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    uv = Path(sys.executable).with_name("uv")
    install = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        ROOT / "requirements/dev.txt",
        wheel,
    ]
    subprocess.run(install, check=True)

    away = tmp_path / "away"
    away.mkdir()
    offline = [shutil.which("unshare"), "--map-root-user", "--net"] if _can_unshare() else []
    command = [*offline, python.with_name("loopwright"), "new", "churn", "--no-input"]
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=away, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (away / "churn/loop.yaml").is_file()
    assert (away / "churn/.git").is_dir()


def _can_unshare():
    command = ["unshare", "--map-root-user", "--net", "true"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
