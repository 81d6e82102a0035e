"""The page of a rehearsal in a browser: on a screen by day and by night, on a phone, and on paper."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import DARK, LIGHT, browser
from documents import empty, full

TEMPLATE = Path(__file__).parents[2] / "templates" / "tabular" / "{{cookiecutter.project}}"
PAPER = (718, 1045)
"""A4 without the browser's margins, in pixels."""
MEASURE = """
const width = document.documentElement.clientWidth, all = [...document.body.querySelectorAll("*")];
const inside = each => each.closest(".scroll") && !each.matches(".scroll");
const name = each => `${each.tagName}.${each.getAttribute("class")}: ${(each.textContent || "").slice(0, 30)}`;
const shown = each => each.getClientRects().length && !each.closest("script");
const over = all.filter(each => shown(each) && !inside(each) && each.getBoundingClientRect().right > width + 1);
const texts = [...document.querySelectorAll("svg.feet")].map(feet => [...feet.children]);
const met = texts.flatMap(few => few.slice(1).filter((each, at) =>
    each.getBoundingClientRect().left < few[at].getBoundingClientRect().right));
return {
    width, scrolled: document.documentElement.scrollWidth, over: over.map(name), met: met.map(name),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    drawn: document.querySelectorAll("svg.lane, svg.heat, svg.versus").length,
    tall: Math.max(0, ...[...document.querySelectorAll("figure")].map(each => each.getBoundingClientRect().height)),
};
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    return browser(tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of a year, of a month and of nothing."""
    folder = tmp_path_factory.mktemp("pages")
    made = {"year": full(), "month": full(days=30, features=6, events=20, scenario=False), "nothing": empty()}
    for name, document in made.items():
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        words = [sys.executable, "-B", "-m", "ml", "rehearsal", folder / f"{name}.json", folder / f"{name}.html"]
        subprocess.run(words, cwd=TEMPLATE, check=True)
    return {name: folder / f"{name}.html" for name in made}


def ground(picture):
    """Return the colour that most pixels have, and the share of the pixels that have another one."""
    colours, counts = np.unique(picture @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    most = int(colours[counts.argmax()])
    return np.array([most >> 16, most >> 8 & 255, most & 255]), 1 - counts.max() / counts.sum()


def test_the_page_is_drawn_light_by_day_and_dark_by_night(chromium, pages):
    light, dark = (chromium.picture(pages["year"], 1280, 900, scheme) for scheme in (LIGHT, DARK))
    assert light.shape == dark.shape == (900, 1280, 3)
    (paper, inked), (night, lit) = ground(light), ground(dark)
    assert paper.min() > 240
    assert night.max() < 40
    assert min(inked, lit) > 0.05
    # Most of what is drawn is drawn in another colour; only the grounds would be where the colours were fixed.
    drawn = (light != paper).any(axis=-1) & (dark != night).any(axis=-1)
    assert (light[drawn] != dark[drawn]).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("name", ["year", "month", "nothing"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_no_dates_meet(chromium, pages, name, width):
    found = chromium.measured(pages[name], MEASURE, width)
    assert found["width"] == found["scrolled"] == width
    assert found["over"] == []
    assert found["met"] == []
    assert found["drawn"] >= {"year": 50, "month": 15, "nothing": 4}[name]


def test_a_phone_shows_margins_on_both_sides(chromium, pages):
    picture = chromium.picture(pages["year"], 390, 3000)
    paper, inked = ground(picture)
    assert inked > 0.1
    assert (picture[:, :8] == paper).all()
    assert (picture[:, -8:] == paper).all()


def test_the_scheme_is_the_readers(chromium, pages):
    assert [chromium.measured(pages["nothing"], MEASURE, 390, scheme=each)["dark"] for each in (LIGHT, DARK)] == [
        False,
        True,
    ]


@pytest.mark.parametrize("name", ["year", "month", "nothing"])
def test_on_paper_no_figure_is_cut(chromium, pages, name, tmp_path):
    sheets = chromium.printed(pages[name])
    assert sheets in {"year": range(4, 9), "month": range(3, 6), "nothing": range(1, 3)}[name]
    paper = tmp_path / "paper.html"
    paper.write_text(pages[name].read_text(encoding="utf-8").replace("@media print", "@media all"), encoding="utf-8")
    width, height = PAPER
    found = chromium.measured(paper, MEASURE, width, height)
    # A figure is not broken where it fits on a sheet, with its heading.
    assert found["tall"] < height - 60
    assert found["over"] == []
    assert found["scrolled"] == width
