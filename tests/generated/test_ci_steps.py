"""What `ci.yml` runs, run: every block in its order, in a clean clone of a repository, as far as there is no host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lap import environment
from repositories import new

pytestmark = pytest.mark.generated

ELSEWHERE = {"make check": "test_laps.py runs it in repositories of every kind, which takes minutes"}
"""Blocks that are not run here, and why."""
GH = """\
#!/bin/sh
cat > "$COMMENTED"
echo "$@"
"""


def git(*words):
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *map(str, words)], check=True)


@pytest.fixture
def clone(tmp_path, venv):
    """Return a clean clone: what git keeps of a repository, and nothing that DVC or a run leaves."""
    new(tmp_path / "shop")
    git("clone", "--quiet", tmp_path / "shop", tmp_path / "clone")
    for lock in (tmp_path / "clone/requirements").iterdir():
        os.utime(lock, (0, 0))  # older than the environment, which was made from the same locks
    assert not (tmp_path / "clone/data/history.parquet").exists()
    return tmp_path / "clone"


def steps(document):
    """Yield (job, shell, step) of every block, in order."""
    shell = document["defaults"]["run"]["shell"].removesuffix(" {0}").split()
    for name, job in document["jobs"].items():
        yield from ((name, shell, step) for step in job["steps"] if "run" in step)


def output(file, name):
    """Return an output as the runner reads it from GITHUB_OUTPUT: NAME<<END, lines, END."""
    (head, *lines), found = file.read_text().splitlines(), []
    key, _, end = head.partition("<<")
    assert key == name
    for line in lines:
        if line == end:
            return "\n".join(found)
        found.append(line)
    raise AssertionError("the output has no end")


def test_every_block_of_ci_runs_in_a_clean_clone(clone, venv, tmp_path, figures):
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "COMMENTED")}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    # Loopwright comes from an index once it is there; here it is this checkout's own.
    variables = environment() | {"VENV": str(venv), "PROVER": str(Path(sys.executable).parents[1])}
    variables |= {name: str(file) for name, file in files.items()} | {"GH_TOKEN": "none", "NUMBER": "7"}
    variables["PATH"] = f"{tmp_path / 'bin'}:{variables['PATH']}"
    ran, skipped = [], []
    for job, shell, step in steps(yaml.safe_load((clone / ".github/workflows/ci.yml").read_text())):
        if step["run"] in ELSEWHERE:
            skipped.append(step["run"])
            continue
        if job == "comment":
            variables["REPORT"] = output(files["GITHUB_OUTPUT"], "report")
        block = tmp_path / "block.sh"
        block.write_text(step["run"])
        done = subprocess.run([*shell, block], cwd=clone, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{job}: {step['run']}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        ran.append((job, done.stdout))

    assert skipped == list(ELSEWHERE)
    assert [job for job, _ in ran] == ["contract", "sample", "smoke", "infra", "infra", "comment"]
    said = dict(ran)
    assert "DVC keeps the data in a folder" in ran[0][1]
    assert said["comment"].strip() == "pr comment 7 --edit-last --create-if-none --body-file -"
    for report in (files["GITHUB_STEP_SUMMARY"].read_text(), files["COMMENTED"].read_text()):
        for command in ("check", "parity dev prod", "preview -s dev", "preview -s staging", "preview -s prod"):
            assert f"### loopwright {command}\n" in report
        assert "USD" in report
        assert "FAIL" not in report
    tracked = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout
    assert tracked == "", "what continuous integration leaves is ignored"
    figures(f"{len(ran)} blocks of ci.yml ran in a clean clone; not here: {', '.join(ELSEWHERE)}")
