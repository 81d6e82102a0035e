"""Every combination of options renders, and nothing of the template is left in what comes out."""

from __future__ import annotations

import ast
import itertools
import json
import re
import tomllib

import pytest
import yaml

from datasets import SHAPES, write
from loopwright.cli import run
from loopwright.repository.hosts import HOSTS

LICENSES = ("apache-2.0", "mit", "proprietary")
APPROVALS = ("auto", "manual")
REMOTES = ("", "s3://a-bucket/a prefix")
LEFT_OVER = re.compile(r"cookiecutter|\{%|\bTODO\b|\bFIXME\b|placeholder|lorem", re.IGNORECASE)
SAYS_SO = "infra/mlops/pipelines"
"""Code about placeholders of its own, which may be called so."""


@pytest.mark.parametrize(
    "shape", SHAPES, ids=lambda shape: f"{shape.target}{'-time' * shape.time}{'-entity' * shape.entity}"
)
def test_every_combination_renders_whole(tmp_path, shape, capsys):
    data = write(tmp_path, shape)
    for number, (licence, approval, remote) in enumerate(itertools.product(LICENSES, APPROVALS, REMOTES)):
        folder = tmp_path / f"repository-{number}"
        answers = {"license": licence, "approval": approval, "dvc_remote": remote, "project": "every-one"}
        answers["ci"] = [*HOSTS][number % len(HOSTS)]
        words = [word for key, value in answers.items() for word in ("--set", f"{key}={value}")]
        assert run(["new", str(folder), "--data", str(data), *shape.words(), *words, "--no-input", "--no-git"]) == 0, (
            capsys.readouterr().err
        )
        contract = check(folder)
        assert contract["approval"] == approval
        assert (contract["time_column"] is not None, contract.get("entity") is not None) == (shape.time, shape.entity)
        assert (contract["task"] == "regression") == (shape.target == "number")


def check(folder):
    """Read every file by its own grammar; return the contract."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.suffix in {".parquet", ".txt"}:
            continue
        text = path.read_text(encoding="utf-8")
        judged = text.lower().replace("placeholder", "") if SAYS_SO in path.as_posix() else text
        assert not LEFT_OVER.search(judged), f"{path}: {LEFT_OVER.search(judged)}"
        assert text.endswith("\n") or not text, path
        read = {
            ".py": ast.parse,
            ".toml": tomllib.loads,
            ".yaml": yaml.safe_load,
            ".yml": yaml.safe_load,
            ".dvc": yaml.safe_load,
            ".json": json.loads,
        }
        read.get(path.suffix, str)(text)
    return yaml.safe_load((folder / "loop.yaml").read_text(encoding="utf-8"))
