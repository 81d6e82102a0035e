"""A generated repository whose stages are done at once: all else of a rehearsal is the real thing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from datasets import Shape, write
from lap import environment
from repositories import new

STANDIN = Path(__file__).with_name("standin_job.py")
SHAPE = Shape(target="two classes", time=True, entity=True)
"""150 days from 2024-01-01 on, 16 rows a day."""
CONTROL = {"stages": [], "signals": []}
DIGEST = "import sys; from pathlib import Path; from ml.artefact import digest; print(digest(Path('model')))"


def build(folder: Path, python: Path) -> Path:
    """Make the repository, train its one model, and let the stand-in take the place of the stages.

    Args:
        folder: Where; it must not be there yet.
        python: One that has the packages of a generated repository.
    """
    source = write(folder.parent, SHAPE)
    new(folder, "--no-git", "--data", source, *SHAPE.words(), "--label-delay", "7")
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("rounds: 600", "rounds: 5"))
    asked(python, folder, "-m", "ml", "prepare")
    (folder / "reports/probe.json").write_text('{"window_days": null}')
    asked(python, folder, "-m", "ml", "train")
    sha256 = asked(python, folder, "-c", DIGEST).strip()
    shutil.copy(STANDIN, folder / "ml/job.py")
    (folder / "model").rename(folder / "trained")
    shutil.rmtree(folder / "reports")
    tell(folder, model=str(folder / "trained"), sha256=sha256, times=["seen_at"], **CONTROL)
    return folder


def tell(folder: Path, **how) -> None:
    """Tell the stand-in more; see its own words."""
    file = folder / "standin.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(known | how, indent=1))


def copied(folder: Path, target: Path) -> Path:
    """Return a copy of the repository that a test may change; its model stays where it was trained."""
    return Path(shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__")))


def asked(python: Path, folder: Path, *words: str) -> str:
    """Run the project's python and return what it prints."""
    done = subprocess.run([python, *words], cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def known_python() -> Path | None:
    """Return the python that LOOPWRIGHT_PYTHON names, if any."""
    found = os.environ.get("LOOPWRIGHT_PYTHON")
    return Path(found) if found else None
