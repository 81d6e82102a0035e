"""`docs/rehearse.md` says what the command and its scenarios are: names, promises, options, figures and links."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest

from conftest import ROOT
from loopwright.cli import cli
from loopwright.rehearsal import cloud as clouds
from loopwright.rehearsal import command, containers, pipelines, rehearsal
from loopwright.rehearsal.project import handlers
from loopwright.rehearsal.scenarios import SCENARIOS

PAGE = ROOT / "docs" / "rehearse.md"
TEXT = PAGE.read_text(encoding="utf-8")
OTHERS = [ROOT / name for name in ("README.md", "docs/backtest.md", "docs/rehearsal-record.md")]
PROGRAMS = ROOT / "generator/loopwright/rehearsal/project/programs"


def promised(function):
    """Yield what the promises say that a function makes: its own, and those of the functions that it calls."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = function.__globals__.get(node.func.id)
            if node.func.id == "Promise":
                word = next(each.value for each in node.keywords if each.arg == "what")
                yield (
                    node.lineno,
                    function.__globals__[word.id] if isinstance(word, ast.Name) else ast.literal_eval(word),
                )
            elif inspect.isfunction(called):
                yield from ((node.lineno, what) for _, what in promised(called))


def row(scenario):
    promises = [what for _, what in sorted(promised(scenario.promises), key=lambda each: each[0])]
    return f"| `{scenario.name}` | {scenario.what} ({scenario.days:g} days) | {'; '.join(dict.fromkeys(promises))} |"


def test_the_table_of_scenarios_is_that_of_the_code():
    told = [line for line in TEXT.partition("## What can break")[2].partition("\n## ")[0].splitlines() if "| `" in line]
    assert told == [row(each) for each in SCENARIOS.values()]
    assert all(len(line.split("|")[3]) > 20 for line in told), "each promises something"


def options():
    return {name: each for each in cli.commands["rehearse"].params for name in each.opts if name.startswith("-")}


def test_the_page_tells_of_each_option_and_of_no_other():
    named = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", TEXT.replace("python -m", "python")))
    ours = {name for name, each in options().items() if name not in {"--color", "--debug", "--help", "-h", "--stack"}}
    assert named == ours


def test_the_help_leads_to_the_page():
    assert "docs/rehearse.md" in options()["--faults"].help


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (command.BEFORE.days, "a week after the begin"),
        (command.AFTER.days, "the week before and {} days after"),
        (pipelines.STEP.total_seconds() / 60, "A job of a pipeline takes {:g} minutes"),
        (handlers.LASTS.total_seconds(), "a run of a function {:g} seconds"),
        (containers.LATENCY.total_seconds() * 1000, "an answer of the server {:g} ms"),
        (clouds.PROVISIONING.total_seconds() / 60, "come up in {:g} minutes"),
        (clouds.TERMINATING.total_seconds() / 60, "and go in {:g}"),
        (clouds.ROLLING_BACK.total_seconds() / 60, "a rollback takes {:g}"),
        (rehearsal.ROWS, "at most {:,} in a request"),
    ],
)
def test_the_assumed_figures_are_those_of_the_code(figure, said):
    assert said.format(figure) in " ".join(TEXT.split())


def test_words_for_figures():
    assert (command.BEFORE.days, rehearsal.LEAD.days, rehearsal.LOAD) == (7, 1, 2), "a week, a day, twice"
    assert constant("rehearsed_rows.py", "KNOWN_SHARE") == 2, "the first half"
    assert f"over {constant('rehearsed_rows.py', 'DAYS')} days" in " ".join(TEXT.split())
    assert f"less than {constant('rehearsed_quality.py', 'FEWEST')} labelled rows" in TEXT


def constant(name, variable):
    """Return the whole number that a program for the project's python names last in a line: it is not for this one."""
    text = (PROGRAMS / name).read_text(encoding="utf-8")
    return int(re.search(rf"^(?:\w+, )*{variable} = .*?(\d+)$", text, re.MULTILINE)[1])


def test_each_page_of_aws_that_is_named_is_one_that_the_code_follows():
    sources = " ".join(path.read_text(encoding="utf-8") for path in ROOT.glob("generator/loopwright/rehearsal/**/*.py"))
    rows = TEXT.partition("| of AWS | emulated by |")[2].partition("\n\n")[0]
    named = re.findall(r'"([^"]+)"', rows)
    assert len(named) > 30
    assert [page for page in named if page not in " ".join(sources.split())] == []


@pytest.mark.parametrize("page", [PAGE, *OTHERS], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for path, _, anchor in (each.partition("#") for each in links if "://" not in each):
        target = page.parent / path if path else page
        assert target.is_file(), path
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, anchor


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.name)
def test_other_pages_lead_here(page):
    assert re.search(r"\]\((docs/)?rehearse\.md\)", page.read_text(encoding="utf-8"))
