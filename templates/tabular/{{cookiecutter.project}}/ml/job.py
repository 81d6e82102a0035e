"""A stage as a job of a platform: what that lays in front of it becomes a repository, and what it makes goes back.

SageMaker's conventions are those of `/opt/ml`, or of the folder that OPT_ML names:

    processing   inputs in `processing/in/NAME`, results to `processing/out`, why it failed to `output/message`
    training     channels in `input/data/NAME`, hyperparameters (those of `train` in params.yaml), the model to `model`,
                 what else it made to `output/data`, why it failed to `output/failure`

Any other platform says the same in words: `python -m ml job --source NAME=FOLDER --out FOLDER STAGE ...`. The source
`data` becomes the folder `data/`, and its `history/*.parquet` are rows that came after `history.parquet`. The source
`champion` is the model that serves. The source `logged`, or the folder `labelled` in `data`, holds its answers with
their labels. Every other source is what an earlier stage left, laid out as in the repository, or its `model.tar.gz`.
Without a platform, the stage runs where it is called, as `python -m ml STAGE` does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ml.errors import LoopError
from ml.paths import ARCHIVE, CHAMPION, HISTORY, LABELLED, MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = Path(__file__).parents[1]
FILES = ("loop.yaml", "params.yaml", "dvc.yaml", "requirements")
"""What a stage reads of the program, beside its code."""
MOST_TOLD = 1024
"""So many characters of a failure SageMaker shows."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where a platform lays things, and where it looks for them."""

    sources: Mapping[str, Path]
    out: Path
    model: Path | None = None
    """Where the model goes, if not to `out`."""
    failure: Path | None = None
    """The file that says why it failed."""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    room: Path | None = None
    """A folder on the platform's large disk."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Who trains together, in the variables that `ml/hosts.py` reads."""


def main(arguments: Sequence[str] = ()) -> None:
    """Run a stage as the platform's job, and end with its exit code.

    Raises:
        LoopError: What the platform laid out cannot be used.
    """
    options = _options(arguments)
    platform = _told(options) or sagemaker(Path(os.environ.get("OPT_ML", "/opt/ml")))
    stages = yaml.safe_load((PROGRAM / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    if platform is None or options.command[0] not in stages:
        sys.exit(_run(options.command, Path.cwd(), platform.failure if platform else None))
    with tempfile.TemporaryDirectory(dir=platform.room) as folder:
        workspace = Path(folder)
        try:
            lay_out(platform, workspace)
        except LoopError as error:
            _tell(platform.failure, f"error: {error}\n")
            raise
        code = _run(options.command, workspace, platform.failure, platform.hosts)
        hand_over(platform, workspace, made(stages[options.command[0]]))
    sys.exit(code)


def sagemaker(root: Path) -> Platform | None:
    """Return how SageMaker laid out a job below ``root``; None when it did not."""
    if (root / "config/processingjobconfig.json").is_file():
        processing = root / "processing"
        return Platform(
            sources=_folders(processing / "in"),
            out=processing / "out",
            failure=root / "output/message",
            room=root,
        )
    if (config := root / "input/config/hyperparameters.json").is_file():
        given = json.loads(config.read_text(encoding="utf-8"))
        return Platform(
            sources=_folders(root / "input/data"),
            out=root / "output/data",
            model=root / "model",
            failure=root / "output/failure",
            # What begins so is SageMaker's own.
            hyperparameters={name: value for name, value in given.items() if not name.startswith("sagemaker_")},
            room=root,
            hosts=_hosts(root / "input/config/resourceconfig.json"),
        )
    return None


def lay_out(platform: Platform, workspace: Path) -> None:
    """Make a repository of the program and of what the platform laid out.

    Raises:
        LoopError: There are hyperparameters that `params.yaml` does not know.
    """
    for name in FILES:
        (workspace / name).symlink_to(PROGRAM / name)
    if platform.hyperparameters:
        (workspace / "params.yaml").unlink()
        (workspace / "params.yaml").write_text(_params(platform.hyperparameters), encoding="utf-8")
    for name, folder in platform.sources.items():
        if name == "data":
            _data(folder, workspace)
        elif name == "logged":
            _copy(folder, workspace / LABELLED)
        elif (folder / ARCHIVE.name).is_file():
            _unpack(folder / ARCHIVE.name, workspace / (CHAMPION if name == "champion" else MODEL))
            if name != "champion":
                _copy(folder / ARCHIVE.name, workspace / ARCHIVE)
        else:
            _copy(folder, workspace / CHAMPION if name == "champion" else workspace)


def hand_over(platform: Platform, workspace: Path, paths: Sequence[Path]) -> None:
    """Give the platform what the stage made, also when it failed: its reports say why."""
    platform.out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if not (workspace / path).exists():
            continue
        to = platform.model if platform.model and path == MODEL else platform.out / path
        _copy(workspace / path, to)


def made(stage: Mapping[str, Any]) -> list[Path]:
    """Return what a stage of `dvc.yaml` makes."""
    outs = [*stage.get("outs", ()), *stage.get("metrics", ())]
    return [Path(out if isinstance(out, str) else next(iter(out))) for out in outs]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml job", description="Run a stage as a job of a platform.")
    parser.add_argument("--source", action="append", default=[], metavar="NAME=FOLDER", help="what it is given")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where its results go")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="STAGE ...")
    options = parser.parse_args(list(arguments))
    if not options.command:
        parser.error("name the stage to run")
    if options.source and options.out is None:
        parser.error("--source needs --out")
    return options


def _told(options: argparse.Namespace) -> Platform | None:
    if options.out is None:
        return None
    pairs = (source.partition("=") for source in options.source)
    return Platform(sources={name: Path(folder) for name, _, folder in pairs}, out=options.out)


def _run(
    command: Sequence[str], workspace: Path, failure: Path | None, variables: Mapping[str, str] | None = None
) -> int:
    """Run a command of `python -m ml`, and keep the end of what it says on stderr where a platform looks for it."""
    paths = [str(PROGRAM), *filter(None, [os.environ.get("PYTHONPATH")])]
    python = os.environ.get("LOOP_PYTHON", sys.executable)
    said = ""
    with subprocess.Popen(  # noqa: S603 - our own program
        [python, "-m", "ml", *command],
        cwd=workspace,
        env=os.environ | dict(variables or {}) | {"PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stderr or ():
            sys.stderr.write(line)
            said = (said + line)[-MOST_TOLD:]
    code = process.returncode
    if code:
        # Its own words begin with "error: "; before them may be warnings of libraries.
        _tell(failure, said[max(said.rfind("error: "), 0) :])
    return code


def _tell(failure: Path | None, why: str) -> None:
    if failure:
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(why, encoding="utf-8")


def _folders(parent: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(parent.iterdir()) if path.is_dir()} if parent.is_dir() else {}


def _hosts(config: Path) -> dict[str, str]:
    """Return who trains together, of what SageMaker says; nothing where it says nothing."""
    if not config.is_file():
        return {}
    found = json.loads(config.read_text(encoding="utf-8"))
    return {"LOOP_HOST": found["current_host"], "LOOP_HOSTS": ",".join(found["hosts"])}


def _params(given: Mapping[str, str]) -> str:
    """Return `params.yaml` with SageMaker's hyperparameters, which are always texts, in it."""
    document = yaml.safe_load((PROGRAM / "params.yaml").read_text(encoding="utf-8"))
    if unknown := sorted(set(given) - set(document["train"])):
        raise LoopError(
            f"there is no hyperparameter {', '.join(unknown)}",
            because=f"params.yaml knows {', '.join(document['train'])}",
            attempt="name them as `train` in params.yaml does",
        )
    document["train"] |= {name: yaml.safe_load(value) for name, value in given.items()}
    return yaml.safe_dump(document)


def _data(folder: Path, workspace: Path) -> None:
    """Lay out the data; rows that came as files of their own follow those of `history.parquet`, by their names."""
    parts = sorted((folder / HISTORY.stem).rglob("*.parquet"))
    for path in sorted(folder.iterdir()):
        if path.is_file():
            _copy(path, workspace / HISTORY.parent / path.name)
    if (folder / LABELLED.name).is_dir():
        _copy(folder / LABELLED.name, workspace / LABELLED)
    if parts:
        import polars as pl  # noqa: PLC0415 - only who has to put files together waits for it

        whole = [path for path in (folder / HISTORY.name,) if path.is_file()]
        target = workspace / HISTORY
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        pl.concat([pl.scan_parquet(path) for path in (*whole, *parts)]).sink_parquet(target)


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder into place, as links where the disk is the same: data may be large, and is only read."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            _copy(path, target / path.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
