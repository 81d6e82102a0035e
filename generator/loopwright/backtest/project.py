"""What runs in the project's own environment: the loss matrix, and the loop as its code has it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loopwright.backtest.play.days import Played
from loopwright.errors import LoopwrightError
from loopwright.graph.load import interpreter
from loopwright.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Project"]


@dataclass(frozen=True, kw_only=True)
class Project(Programs):
    """A generated repository, and the python that has its packages."""

    doing = "backtest"
    kept = ": what is trained is kept"

    @classmethod
    def at(cls, folder: Path) -> Project:
        """Find the project in a folder.

        Raises:
            LoopwrightError: There is none, it is too old for this, or its environment is not made yet.
        """
        if not (folder / "loop.yaml").is_file() or not (folder / "ml" / "backtest").is_dir():
            raise LoopwrightError(
                f"{folder} cannot be backtested",
                because=f"{folder / 'loop.yaml'} or {folder / 'ml' / 'backtest'} is missing",
                attempt="name a repository that this version of loopwright new has made",
            )
        return cls(folder=folder.absolute(), python=interpreter(folder, "no model can be trained yet"))

    def matrix(self, words: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
        """Train what is missing of the loss matrix and return what it is about, with the file of its models.

        Args:
            words: Options of the project's `python -m ml matrix`.
            tell: Is told of the progress.

        Raises:
            LoopwrightError: It cannot be made; the project says why.
        """
        found: dict[str, Any] = {}
        with self.started("-m", "ml", "matrix", *words) as lines:
            for line in lines:
                if line.startswith("{"):
                    found = json.loads(line)
                else:
                    done, _, all_of_them = line.strip().partition("/")
                    tell(f"training models: {done} of {all_of_them}")
        return found

    def loops(self, header: Mapping[str, Any], plays: Sequence[Mapping[str, Any]]) -> list[Played]:
        """Play the loop as the project's code and contract have it; see ``play/run.py``."""
        request = json.dumps({"header": header, "plays": plays})
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin:
            stdin.write(request)
            stdin.seek(0)
            with self.inside(Path(__file__).with_name("play"), stdin) as lines:
                done = json.loads("".join(lines))
        return [
            Played(
                losses=np.array(each["losses"], dtype=float),
                counts=np.array(each["counts"]),
                retrained=each["retrained"],
                probed=each["probed"],
            )
            for each in done
        ]
