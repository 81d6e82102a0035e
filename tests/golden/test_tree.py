"""The golden tree: what a user gets, as text to review. `pytest tests/golden --update-golden` writes it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates/tabular/{{cookiecutter.project}}"
GOLDEN = Path(__file__).parent / "tabular"
# Tested elsewhere to be copied byte for byte, and too long to review: their hashes stand in .loopwright.yml.
NOT_TEXT = {".parquet"}
COPIED = ("requirements/", "LICENSE")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    from loopwright.cli import run  # noqa: PLC0415 - imported where it is used

    folder = tmp_path_factory.mktemp("golden") / "shop"
    assert run(["new", str(folder), "--no-input", "--no-git", "--set", "owner=The Shop", "--color", "never"]) == 0
    return folder


def files(folder):
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in NOT_TEXT)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def reviewed(folder):
    return {path: content for path, content in files(folder).items() if not path.startswith(COPIED)}


def test_is_what_was_reviewed(rendered, update_golden):
    found = reviewed(rendered)
    if update_golden:
        shutil.rmtree(GOLDEN, ignore_errors=True)
        for path, content in found.items():
            (GOLDEN / f"{path}.txt").parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / f"{path}.txt").write_bytes(content)
    golden = {path.removesuffix(".txt"): content for path, content in files(GOLDEN).items()}
    assert sorted(found) == sorted(golden)
    for path, content in found.items():
        assert content.decode() == golden[path].decode(), path


@pytest.mark.parametrize("path", ["loop.yaml", "ml/schema.py", "data/history.parquet.dvc", "data/golden.parquet.dvc"])
def test_the_sample_in_the_template_is_what_the_simulator_gives(rendered, path):
    assert (TEMPLATE / path).read_text() == (rendered / path).read_text()


def test_nothing_of_the_template_is_left(rendered):
    for path, content in files(rendered).items():
        text = content.decode()
        assert "cookiecutter" not in text, path
        assert "{%" not in text, path
        assert "TODO" not in text, path
