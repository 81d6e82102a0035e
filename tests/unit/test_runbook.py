"""The page for people on call has an entry for every alarm and message, and each alarm's description leads to it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

import stacks
from stacks import ROOT, TEMPLATE, needs_pulumi

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = TEMPLATE / "docs" / "runbook.md"
PARTS = ("**Means** ", "**By itself** ", "**Look at** ", "**A person** ")
HANDLERS = ROOT / "infra" / "mlops" / "handlers"


def entries() -> dict[str, str]:
    """Return what stands below each heading about an alarm."""
    _, _, alarms = PAGE.read_text(encoding="utf-8").partition("\n# Alarms\n")
    found = re.split(r"^## (.+)$", alarms.partition("\n# ")[0], flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def anchor(heading: str) -> str:
    """Return the anchor that GitHub and GitLab give a heading of these few characters."""
    return heading.lower().replace(".", "").replace(" ", "-")


def declared(*settings: str) -> dict[str, str]:
    """Return the descriptions of a stack's alarms by their roles."""
    nodes = stacks.graph("dev", *settings).of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    return {node.inputs["name"].removeprefix("shop-dev-"): node.inputs["alarmDescription"] for node in nodes}


@needs_pulumi
def test_every_alarm_has_an_entry_and_leads_to_it():
    assert set(declared()) == set(entries())
    for role, description in declared().items():
        assert description.endswith(f" docs/runbook.md#{anchor(role)}")


@needs_pulumi
def test_on_github_it_is_a_link():
    ours = ("github=acme/shop", "githubOwnerId=1", "githubRepositoryId=2")
    for role, description in declared(*ours).items():
        assert description.endswith(f" https://github.com/acme/shop/blob/HEAD/docs/runbook.md#{anchor(role)}")


@pytest.mark.parametrize("role", entries())
def test_an_entry_says_what_it_means_what_happens_where_to_look_and_what_to_do(role):
    places = [entries()[role].index(part) for part in PARTS]
    assert places == sorted(places)


def test_every_link_within_the_page_leads_somewhere():
    text = PAGE.read_text(encoding="utf-8")
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def messages() -> set[str]:
    """Return what the handlers page about, `...` for what is filled in."""
    told = [part for path in HANDLERS.glob("*.py") for part in _told(ast.parse(path.read_text(encoding="utf-8")))]
    return {text for text in map(_text, told) if " " in text}


def _told(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="page", value=value) | ast.Assign(targets=[ast.Name(id="page")], value=value):
                yield from (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
            case ast.Call(func=ast.Name(id="_nothing"), args=[_, _, value]):
                yield value


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_message_of_the_handlers_has_a_line():
    found = messages()
    assert {"a retraining does not end", "broken data", "version ... is refused", "the endpoint is ..."} <= found
    table = PAGE.read_text(encoding="utf-8").partition("# Messages of the handlers")[2]
    for message in found:
        words = [part for part in re.split(r"\.\.\.", message) if part.strip()]
        assert all(word.strip() in table for word in words), message
