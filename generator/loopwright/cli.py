"""The command line: parse, call one function, report. What a command needs is imported when it runs."""

from __future__ import annotations

import difflib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from loopwright import __version__
from loopwright.errors import UsageError
from loopwright.report import Report

__all__ = ["cli", "main", "run"]

_F = TypeVar("_F", bound=Callable[..., Any])
_WHEN = {"auto": None, "always": True, "never": False}


def main() -> None:
    """Run the command line as a process: what ends it from outside is an interruption, so that work is undone."""
    report = Report()

    def interrupt(*_: object) -> None:
        report.interrupted = True
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background
            signal.signal(number, interrupt)
    sys.exit(run(sys.argv[1:], report))


def run(args: Sequence[str], report: Report | None = None) -> int:
    """Run the command line and return the exit code; every error is told, none is raised."""
    report = report or Report()
    report.as_json, report.color = "--json" in args, _color_of_environment()
    try:
        code = cli.main(args=list(args), prog_name="loopwright", standalone_mode=False, obj=report)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where nothing may pass
        return report.failed(error)
    return code if isinstance(code, int) else 0


def _color_of_environment() -> bool | None:
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _set_color(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        context.find_object(Report).color = _WHEN[value] if value != "auto" else _color_of_environment()  # type: ignore[union-attr]


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    if value:
        context.find_object(Report).debug = True  # type: ignore[union-attr]


def common(function: _F) -> _F:
    """Add the options that every command has."""
    color = click.option(
        "--color",
        type=click.Choice(list(_WHEN)),
        expose_value=False,
        callback=_set_color,
        help="Colour the output (auto: on a terminal; NO_COLOR and FORCE_COLOR count).",
    )
    debug = click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks.")
    return color(debug(function))


class _Commands(click.Group):
    """A group that knows the nearest name of a mistyped command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            raise UsageError(
                f"there is no command {name!r}",
                because=f"the commands are {', '.join(self.list_commands(ctx))}",
                attempt=f"loopwright {near[0] if near else '--help'}",
            )
        return super().resolve_command(ctx, args)


class _Asking(click.Command):
    """A command whose flags are a view of the questions, made only when this command is used."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        from loopwright.answers import QUESTIONS  # noqa: PLC0415 - pydantic costs too much for `loopwright --help`

        flags: list[click.Parameter] = [
            click.Option([question.flag, name], metavar=question.metavar, help=question.help)
            for name, question in QUESTIONS.items()
            if question.flag
        ]
        argument, *options = super().get_params(ctx)
        return [argument, *flags, *options]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="loopwright")
@common
def cli() -> None:
    """Generate ML repositories whose retraining loop is already closed."""


@cli.command(cls=_Asking)
@click.argument("path", required=False)
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any answer by its name; repeatable.")
@click.option("--answers", metavar="FILE", type=Path, help="YAML file of answers, or a repository's .loopwright.yml.")
@click.option("--no-input", is_flag=True, help="Never ask; automatic without a terminal.")
@click.option("--no-git", is_flag=True, help="Make no git repository.")
@click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON, alone on stdout.")
@common
@click.pass_obj
def new(  # noqa: PLR0913 - one parameter per option
    report: Report,
    /,
    path: str | None,
    *,
    settings: tuple[str, ...],
    answers: Path | None,
    no_input: bool,
    no_git: bool,
    dry_run: bool,
    as_json: bool,
    **flags: str | None,
) -> None:
    """Make a repository from a data file, or from simulated data.

    PATH is new or empty; without it the repository goes to a folder named like the project. On a terminal, questions
    that no option answers are asked. An answer counts in this order: flags, --set, --answers, prompt, default.
    """
    from loopwright.answers import resolve  # noqa: PLC0415 - see the head of the module
    from loopwright.new import create  # noqa: PLC0415
    from loopwright.repository.apply import refuse_taken  # noqa: PLC0415

    report.as_json = as_json
    folder = Path(os.path.abspath(path)) if path is not None else None  # noqa: PTH100 - resolve() would follow links
    if folder:
        refuse_taken(folder)  # before anything is asked
    ask = None if no_input or not sys.stdin.isatty() else report.ask
    resolved = resolve(folder, flags=flags, settings=settings, file=answers, ask=ask)
    target = folder or Path.cwd() / resolved.project
    report.created(create(resolved, target, git=not no_git, dry_run=dry_run, step=report.step))


_PROJECT = click.option(
    "--project", metavar="DIR", type=Path, default=".", show_default=True, help="The generated repository."
)
_STACK = click.option("-s", "--stack", metavar="STACK", required=True, help="A stack of infra/, such as dev.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Report as JSON, alone on stdout.")


def _days(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Read days with commas between."""
    words = [word.strip() for word in (value or "").split(",") if word.strip()]
    if not all(word.isdecimal() and int(word) for word in words):
        raise click.BadParameter("whole numbers of days with commas between, such as 30,60,120")
    return tuple(sorted(set(map(int, words))))


@cli.command()
@_STACK
@_PROJECT
@click.option("--assume", metavar="KEY=VALUE", multiple=True, help="What a price depends on; the report names them.")
@_JSON
@common
@click.pass_obj
def preview(report: Report, /, stack: str, project: Path, *, assume: tuple[str, ...], as_json: bool) -> None:
    """Show what a stack consists of and what it costs a month.

    Needs no account, no Pulumi and no network; a stack without an image shows what there will be with one.
    """
    from loopwright import preview as previews  # noqa: PLC0415 - see the head of the module
    from loopwright.cost.assumptions import assume as assumed  # noqa: PLC0415
    from loopwright.placeholder import whole  # noqa: PLC0415

    report.as_json = as_json
    assumptions = assumed(assume)
    with report.step(f"evaluating infra/ for {stack}"):
        graph, placeholder = whole(project, stack)
    found = previews.preview(graph, assumptions, placeholder=placeholder)
    report.shown(previews.lines(found), previews.as_document(found))


@cli.command()
@click.argument("first", metavar="STACK")
@click.argument("second", metavar="STACK")
@_PROJECT
@_JSON
@common
@click.pass_obj
def parity(report: Report, /, first: str, second: str, project: Path, *, as_json: bool) -> None:
    """Show what differs between two stacks, and whether it may; exit 3 where it may not.

    infra/parity.yaml says what may differ, and why.
    """
    from loopwright import parity as parities  # noqa: PLC0415 - see the head of the module

    report.as_json = as_json
    with report.step(f"evaluating infra/ for {first} and {second}"):
        found = parities.parity(project, first, second)
    report.judged(parities.lines(found), parities.as_document(found), parities.differs(found))


@cli.command()
@click.argument("stacks", metavar="[STACK]...", nargs=-1)
@_PROJECT
@_JSON
@common
@click.pass_obj
def check(report: Report, /, stacks: tuple[str, ...], project: Path, *, as_json: bool) -> None:
    """Prove, without an account, that a repository's infrastructure hangs together; exit 3 where it does not.

    Of every stack, or of those named: the program evaluates; every name, role, metric, event and variable that one
    part uses is made by another; names fit the services' limits.
    """
    from loopwright import check as checks  # noqa: PLC0415 - see the head of the module

    report.as_json = as_json
    with report.step("evaluating infra/ and following every wire"):
        found = checks.check(project, stacks)
    report.judged(checks.lines(found), checks.as_document(found), checks.differs(found))


@cli.command()
@click.argument("path", metavar="[PATH]", type=Path, default=".")
@click.option("--data", metavar="FILE", type=Path, help="Parquet with the project's columns; default: its history.")
@click.option("--windows", metavar="DAYS,...", callback=_days, help="Training windows; default: those of loop.yaml.")
@click.option("--every", metavar="DAYS", type=click.IntRange(min=1), help="Days between two trainings; default: 7.")
@click.option(
    "--cost",
    metavar="COST",
    default="middle",
    show_default=True,
    help="Of a retraining: low, middle or high (0.1, 0.4, 2 days of loss), units of loss times a day, or 3.50usd.",
)
@click.option(
    "--value-of-loss", metavar="USD", type=click.FloatRange(min=0, min_open=True), help="Of a unit of loss on one row."
)
@click.option("--write", is_flag=True, help="Put the proposed lines into loop.yaml.")
@click.option("--report", "folder", metavar="DIR", type=Path, help="Where to; default: reports/backtest there.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Processes that train; default: all processors.")
@_JSON
@common
@click.pass_obj
def backtest(  # noqa: PLR0913 - one parameter per option
    report: Report,
    /,
    path: Path,
    *,
    data: Path | None,
    windows: tuple[int, ...],
    every: int | None,
    cost: str,
    value_of_loss: float | None,
    write: bool,
    folder: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Find out how fast a model goes stale, and which policy of retraining suits its history.

    Models of many days are trained once, in the environment of the repository at PATH, and kept. Every policy is played
    on them: what is chosen on the first half of the history is judged on the second. Proposes lines for loop.yaml.
    """
    from loopwright.backtest import command  # noqa: PLC0415 - see the head of the module
    from loopwright.backtest.cost import parsed  # noqa: PLC0415

    report.as_json = as_json
    asked = command.Asked(
        cost=parsed(cost, value_of_loss),
        data=data,
        windows=windows,
        every=every or 0,
        jobs=jobs or 0,
        report=folder,
        write=write,
    )
    with report.step("training models") as tell:
        found = command.backtest(path, asked, tell)
    report.shown(command.lines(found), found.document)


@cli.command()
@click.argument("path", type=Path, default=Path())
@click.option("-s", "--stack", metavar="STACK", default="dev", show_default=True, help="A stack of infra/.")
@click.option("--data", metavar="FILE", type=Path, help="A history beside the project's own, as Parquet.")
@click.option("--from", "begins", metavar="TIME", help="When it begins; default: after half of the history.")
@click.option("--to", "ends", metavar="TIME", help="When it ends; default: with the history.")
@click.option("--step", metavar="STEP", default="1d", show_default=True, help="Requests come by 6h, 1d, 1w or alike.")
@click.option("--faults", "scenario", metavar="SCENARIO", help="What goes wrong meanwhile; see docs/rehearse.md.")
@click.option("--seed", metavar="N", type=int, default=7, show_default=True, help="Fixes what is left to chance.")
@click.option("--report", "folder", metavar="DIR", type=Path, help="Where to; default: reports/rehearsal there.")
@click.option("--replay", metavar="FILE", type=Path, help="Decide again what a record holds, and rehearse nothing.")
@_JSON
@common
@click.pass_obj
def rehearse(  # noqa: PLR0913 - one parameter per option
    report: Report,
    /,
    path: Path,
    *,
    stack: str,
    data: Path | None,
    begins: str | None,
    ends: str | None,
    step: str,
    scenario: str | None,
    seed: int,
    folder: Path | None,
    replay: Path | None,
    as_json: bool,
) -> None:
    """Rehearse a stack's loop on this machine: a year of it in minutes, without an account.

    The stages, the server, the monitor and the functions of the repository at PATH run as they are, wired as infra/
    declares. Only AWS is emulated, and the clock. Ends with 3 where a scenario ends otherwise than the design promises.
    """
    report.as_json = as_json
    if replay:
        _replayed(report, path, replay)
        return
    from loopwright.rehearsal import command  # noqa: PLC0415 - see the head of the module
    from loopwright.rehearsal.report.words import lines  # noqa: PLC0415

    wish = command.Wish(
        stack=stack, data=data, begins=begins, ends=ends, step=step, scenario=scenario, report=folder, seed=seed
    )
    with report.step("rehearsing") as tell:
        found = command.rehearse(path, wish, tell)
    report.shown([*lines(found.document), "Report: " + ", ".join(map(str, found.files))], found.document)
    if error := command.differs(found):
        raise error


def _replayed(report: Report, path: Path, record: Path) -> None:
    from loopwright.rehearsal.record import check  # noqa: PLC0415 - see the head of the module

    with report.step("deciding again"):
        replayed = check.replay(path, record)
    report.shown(list(check.lines(replayed)), check.as_document(replayed))
    if error := check.differs(replayed):
        raise error


@cli.group()
def export() -> None:
    """Write the same loop for other tools."""


@export.command()
@_STACK
@_PROJECT
@click.option("--out", metavar="DIR", type=Path, help="Where to; default: terraform-STACK beside infra/.")
@_JSON
@common
@click.pass_obj
def terraform(report: Report, /, stack: str, project: Path, *, out: Path | None, as_json: bool) -> None:
    """Write a stack as Terraform JSON that a Terraform team can own.

    What cannot be said in Terraform is an error and nothing is written. A later export into the same folder replaces
    its own files and no others.
    """
    from loopwright import export as exports  # noqa: PLC0415 - see the head of the module
    from loopwright.placeholder import FOUNDATION  # noqa: PLC0415
    from loopwright.terraform.write import write  # noqa: PLC0415

    report.as_json = as_json
    target = out or project / f"terraform-{stack}"
    with report.step(f"evaluating infra/ for {stack}"):
        actions, whole = exports.terraform(project, stack)
    write(target, actions)
    lines = [*(f"  {target / action.path}" for action in actions), *([] if whole else [FOUNDATION])]
    files = [str(action.path) for action in actions]
    report.shown(lines, {"target": str(target), "files": files, "foundation_only": not whole})


@export.command()
@click.option("--image", metavar="REPOSITORY@DIGEST", required=True, help="The image that every step runs in.")
@_PROJECT
@click.option("--out", metavar="FILE", type=Path, help="Where to; default: kubeflow/pipeline.yaml in the project.")
@_JSON
@common
@click.pass_obj
def kubeflow(report: Report, /, image: str, project: Path, *, out: Path | None, as_json: bool) -> None:
    """Write the stages of dvc.yaml as a pipeline for Kubeflow.

    Needs the extra loopwright[kubeflow]. What cannot be said there is an error and nothing is written. The same stages
    make the same bytes.
    """
    from loopwright.kubeflow import export as exports  # noqa: PLC0415 - see the head of the module

    report.as_json = as_json
    target = out or project / "kubeflow" / "pipeline.yaml"
    with report.step("compiling dvc.yaml"):
        exported = exports.export(project, image)
    exports.write(target, exported.text)
    report.shown(exported.lines(target), exported.document(target))


@export.command()
@_STACK
@_PROJECT
@click.option("--out", metavar="FILE", type=Path, help="Where to; default: docs/architecture.md in the project.")
@_JSON
@common
@click.pass_obj
def picture(report: Report, /, stack: str, project: Path, *, out: Path | None, as_json: bool) -> None:
    """Draw a stack's components and what they say of each other, as Markdown with Mermaid.

    GitHub and GitLab draw it where they show the file.
    """
    from loopwright import picture as pictures  # noqa: PLC0415 - see the head of the module
    from loopwright.placeholder import whole  # noqa: PLC0415

    report.as_json = as_json
    target = out or project / "docs" / "architecture.md"
    with report.step(f"evaluating infra/ for {stack}"):
        graph, _ = whole(project, stack)
    pictures.write(target, pictures.picture(graph))
    report.shown([f"  {target}"], {"target": str(target)})


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]))
@common
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: eval "$(loopwright completion bash)"
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - see the head of the module

    kind = get_completion_class(shell)
    if kind:
        click.echo(kind(cli, {}, "loopwright", "_LOOPWRIGHT_COMPLETE").source())
