"""Whatever goes wrong at whichever step, the folder around the target is as it was."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from loopwright.errors import LoopwrightError, TargetError
from loopwright.repository import apply
from loopwright.repository.apply import commit, land, refuse_taken, stage, write
from loopwright.repository.plan import Action

WRITES = {"open", "os.mkdir", "os.rename", "os.chmod", "subprocess.Popen"}


class Saboteur:
    """Raises at the n-th event that changes the disk below a folder; an audit hook sees them all, whoever calls."""

    def __init__(self) -> None:
        self.folder, self.at, self.seen, self.error = "", 0, 0, None
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple) -> None:
        if not self.folder or event not in WRITES or (event == "open" and not _writes(args[2])):
            return
        if event != "subprocess.Popen" and not os.fspath(args[0]).startswith(self.folder):
            return
        self.seen += 1
        if self.seen == self.at:
            raise self.error

    def arm(self, folder: Path, at: int, error: BaseException | None) -> None:
        self.folder, self.at, self.seen, self.error = str(folder), at, 0, error


def _writes(flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@pytest.fixture(scope="module")
def saboteur():
    hook = Saboteur()
    yield hook
    hook.arm(Path(), 0, None)
    hook.folder = ""


def make(target: Path, *, git: bool = True) -> None:
    with stage(target) as staged:
        big = staged.scratch / "history.parquet"
        big.write_bytes(b"rows")
        write(
            staged,
            [
                Action(path=PurePosixPath("README.md"), content=b"hello\n"),
                Action(path=PurePosixPath("data/history.parquet"), content=big),
                Action(path=PurePosixPath("bin/run"), content=b"#!/bin/sh\n", executable=True),
            ],
        )
        if git:
            commit(staged)
        land(staged)


WANTED = {
    "README.md": b"hello\n",
    "data": None,
    "data/history.parquet": b"rows",
    "bin": None,
    "bin/run": b"#!/bin/sh\n",
}


@pytest.fixture(params=["new", "deep", "empty"])
def target(request, tmp_path) -> Path:
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent" / "neighbour").write_text("untouched")
    path = tmp_path / "parent" / {"new": "churn", "deep": "a/b/churn", "empty": "here"}[request.param]
    if request.param == "empty":
        path.mkdir()
    return path


def test_a_project_appears_with_nothing_beside_it(target, tmp_path, tree):
    make(target, git=False)
    assert tree(target) == WANTED
    assert os.access(target / "bin/run", os.X_OK)
    assert not os.access(target / "README.md", os.X_OK)
    top = target.relative_to(tmp_path / "parent").parts[0]
    assert {path.name for path in (tmp_path / "parent").iterdir()} == {"neighbour", top}


def test_an_existing_folder_keeps_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    make(tmp_path, git=False)
    assert tmp_path.stat().st_ino == inode
    assert Path("README.md").read_bytes() == b"hello\n", "the shell that stands there sees the files"


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
    ids=repr,
)
def test_a_failure_at_any_step_leaves_nothing(target, tmp_path, saboteur, error, tree):
    parent = tmp_path / "parent"
    before = tree(parent)
    steps = 0
    while True:
        saboteur.arm(parent, steps + 1, error)
        try:
            make(target)
        except (KeyboardInterrupt, TargetError):
            saboteur.folder = ""
        else:
            saboteur.folder = ""
            break
        assert tree(parent) == before, f"step {steps + 1}"
        steps += 1
    assert steps >= 15, "every folder, file, rename and git call is a step"
    assert tree(target).items() >= WANTED.items()


def test_a_signal_between_any_two_lines_leaves_nothing(target, tmp_path, tree):
    """A signal comes after a step as well as before it: here before every line until the stage is taken away."""
    before = tree(tmp_path)
    functions = {"stage", "_opened", "_missing", "write"}
    left = reached = 0

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != apply.__file__ or frame.f_code.co_name not in functions:
            return trace if frame.f_code.co_filename == __file__ else None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    def interrupted(at: int) -> bool:
        nonlocal left
        left = at
        sys.settrace(trace)
        try:
            with stage(target) as staged:
                write(staged, [Action(path=PurePosixPath("data/x"), content=b"", executable=True)])
                sys.settrace(None)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    while interrupted(reached + 1):
        assert tree(tmp_path) == before, f"line event {reached + 1}"
        reached += 1
    assert reached > 25


def test_a_dry_run_touches_nothing_near_the_target(target, tmp_path, saboteur):
    saboteur.arm(tmp_path, 1, AssertionError("a dry run wrote"))
    with stage(target, dry_run=True) as staged:
        (staged.scratch / "x").write_bytes(b"")
        assert not staged.root.is_relative_to(tmp_path)
    saboteur.folder = ""
    assert not staged.root.exists()


def test_a_taken_target_is_refused_with_what_is_in_the_way(tmp_path):
    for number in range(12):
        (tmp_path / f"file{number:02}").touch()
    with pytest.raises(TargetError) as caught:
        refuse_taken(tmp_path)
    assert "file00" in caught.value.because
    assert "file09 and 2 more" in caught.value.because
    with pytest.raises(TargetError, match="taken"):
        refuse_taken(tmp_path / "file00")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetError, match="taken"):
        refuse_taken(tmp_path / "dangling")


def test_a_target_that_appears_meanwhile_is_left_alone(tmp_path, tree):
    target = tmp_path / "churn"
    with pytest.raises(TargetError), stage(target) as staged:  # noqa: PT012 - the body is what happens meanwhile
        target.mkdir()
        (target / "theirs").touch()
        write(staged, [Action(path=PurePosixPath("ours"), content=b"")])
        land(staged)
    assert tree(tmp_path) == {"churn": None, "churn/theirs": b""}


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path, tree):
    with pytest.raises(TargetError, match="cannot be written"), stage(tmp_path) as staged:  # noqa: PT012 - as above
        write(staged, [Action(path=PurePosixPath(name), content=b"ours") for name in ("a", "b", "c")])
        (tmp_path / "b").write_bytes(b"theirs")
        land(staged)
    assert tree(tmp_path) == {"b": b"theirs"}


def test_a_path_out_of_the_project_is_refused(tmp_path, tree):
    with pytest.raises(LoopwrightError, match="refused"), stage(tmp_path / "churn") as staged:
        write(staged, [Action(path=PurePosixPath("../../evil"), content=b"")])
    assert tree(tmp_path) == {}


@pytest.fixture
def hostile_git(tmp_path, monkeypatch):
    """A user's git that would run hooks, sign, ignore files and knows no identity; and a GIT_DIR from around us."""
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "post-commit", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    (home / "ignored").write_text("data\n")
    (home / ".gitconfig").write_text(
        f"[core]\n hooksPath = {hooks}\n excludesFile = {home}/ignored\n[init]\n templateDir = {home}\n"
        "[commit]\n gpgsign = true\n[user]\n useConfigOnly = true\n"
    )
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(home / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(home / "index"))
    return home


def test_the_first_commit_needs_nothing_of_the_user_and_runs_nothing_of_theirs(tmp_path, hostile_git, monkeypatch):
    make(tmp_path / "churn")
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")

    def git(*words):
        return subprocess.check_output(["git", *words], cwd=tmp_path / "churn", text=True)

    assert git("log", "--format=%an %s").strip() == "loopwright Generate the repository with loopwright"
    assert git("ls-files").split() == ["README.md", "bin/run", "data/history.parquet"]
    assert git("status", "--porcelain") == ""
    assert not (tmp_path / "churn" / ".git" / "hooks").exists()
    assert not (hostile_git / "ran").exists()
    assert not (hostile_git / "elsewhere").exists()


def test_the_users_name_is_on_the_first_commit(tmp_path, hostile_git, monkeypatch):
    (hostile_git / ".gitconfig").write_text("[user]\n name = Ada\n email = ada@example.org\n")
    make(tmp_path / "churn")
    monkeypatch.delenv("GIT_DIR")
    author = subprocess.check_output(["git", "log", "--format=%an %ae"], cwd=tmp_path / "churn", text=True)
    assert author.strip() == "Ada ada@example.org"


def test_without_git_there_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with stage(tmp_path / "churn") as staged:
        assert commit(staged) is False


def test_a_failing_git_is_told_and_leaves_nothing(tmp_path, monkeypatch, tree):
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho no way >&2\nexit 9\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    (tmp_path / "work").mkdir()
    with pytest.raises(TargetError) as caught:
        make(tmp_path / "work" / "churn")
    assert caught.value.because == "no way"
    assert tree(tmp_path / "work") == {}
