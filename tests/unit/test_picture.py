"""The picture of a stack says what its graph says, and the one that every repository brings is that of the program."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import stacks
from loopwright.errors import TargetError
from loopwright.picture import ARROWS, CHANGES, picture, write
from stacks import TEMPLATE, needs_pulumi

pytestmark = needs_pulumi
PAGE = TEMPLATE / "docs" / "architecture.md"
OPTIONS = ("network=create", "tracking=app", "featureStore=sagemaker", "github=a/b", "githubOwnerId=1")
BOX = re.compile(r'  (\w+)\["<b>\w+</b>(<br/>[\w ,]+)?"\]')
ARROW = re.compile(r'  (\w+) -->\|"([a-z]+[a-z ]*(?:<br/>[a-z ]+)*)"\| (\w+)')


def drawn(page):
    """Return the arrows of a page as source, meaning, target; every line of it is a box or an arrow between boxes."""
    head, *lines = page.partition("```mermaid\n")[2].partition("```")[0].splitlines()
    assert head == "flowchart LR"
    boxes = {found[1] for line in lines if (found := BOX.fullmatch(line))}
    arrows = [found for line in lines if (found := ARROW.fullmatch(line))]
    assert len(boxes) + len(arrows) == len(lines)
    assert all({found[1], found[3]} <= boxes for found in arrows)
    return {(found[1], meaning, found[3]) for found in arrows for meaning in found[2].split("<br/>")}


def without(kind, name):
    """Return the graph of dev without one resource."""
    whole = stacks.graph("dev")
    return replace(
        whole, nodes={key: node for key, node in whole.nodes.items() if key.split(":")[-3:] != [kind, "", name]}
    )


def test_every_repository_brings_the_picture_of_its_program(update_golden):
    found = picture(stacks.graph("dev"))
    if update_golden:
        PAGE.write_text(found, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == found, "run pytest --update-golden on this test"
    assert "shop" not in found


def test_the_loop_is_closed_in_it():
    arrows = drawn(picture(stacks.graph("dev")))
    assert {
        ("monitor_", "an alarm changed", "controller_"),
        ("controller_", "starts", "training_"),
        ("training_", "registers", "registry_"),
        ("registry_", "a version changed", "deployer_"),
        ("deployer_", "rolls out", "serving_"),
        ("serving_", "captures requests and answers", "store_"),
        ("triggers_", "starts by the clock", "monitor_"),
    } <= arrows


@pytest.mark.parametrize(
    ("kind", "name", "arrow"),
    [
        ("Schedule", "triggers-monitoring", ("triggers_", "starts by the clock", "monitor_")),
        ("EventTarget", "triggers-approved-target", ("registry_", "a version changed", "deployer_")),
        ("Budget", "budget-budget", ("budget_", "tells", "monitor_")),
    ],
)
def test_what_is_not_there_has_no_arrow(kind, name, arrow):
    assert arrow in drawn(picture(stacks.graph("dev")))
    assert arrow not in drawn(picture(without(kind, name)))


def test_every_meaning_is_drawn_somewhere():
    found = drawn(picture(stacks.graph("dev")))
    assert {meaning for _, meaning, _ in found} >= {*ARROWS.values(), *CHANGES.values()} - {"new data"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_options_are_boxes(stack):
    page = picture(stacks.graph(stack, *OPTIONS, "githubRepositoryId=2"))
    drawn(page)
    assert all(f"<b>{name}</b>" in page for name in ("Network", "Tracking", "FeatureStore", "Delivery"))


def test_a_page_is_written_with_the_folders_above_it_and_over_one_of_ours(tmp_path):
    page = tmp_path / "docs" / "architecture.md"
    for stack in ("dev", "prod"):
        drawn_page = picture(stacks.graph(stack, "network=create"))
        write(page, drawn_page)
        assert page.read_text(encoding="utf-8") == drawn_page


def test_a_page_of_somebody_else_stays(tmp_path):
    (tmp_path / "README.md").write_text("# Architecture\n", encoding="utf-8")
    with pytest.raises(TargetError, match="is taken"):
        write(tmp_path / "README.md", picture(stacks.graph("dev")))
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "# Architecture\n"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TargetError, match="cannot be written"):
        write(tmp_path / "file" / "a.md", picture(stacks.graph("dev")))
