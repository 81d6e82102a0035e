"""The image, as far as it shows without a container engine: its environments, made by the Dockerfile's commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates/tabular/{{cookiecutter.project}}"

pytestmark = pytest.mark.generated


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """The serving environment, as the Dockerfile makes it."""
    folder = tmp_path_factory.mktemp("image") / "serve"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", folder], check=True)
    command = [uv, "pip", "sync", "--quiet", "--require-hashes", TEMPLATE / "requirements/serve.txt"]
    subprocess.run(command, check=True, env=os.environ | {"VIRTUAL_ENV": str(folder)})
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)
    return folder


def test_serving_takes_under_200_megabytes(serving, figures):
    size = sum(path.stat().st_size for path in (serving / "lib").rglob("*") if path.is_file() and not path.is_symlink())
    figures(f"{size / 1e6:.0f} MB")
    assert size < 200e6


def test_serving_answers_without_a_model(serving, tmp_path):
    code = (
        "import json; from pathlib import Path; from ml.serve import application\n"
        "app = application(None); print(json.dumps(sorted(app.openapi()['paths'])))"
    )
    done = subprocess.run(
        [serving / "bin/python", "-c", code],
        cwd=TEMPLATE,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "/invocations" in json.loads(done.stdout)


def test_the_dockerfile_copies_only_what_is_there():
    lines = (TEMPLATE / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    for name in (name for names in copied for name in names):
        assert (TEMPLATE / name).exists(), name


def test_the_entry_point_knows_every_command():
    script = (TEMPLATE / "docker-entrypoint").read_text()
    assert "exec /opt/serve/bin/python -m ml" in script
    assert "exec /opt/train/bin/python -m ml" in script
    assert subprocess.run(["sh", "-n", TEMPLATE / "docker-entrypoint"], check=False).returncode == 0
