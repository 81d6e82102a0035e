"""The only module that writes into a project: all is written to a stage first and appears at once, or not at all.

A new target is staged in a sibling folder (same file system) and appears by one rename. A target that exists and is
empty keeps its place, because a shell may stand in it or a volume may be mounted on it: the stage is inside it and its
entries move up at the end.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from loopwright.errors import TargetError
from loopwright.repository.plan import Action, plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Stage", "commit", "land", "refuse_taken", "stage", "write"]

_SHOWN = 10
_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
_GIT_KEPT = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_")
_GIT = (
    "git",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    f"core.excludesFile={os.devnull}",
    "-c",
    "commit.gpgsign=false",
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A folder that is on its way to become the project."""

    target: Path
    root: Path

    @property
    def tree(self) -> Path:
        """What becomes the project."""
        return self.root / "tree"

    @property
    def scratch(self) -> Path:
        """Work files; a finished one is moved into the tree."""
        return self.root / "scratch"


@contextmanager
def stage(target: Path, *, dry_run: bool = False) -> Iterator[Stage]:
    """Make a stage for ``target`` and remove it at the end, with all it holds, whatever happens.

    Args:
        target: The absolute path of the project; its missing parents are made, and removed again on failure.
        dry_run: Stage in the system's temporary folder, where nothing of the user's is touched.

    Raises:
        TargetError: The target is taken or cannot be written.
    """
    refuse_taken(target)
    if dry_run:
        with TemporaryDirectory(prefix="loopwright-") as folder, _told(target):
            yield _opened(Stage(target=target, root=Path(folder, "stage")))
        return
    made: list[Path] = []
    base = target if target.is_dir() else target.parent
    staged = Stage(target=target, root=base / f".{target.name}.loopwright-{secrets.token_hex(4)}")
    try:
        with _told(target):
            for parent in _missing(base):
                made.append(parent)
                parent.mkdir()
            yield _opened(staged)
    finally:
        try:
            _remove(staged.root, made)
        except KeyboardInterrupt:  # it came on the way in, before signals were held back
            _remove(staged.root, made)
            raise


def refuse_taken(target: Path) -> None:
    """Refuse a target that holds anything.

    Raises:
        TargetError: Names the first ten things in the way.
    """
    with _told(target):
        if target.is_dir():
            inside = sorted(path.name for path in target.iterdir())
        elif os.path.lexists(target):
            raise TargetError(
                f"{target} is taken", because="it is a file", attempt="choose another path, or move the file"
            )
        else:
            return
    if inside:
        more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
        raise TargetError(
            f"{target} is not empty",
            because=f"it holds {', '.join(inside[:_SHOWN])}{more}",
            attempt="choose another path, or move these away",
        )


def write(staged: Stage, actions: Iterable[Action]) -> None:
    """Write every action of a plan into the stage.

    Raises:
        LoopwrightError: A path would leave the project.
    """
    checked = plan(actions)
    folders = {folder for action in checked for folder in action.path.parents} - {PurePosixPath()}
    for folder in sorted(folders):
        (staged.tree / folder).mkdir()
    for action in checked:
        path = staged.tree / action.path
        if isinstance(action.content, Path):
            action.content.rename(path)
        else:
            path.write_bytes(action.content)
        if action.executable:
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o444) >> 2)


def commit(staged: Stage) -> bool:
    """Make the tree a git repository with one commit; return False when there is no git.

    No hook, template or signature of the user takes part, and no identity is needed.

    Raises:
        TargetError: git failed.
    """
    if not shutil.which("git"):
        return False
    _git(staged.tree, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(staged.tree, "add", "--all")
    _git(
        staged.tree,
        *_identity(staged.tree),
        "commit",
        "--quiet",
        "--message",
        "Generate the repository with loopwright",
    )
    return True


def land(staged: Stage) -> None:
    """Let the finished tree appear at the target.

    Raises:
        FileExistsError: Something has appeared there meanwhile; it stays as it is.
    """
    with _uninterrupted():
        if staged.root.parent != staged.target:
            staged.tree.rename(staged.target)
            return
        moved: list[Path] = []
        try:
            for entry in sorted(staged.tree.iterdir()):
                _move(entry, staged.target / entry.name)
                moved.append(entry)
        except BaseException:
            for entry in moved:
                (staged.target / entry.name).rename(entry)
            raise


def _move(entry: Path, place: Path) -> None:
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, "it has appeared meanwhile", str(place))
    entry.rename(place)


def _remove(root: Path, made: Sequence[Path]) -> None:
    """Remove the stage, and the parents made for it; an empty folder is all that rmdir takes, so a project stays."""
    with _uninterrupted():
        shutil.rmtree(root, ignore_errors=True)
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()


def _opened(staged: Stage) -> Stage:
    for folder in (staged.root, staged.tree, staged.scratch):
        folder.mkdir()
    return staged


def _missing(folder: Path) -> list[Path]:
    """Return the folders to make, the outermost first."""
    return [path for path in (*reversed(folder.parents), folder) if not os.path.lexists(path)]


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Tell what the system refuses as an error of ours."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise TargetError(
            f"{target} cannot be written",
            because=f"{error.strerror or error}{place}",
            attempt="nothing was left behind: mend that, or choose another path",
        ) from error


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals back for a moment: half a removal or half a move is what they must not leave."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _identity(tree: Path) -> list[str]:
    """Return options that name a committer where the user's configuration names none."""
    fallback = {"user.name": "loopwright", "user.email": "loopwright@localhost"}
    unset = {key: value for key, value in fallback.items() if _run(tree, "config", "--get", key).returncode}
    return [word for key, value in unset.items() for word in ("-c", f"{key}={value}")]


def _git(tree: Path, *words: str) -> None:
    done = _run(tree, *words)
    if done.returncode:
        raise TargetError(
            "the git repository cannot be made",
            because=" ".join(done.stderr.split()) or f"git ended with {done.returncode}",
            attempt="nothing was left behind: mend that, or add --no-git",
        )


def _run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # A GIT_DIR or GIT_INDEX_FILE around us (we may run inside a hook) belongs to another repository.
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key.startswith(_GIT_KEPT)
    }
    return subprocess.run([*_GIT, *words], cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed program, words as a list
