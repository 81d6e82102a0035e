"""The page of threats is true: a row for each, and every test and rule that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
(TEMPLATE,) = (ROOT / "templates/tabular").glob("*cookiecutter.project*/")
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
RULES = set(re.findall(r"^\| ([A-Z0-9-]+) \|", (ROOT / "docs/policies.md").read_text(encoding="utf-8"), re.MULTILINE))
ROWS = {cells[1].strip(): cells for line in PAGE.splitlines() if len(cells := line.split("|")) == 7 and "T" in cells[1]}
NAMED = [(threat, name) for threat, cells in ROWS.items() for name in re.findall(r"`([\w/.]+\.py::[\w:]+)`", cells[5])]


def test_each_threat_has_a_row():
    assert list(ROWS) == [f"T{number}" for number in range(1, 21)]


def test_each_row_says_all_and_names_a_test():
    for threat, cells in ROWS.items():
        assert all(cell.strip() for cell in cells[1:6]), threat
        assert [name for owner, name in NAMED if owner == threat], threat
        plain = re.sub(r"`[\w/.]+\.py::[\w:]+`", "", cells[5])
        assert plain.strip(" ,") == "", f"{threat} names what is no test: {plain}"


def functions(path):
    """Return the tests of a module as pytest names them."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))


@pytest.mark.parametrize(
    ("threat", "name"), NAMED, ids=[f"{threat}-{name.rpartition(':')[2]}" for threat, name in NAMED]
)
def test_every_test_is_there(threat, name):
    place, _, function = name.partition("::")
    path = TEMPLATE / place.removeprefix("template/") if place.startswith("template/") else ROOT / place
    assert path.is_file(), f"{threat} names {place}"
    assert function in set(functions(path)), f"{threat} names {function} of {place}"
    assert function.rpartition("::")[2].startswith("test_")


def test_every_rule_is_there():
    said = {name for cells in ROWS.values() for name in re.findall(r"`([A-Z][A-Z0-9-]+)`", cells[4])}
    assert len(said) > 10
    assert said <= RULES


def test_every_place_of_the_page_that_is_linked_is_there():
    for page, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", PAGE):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        assert anchor in headings, f"{page}#{anchor}"
