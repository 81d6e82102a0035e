"""The one error a stage ends with: what happened, because of what, and what to try."""

from __future__ import annotations

MOST_TOLD = 500
"""So many characters of another library's error are shown."""


class LoopError(Exception):
    """An expected failure; `python -m ml` prints it on stderr without a traceback and exits with 1."""

    def __init__(self, what: str, *, because: str, attempt: str) -> None:
        super().__init__(f"{what}\n  because: {because}\n  try: {attempt}")
        self.what, self.because, self.attempt = what, because, attempt


def short(error: Exception) -> str:
    """Return what another library says, on one line and not too long."""
    return " ".join(str(error).split())[:MOST_TOLD]
