"""What can go wrong, and how it is said.

    LoopwrightError          exit 1   an expected failure
    ├── UsageError           exit 2   the call itself is wrong: a flag, a key, an answer
    ├── DataError            exit 1   the user's data file cannot be used as it is
    ├── TargetError          exit 1   the place to write to is taken or cannot be written
    └── Differs              exit 3   a check ran and found differences

Every error says *what* happened, *because* of what, and what to *try*. Raising is reporting: click prints it on
stderr and exits with the code above; a traceback appears only with ``--debug``.
"""

from __future__ import annotations

from typing import IO, Any

import click

__all__ = ["DataError", "Differs", "LoopwrightError", "TargetError", "UsageError"]


class LoopwrightError(click.ClickException):
    """An expected failure, told in three lines.

    Args:
        what: What happened, in one clause without a full stop.
        because: The fact that made it happen.
        attempt: What the user can do next; printed behind ``try:``.
    """

    exit_code = 1

    def __init__(self, what: str, *, because: str, attempt: str) -> None:
        super().__init__(what)
        self.what, self.because, self.attempt = what, because, attempt

    def format_message(self) -> str:
        """Return the three lines without the leading word ``error:``."""
        return f"{self.what}\n  because: {self.because}\n  try: {self.attempt}"

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error on stderr, or on ``file``."""
        click.echo(f"error: {self.format_message()}", file=file, err=file is None)


class UsageError(LoopwrightError):
    """The call itself is wrong: a flag, a key, an answer."""

    exit_code = 2


class DataError(LoopwrightError):
    """The user's data file cannot be used as it is."""


class TargetError(LoopwrightError):
    """The place to write to is taken or cannot be written."""


class Differs(LoopwrightError):  # noqa: N818 - a finding, not a fault
    """A check ran and found differences."""

    exit_code = 3
