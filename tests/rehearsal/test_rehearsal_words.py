"""The report of a rehearsal: in words, as Markdown that no text can break, and as three files or none."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from documents import NASTY, empty, full

from loopwright.errors import LoopwrightError, TargetError
from loopwright.programs import Programs
from loopwright.rehearsal.report.words import lines, markdown
from loopwright.rehearsal.report.write import write

TEMPLATE = Path(__file__).parents[2] / "templates" / "tabular" / "{{cookiecutter.project}}"
TITLES = ["Scenario", "Figures", "Retrainings", "Rollouts", "Versions", "Alarms", "Pages", "Spend", "Assumptions"]
FILES = ["rehearsal.json", "rehearsal.md", "rehearsal.html"]


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def project(monkeypatch):
    """The template, whose page needs no package."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return Programs(folder=TEMPLATE, python=Path(sys.executable))


def broken(program, tmp_path):
    """Return a project whose python is a program of the test."""
    stub = tmp_path / "python"
    stub.write_text(f"#!{sys.executable}\nimport sys\n{program}\n")
    stub.chmod(0o755)
    return Programs(folder=tmp_path, python=stub)


def test_the_terminal_is_told_the_answer_what_was_promised_and_the_figures():
    assert list(lines(full())) == [
        "With the loop, f1 was 0.612 over 365 days; without it, 0.541.",
        "It retrained 17 times; 8 versions came of it.",
        "It cost 1,318 USD, 37 % of the budget.",
        "",
        "kept    the champion goes on serving: version 5 served all the time",
        "kept    a person is told: a page was sent 4 minutes after the rollback",
        "BROKEN  the version is not tried again: it was deployed twice",
        "",
        "f1           0.612 with the loop, 0.541 without it; at least 0.48 is asked",
        "log loss     0.5012 with the loop, 0.6153 without it",
        "retrainings  17: 8 registered, 3 no better model, 3 refused, 3 failed",
        "rollouts     8: 7 live, 1 rolled back",
        "versions     9: 7 replaced, 1 rolled back, 1 live",
        "spend        1,315.60 USD, at most 121.30 in a month; the budget is 120",
        "pages        3",
        "requests     73,000: 12 refused, 3 failed",
    ]


def test_a_text_of_the_document_cannot_steer_the_terminal():
    document = full()
    document["sentences"] = ["a\x1b[2Jb\nc"]
    document["scenario"]["promises"][0]["what"] = "x\x1b]0;y\x07\nz"
    said = "".join(lines(document))
    assert said.isprintable()
    assert "a [2Jb c" in said


def test_markdown_has_every_retraining_rollout_version_alarm_page_and_month():
    text = markdown(full())
    titles = re.findall(r"^## (\w+)", text, re.MULTILINE)
    assert titles == TITLES
    for line in (
        "| the version is not tried again | BROKEN | it was deployed twice |",
        "| f1 | 0.612 with the loop, 0.541 without it; at least 0.48 is asked |",
        "| 2025-05-22 22:40 | quality | registered | 5 | 0.0312 | 0.0102 | metric, bias, latency | it won |",
        "| 2025-03-02 20:00 | quality | refused | \u2013 | 0.0312 | 0.0102 | metric, not bias, latency | refused |",
        "| 6 | 2025-07-22 19:40 | 2025-07-22 20:40 | rolled back | 10% at 19:40, 0% at 20:10 | shop-dev-errors came |",
        "| 9 | 2025-11-21 10:40 | 2025-11-21 | 16,889 | auto | live | 2025-11-21 to the end |",
        "| shop-dev-quality | quality | 2025-05-01 to 2025-05-12, 2025-08-22 to the end |",
        "| 2025-08 | 93.70 | 9.50 | 17.10 | 1.00 | 121.30 |",
        "- Labels land 7 days late.",
    ):
        assert line in text.splitlines(), line
    assert "shop-dev-broken" not in text


def test_no_text_can_be_markup_or_end_a_cell():
    document = json.loads(json.dumps(full()).replace("it was deployed twice", json.dumps(NASTY + "\n# x | y")[1:-1]))
    document["project"], document["sentences"] = NASTY, ["# head", NASTY]
    text = markdown(document)
    assert "<script" not in text.replace("\\<script", "")
    (row,) = (line for line in text.splitlines() if line.startswith("| the version is not tried again"))
    assert row.replace("\\|", "").count("|") == 4
    assert r"- \# head" in text


def test_a_day_on_which_nothing_happened_has_its_figures_and_no_empty_table():
    text = markdown(empty())
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == ["Figures"]
    assert "| f1 | \u2013 with the loop, \u2013 without it; at least 0.48 is asked |" in text
    assert "spend        nothing; the budget is 120 USD a month" in lines(empty())


def test_the_report_is_three_files_and_the_page_is_the_projects(project, tmp_path):
    files = write(project, full(days=20, events=20), tmp_path / "reports" / "rehearsal")
    assert [file.name for file in files] == FILES
    assert names(files[0].parent) == set(FILES)
    assert json.loads(files[0].read_text()) == full(days=20, events=20)
    assert files[1].read_text() == markdown(full(days=20, events=20))
    assert "<title>Rehearsal of shop</title>" in files[2].read_text()


def test_a_year_stays_small(project, tmp_path):
    page = write(project, full(), tmp_path)[2]
    assert 100_000 < page.stat().st_size < 1_500_000


@pytest.mark.parametrize(
    ("program", "what", "because"),
    [
        ("sys.exit('error: it cannot be drawn\\n  because: this\\n  try: that')", "it cannot be drawn", "this"),
        ("import nothing_of_that_name", "the project's own code failed in the rehearsal", "ModuleNotFoundError"),
    ],
)
def test_a_report_that_cannot_be_made_leaves_the_one_before(project, tmp_path, program, what, because):
    folder = tmp_path / "reports"
    before = [file.read_bytes() for file in write(project, empty(), folder)]
    with pytest.raises(LoopwrightError) as caught:
        write(broken(program, tmp_path), full(days=20), folder)
    assert caught.value.what == what
    assert because in caught.value.because
    assert names(folder) == set(FILES)
    assert [(folder / name).read_bytes() for name in FILES] == before


def test_a_number_that_json_does_not_have_is_no_report(project, tmp_path):
    document = full(days=20)
    document["quality"]["with"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(project, document, tmp_path / "reports")
    assert not names(tmp_path / "reports")


def test_a_folder_that_is_a_file_says_so(project, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(TargetError, match="taken") as caught:
        write(project, empty(), tmp_path / "taken")
    assert "--report" in caught.value.attempt


def test_a_python_that_is_not_there_says_so(tmp_path):
    with pytest.raises(LoopwrightError, match="cannot run the project's python"):
        write(Programs(folder=tmp_path, python=tmp_path / "none"), empty(), tmp_path / "reports")
