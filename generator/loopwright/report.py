"""What a person or a program gets to see: the only module that prints, and that asks.

JSON goes to stdout, alone. Everything for people goes to stderr.
"""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from loopwright.contract.summary import Found
    from loopwright.new import Created

__all__ = ["INTERRUPTED", "Report"]

INTERRUPTED = 130
_MOST_CLASSES = 6
_MOST_COLUMNS = 40


@dataclass(kw_only=True)
class Report:
    """How this run reports; the command line sets the fields."""

    as_json: bool = False
    color: bool | None = None
    """None: coloured where the stream is a terminal."""
    debug: bool = False
    interrupted: bool = False
    """A signal came. DuckDB, for one, makes another exception of it."""

    @contextmanager
    def step(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show on a terminal that ``text`` is under way, and for how long; what is yielded changes the text."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console  # noqa: PLC0415 - costs a tenth of a second, and is for terminals only
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        console = Console(stderr=True, no_color=self.color is False)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(text, total=None)
            yield lambda now: progress.update(task, description=now)

    def ask(self, text: str, default: str | None, check: Callable[[str], str | None]) -> str:
        """Ask on stderr until ``check`` finds nothing wrong with the answer."""

        def checked(answer: str) -> str:
            if problem := check(answer):
                raise click.BadParameter(problem)
            return answer

        return str(click.prompt(text, default=default, value_proc=checked, show_default=bool(default), err=True))

    def created(self, result: Created) -> None:
        """Tell what was made, or would be."""
        for action in result.actions:
            self._say(click.style(f"{action.status:>8}", fg="green") + f"  {action.path}")
        self._say("\n" + "\n".join(_found(result.found)))
        for notice in result.notices:
            self._say(click.style(" warning", fg="yellow") + f"  {notice.message}")
        verb = "would be made" if result.dry_run else "is ready"
        self._say(f"\n{result.target} {verb}: {len(result.actions)} files")
        if not result.dry_run:
            self._say("next:\n" + "\n".join(f"  {line}" for line in result.next))
        self._say(f"the same again:\n  {result.command}")
        if self.as_json:
            self._json(_document(result))

    def shown(self, lines: Iterable[str], document: dict[str, Any]) -> None:
        """Tell what was found: as text for people, and as a document where that was asked for."""
        for line in lines:
            self._say(line)
        if self.as_json:
            self._json(document)

    def judged(self, lines: Iterable[str], document: dict[str, Any], verdict: LoopwrightError | None) -> None:
        """Tell what a check found, and end with its verdict; the document holds the verdict already.

        Raises:
            LoopwrightError: The verdict, where there is one.
        """
        self.shown(lines, document)
        if verdict:
            self.as_json = False  # one document is enough
            raise verdict

    def failed(self, error: BaseException) -> int:
        """Tell what went wrong and return the exit code."""
        if self.debug:
            self._say("".join(traceback.format_exception(error)).rstrip())
        what, because, attempt, code = _explained(KeyboardInterrupt() if self.interrupted else error)
        lines = [what, *(f"  {word}: {text}" for word, text in (("because", because), ("try", attempt)) if text)]
        self._say(click.style("error:", fg="red") + " " + "\n".join(lines))
        if self.as_json:
            self._json({"error": {"what": what, "because": because, "try": attempt}})
        return code

    def _say(self, text: str) -> None:
        click.echo(text, err=True, color=self.color)

    def _json(self, document: dict[str, Any]) -> None:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False), color=False)


def _found(found: Found) -> Iterator[str]:
    """Yield what was found in the data, as a table of text."""
    classes = ", ".join(f"{name} {share:.0%}" for name, share in islice(found.balance.items(), _MOST_CLASSES))
    target = f"{found.target} ({classes})" if classes else found.target
    yield f"{found.rows:,} rows; {found.task} of {target}, judged by {found.metric}, limit {found.limit:g}"
    lines = [("column", "kind", "nulls", "values", "used as")]
    shown = found.columns[:_MOST_COLUMNS]
    lines += [(column.name, column.kind, f"{column.null_share:.1%}", column.values, column.use) for column in shown]
    widths = [max(map(len, cells)) for cells in list(zip(*lines, strict=True))[:-1]]
    for *cells, last in lines:
        yield "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), last])
    if len(found.columns) > len(shown):
        yield f"  and {len(found.columns) - len(shown)} more columns, all in ml/schema.py"


def _document(result: Created) -> dict[str, Any]:
    return {
        "target": str(result.target),
        "dry_run": result.dry_run,
        "answers": result.answers.model_dump(mode="json"),
        "files": [{"path": str(action.path), "status": action.status} for action in result.actions],
        "found": asdict(result.found),
        "warnings": [{"code": n.code, "columns": list(n.columns), "message": n.message} for n in result.notices],
        "next": list(result.next),
        "command": result.command,
    }


def _explained(error: BaseException) -> tuple[str, str, str, int]:
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "interrupted", "a signal or Ctrl-C asked for it", "nothing was left behind: run it again", INTERRUPTED
    if isinstance(error, LoopwrightError):
        return error.what, error.because, error.attempt, error.exit_code
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "loopwright"
        return error.format_message(), "", f"{path} --help", error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), "", "", error.exit_code
    return (
        "this should not have happened",
        f"{type(error).__name__}: {error}",
        "the same command with --debug, and report what it prints: it is a fault of loopwright",
        1,
    )
