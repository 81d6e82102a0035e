"""The golden tree: what a user gets, as text to review. `pytest tests/golden --update-golden` writes it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates/tabular/{{cookiecutter.project}}"
INFRA = Path(__file__).parents[2] / "infra"
GOLDEN = Path(__file__).parent / "tabular"
# Tested elsewhere to be copied byte for byte, and too long to review: their hashes stand in .loopwright.yml.
NOT_TEXT = {".parquet"}
COPIED = ("requirements/", "infra/", "LICENSE")


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


def test_infra_is_ours_byte_for_byte(rendered):
    """The sample project is a shop, so not even the name in Pulumi's own files differs here."""
    ours = {path: content for path, content in files(INFRA).items() if "__pycache__" not in path}
    assert files(rendered / "infra") == ours


def test_infra_of_another_project_differs_in_its_name_alone(tmp_path):
    from loopwright.cli import run  # noqa: PLC0415 - imported where it is used

    assert run(["new", str(tmp_path / "churn"), "--no-input", "--no-git"]) == 0
    theirs = files(tmp_path / "churn/infra")
    ours = {path: content for path, content in files(INFRA).items() if "__pycache__" not in path}
    differs = [path for path in ours if ours[path] != theirs[path]]
    assert differs == ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.staging.yaml", "Pulumi.yaml"]
    for path in differs:
        assert theirs[path].replace(b"name: churn", b"name: shop").replace(b"  churn:", b"  shop:") == ours[path]


@pytest.mark.parametrize("path", ["loop.yaml", "ml/schema.py", "data/history.parquet.dvc", "data/golden.parquet.dvc"])
def test_the_sample_in_the_template_is_what_the_simulator_gives(rendered, path):
    assert (TEMPLATE / path).read_text() == (rendered / path).read_text()


def test_nothing_of_the_template_is_left(rendered):
    for path, content in files(rendered).items():
        text = content.decode()
        assert "cookiecutter" not in text, path
        assert "{%" not in text, path
        assert "TODO" not in text, path
