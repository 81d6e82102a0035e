from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from loopwright.errors import LoopwrightError
from loopwright.repository.plan import Action, plan, safe_path


def action(path: str) -> Action:
    return Action(path=PurePosixPath(path), content=b"")


def test_a_plan_is_sorted():
    assert [str(a.path) for a in plan([action("b"), action("a/c"), action("a/b")])] == ["a/b", "a/c", "b"]


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_one_path_is_one_file(paths):
    with pytest.raises(LoopwrightError, match="refused"):
        plan(map(action, paths))


@pytest.mark.parametrize("path", ["a", "ml/train.py", ".github/workflows/ci.yml", ".gitignore", "a b/ü.md", ".gitkeep"])
def test_good_paths(path):
    assert str(safe_path(path)) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../a",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a\\..\\b",
        "C:a",
        "a\0",
        "a\nb",
        ".git/hooks/x",
        ".GIT/x",
        "a.",
        "x" * 256,
        "\ud800",
    ],
)
def test_bad_paths(path):
    with pytest.raises(LoopwrightError, match="refused"):
        safe_path(path)
