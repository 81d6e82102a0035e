"""The command line around the commands."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from conftest import ROOT
from loopwright import __version__
from loopwright.cli import cli

DOCS = ROOT / "docs" / "cli.md"
HEAD = """\
# The command line

<!-- Generated from the commands themselves: pytest tests/cli/test_cli.py --update-golden -->

Exit codes: 0 fine, 1 an expected failure, 2 wrong usage, 3 a check found differences, 130 interrupted.
`--json` puts JSON alone on stdout; everything for people goes to stderr. An error says what happened, because of what,
and what to try; with `--json` it is `{"error": {"what", "because", "try"}}`.
"""


def help_texts() -> str:
    context = click.Context(cli, info_name="loopwright", terminal_width=100, **cli.context_settings)
    texts = commands(cli, context)
    return HEAD + "".join(f"\n## `{name}`\n\n```text\n{text}\n```\n" for name, text in texts)


def commands(command, context):
    yield context.command_path, command.get_help(context)
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, click.Context(inner, info_name=name, parent=context, terminal_width=100))


def test_the_page_of_the_command_line_is_current(update_golden):
    if update_golden:
        DOCS.write_text(help_texts(), encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8") == help_texts(), "refresh it: pytest tests/cli/test_cli.py --update-golden"


def test_version_and_help(loopwright):
    assert loopwright("--version").stdout == f"loopwright, version {__version__}\n"
    assert loopwright("--help").stdout.startswith("Usage: loopwright")
    assert loopwright("new", "-h").code == 0
    assert loopwright().code == 2


def test_help_imports_nothing_heavy():
    heavy = "{'cookiecutter', 'duckdb', 'jinja2', 'numpy', 'pydantic', 'rich', 'yaml'}"
    code = f"import sys; from loopwright.cli import run; run(['--help']); sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_a_mistyped_command_is_recognised(loopwright):
    done = loopwright("nwe", "--json")
    assert done.code == 2
    assert done.json["error"]["try"] == "loopwright new"


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion(loopwright, shell):
    done = loopwright("completion", shell)
    assert done.code == 0
    assert "_LOOPWRIGHT_COMPLETE" in done.stdout


def test_completion_knows_the_flags_of_the_questions(monkeypatch):
    words = {"_LOOPWRIGHT_COMPLETE": "zsh_complete", "COMP_WORDS": "loopwright new --ta", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "from loopwright.cli import main; main()"],
        env=words,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--target" in done.stdout


@pytest.mark.parametrize(
    ("words", "environment", "colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "auto"], {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colour(loopwright, monkeypatch, words, environment, colored):
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    done = loopwright(*words, "new")
    assert ("\x1b[31m" in done.stderr) is colored
    assert ("\x1b[31m" in loopwright("new", *words).stderr) is colored, "before or after the command"


def test_a_fault_of_ours_shows_its_traceback_on_demand(loopwright, monkeypatch):
    monkeypatch.setattr("loopwright.answers.resolve", lambda *_, **__: 1 // 0)
    quiet, loud = loopwright("new", "x"), loopwright("new", "x", "--debug")
    assert quiet.code == loud.code == 1
    assert "Traceback" not in quiet.stderr
    assert "--debug" in quiet.stderr
    assert "ZeroDivisionError" in loud.stderr
    assert "Traceback" in loud.stderr
