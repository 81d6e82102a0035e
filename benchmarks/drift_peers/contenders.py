"""Who is compared, and the environment of each, which is made once below a cache folder."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PINS = {
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "pyarrow"),
    "nannyml": ("nannyml==0.13.1", "pandas==2.3.3", "pyarrow", "statsmodels"),
    "whylogs": ("whylogs[viz]==1.6.4", "pandas==2.3.3", "pyarrow==19.0.1", "numpy<2"),
}
"""With what its own metadata ask for, none of the three can be imported: pandas 3 and numpy 2 broke the first and the
last, NannyML does not name statsmodels. All read Parquet with pyarrow, whose later versions refuse numpy 1."""
QUIET = {
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "1",
}
"""They report their use over the network unless these are set, and that would take time."""


@dataclass(frozen=True)
class Contender:
    """One way to find drift."""

    name: str
    environment: str
    """`ours`, or one of `PINS`."""
    mode: str
    """The first argument of `run_ENVIRONMENT.py`."""

    @property
    def ours(self) -> bool:
        """Whether it is our own."""
        return self.environment == "ours"


OURS = Contender("ours", "ours", "saved")
CONTENDERS = (
    OURS,
    Contender("ours, reference read too", "ours", "both"),
    Contender("NannyML KS and chi-square", "nannyml", "ks"),
    Contender("NannyML default", "nannyml", "jensen_shannon"),
    Contender("whylogs", "whylogs", "default"),
    Contender("Evidently PSI", "evidently", "psi"),
    Contender("Evidently default", "evidently", "default"),
)


def made(name: str, cache: Path, lock: Path) -> Path:
    """Return the Python of an environment, which is made if there is none.

    Args:
        name: `ours`, or one of `PINS`.
        cache: The folder below which environments are kept.
        lock: The hashed requirements of ours.

    Raises:
        subprocess.CalledProcessError: It cannot be installed; `stderr` says why.
    """
    folder = cache / name
    python, finished = folder / "bin" / "python", folder / "finished"
    if not finished.exists():
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        what = ("--require-hashes", "--requirement", str(lock)) if name == "ours" else PINS[name]
        _uv("pip", "install", "--python", str(python), *what)
        finished.touch()
    return python


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True, capture_output=True, text=True)
