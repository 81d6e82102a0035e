"""What is kept on disk of a backtest, so that no model is trained twice: one line of JSON a model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ml import hashes
from ml.paths import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ml.contract import Contract

FOLDER = Path(".backtest")
MODELS = "models.jsonl"
STAGE = "train"
"""The stage of dvc.yaml that declares what a model depends on: code, settings, parts of the contract."""
MINE = ("ml/backtest/history.py", "ml/backtest/models.py", "ml/prepare.py", "ml/checks.py", "ml/challengers.py")
"""Code that arranges the rows and judges the models."""


def folder(data: Path, contract: Contract) -> Path:
    """Return where the models of a history are kept; it changes with whatever a model or its losses depend on."""
    golden = contract.gates.golden
    facts = {
        "data": hashes.sha256(data),
        "golden": hashes.sha256(Path(golden.path)) if golden else None,
        "code": {str(path): hashes.sha256(path) for path in _code()},
        "values": dict(_values()),
        "lock": hashes.sha256(LOCK) if LOCK.is_file() else None,
    }
    return FOLDER / hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what is kept of each model, and cut off a last line that an interruption left unfinished."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        done = 0
        for line in file:
            if not line.endswith(b"\n"):
                file.truncate(done)
                return
            done += len(line)
            yield json.loads(line)


def add(path: Path, models: Iterable[Mapping[str, Any]]) -> None:
    """Keep models; each line is written as a whole."""
    with path.open("ab") as file:
        file.write(b"".join(json.dumps(each, allow_nan=False).encode() + b"\n" for each in models))


def _stage() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][STAGE]
    return found


def _code() -> list[Path]:
    named = [path for each in (*_stage()["deps"], *MINE) if (path := Path(each)).parts[0] == "ml"]
    return sorted({file for path in named for file in (path.rglob("*.py") if path.is_dir() else [path])})


def _values() -> Iterator[tuple[str, Any]]:
    """Yield the values of the parameters that the stage declares, each by its file and its path."""
    for entry in _stage()["params"]:
        for name, paths in entry.items() if isinstance(entry, dict) else [("params.yaml", [entry])]:
            document = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
            for path in paths:
                value = document
                for step in path.split("."):
                    value = value.get(step) if isinstance(value, dict) else None
                yield f"{name}:{path}", value
