"""The model card: it says what the run's files say, on paper and on a page, whatever names the data holds."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml import contract as contracts
from ml import schema, tracking
from ml.card import output, parts
from ml.card.markdown import escaped, markdown
from ml.card.page import page
from ml.card.run import Run, image
from ml.judges import Slice
from ml.signature import Signature
from tests.carded import BIAS, CHAMPION, CLEAN, DIGEST, SLICES, a_baseline, a_run
from tests.profiles import reference
from tests.stages import a_contract, a_regression
from tests.test_page import NASTY, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

MEANT = f"{NASTY} | *x* [y](https://z) `q` _w_ www.evil.example\n# h\u202e"
"""Something to run, to emphasise, to link, to end a cell or a line with, and to turn a line around with."""
SHOWN = parts.name(MEANT)


def written(run: Run) -> tuple[str, Reader]:
    made = output.card(run)
    return markdown(made), Reader(page(made))


def rows(text: str, title: str) -> list[list[str]]:
    """Return the cells of the first table after a title, as whoever shows them unescapes them."""
    lines = iter(text.split(f"# {title}\n", 1)[1].splitlines())
    table = [line for line in _block(lines) if set(line) - set("|-: ")]
    cells = [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in table]
    return [[html.unescape(re.sub(r"\\(\W|_)", r"\1", cell)) for cell in line] for line in cells]


def _block(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("|"):
            yield line
            break
    for line in lines:
        if not line.startswith("|"):
            return
        yield line


def test_both_say_what_the_files_say() -> None:
    text, read = written(a_run())
    for title, expected in {
        "What it is for": ["Says", "True, from a probability of 0.3 on; otherwise False"],
        "Figures": ["f1", "0.612"],
        "Beside trivial predictions": ["majority class", "0.25"],
        "Gates": ["bias", "FAIL", "worst: kind=b", "0.15", "0.1"],
        "Do probabilities of True come true?": ["0.8", "0.7"],
        "Which class is taken for which": ["True", "25 %", "75 %"],
        "What it looks at": ["amount", "75 %"],
        "Data": ["Learned from", "100 rows, 2026-01-01 00:00 to 2026-03-31 12:30"],
        "Inputs": ["amount", "numeric", "0 to 1,000", "10 to 99", "10 %", "0.4"],
        "What it was made of": ["MLflow run", "run-1"],
    }.items():
        assert expected in rows(text, title), title
        for cell in expected:
            # The page draws the points of a curve, and says each on its own.
            assert cell in read.said, title
    for sentence in (
        "Champion: +0.02 against version 1, at least +0.01.",
        "In the data and never read by the model: who.",
        "Personal data, dropped before anything else: mail.",
        "move much by themselves: amount (0.4).",
        "its mean log loss was 0.512 (40 rows)",
        "Rows of before 2026-01-01 00:00 and of after the data's end were not tested.",
        "Slices of under 3 test rows",
        "Drift is judged on 200 rows or more",
    ):
        assert sentence in text, sentence
        assert sentence in read.said, sentence
    for name in ("f00d" * 16, "c0de+changes", "10c4" * 16, "v7", "da7a" * 16, "0dd5" * 16, f"shop@{DIGEST}"):
        assert name in read.said


def test_a_refused_model_says_so_first_and_why() -> None:
    text, read = written(a_run())
    assert "**Refused:** bias: worst: kind=b." in text
    assert "verdict bad" in read.classes("p")
    text, read = written(a_run(None, CLEAN))
    assert "**Passed:** all gates passed." in text
    assert "verdict good" in read.classes("p")


def test_slices_come_the_worst_first_and_undefined_ones_last() -> None:
    found = rows(written(a_run())[0], "Slices")
    assert [line[0] for line in found[1:]] == ["kind = b", "kind = a", "kind = c"]
    assert found[1][1:] == ["100", "0.2", "0.15"]
    assert found[3][2:] == ["\u2013", "\u2013"]


def test_what_was_not_tested_is_said() -> None:
    bare = a_contract(gates__golden=None, gates__bias=None, time_column=None, entity=None)
    first = replace(CHAMPION, value=None, note="the first model: no champion yet")
    untimed = replace(a_baseline(), since=None, until=None)
    text, _ = written(a_run(bare, CLEAN, first, baseline=untimed, image=None, tracked=None))
    for sentence in (
        "how the model ages was not tested",
        "rows of one customer or machine may be on both sides",
        "There are no golden rows",
        "No slice was judged",
        "It was compared with no other model.",
    ):
        assert sentence in text
    assert ["Image", "none that is known: not a job of SageMaker"] in rows(text, "What it was made of")
    assert ["MLflow run", "not tracked"] in rows(text, "What it was made of")
    assert "None was judged." in text
    full, _ = written(a_run())
    assert not [said for said in ("no golden rows", "No slice was judged", "no other model") if said in full]


def test_of_a_regression_the_errors_are_drawn() -> None:
    drawn = {
        "importance": [],
        "calibration": [{"name": "", "said": [1.0, 2.0], "came": [1.5, 1.75]}],
        "errors": {"edges": [-1.0, 0.0, 3.0], "rows": [4, 12]},
    }
    facts = {"classes": [], "weights": []}
    text, read = written(a_run(a_regression(), CLEAN, points=drawn, facts=facts))
    assert ["2", "1.75"] in rows(text, "Are the answers right on average?")
    assert ["0 to 3", "12"] in rows(text, "Errors")
    bars = [each for name, each in read.tags if name == "rect"]
    assert [(each["x"], each["width"]) for each in bars] == [("0", "25"), ("25", "75")]
    assert float(bars[0]["height"] or 0) * 3 == pytest.approx(float(bars[1]["height"] or 0), rel=1e-4)


def test_a_curve_lies_where_its_values_are() -> None:
    _, read = written(a_run())
    points = [each for name, each in read.tags if name == "line" and each.get("class") == "point"]
    assert [(each["x1"], each["y1"]) for each in points] == [("10", "87.5"), ("80", "30")]


def nasty() -> Run:
    """Return a run of data that was named by somebody who means harm."""
    slices = (Slice(column=MEANT, value=MEANT, rows=9, gap=0.1, sure=0.0),)
    verdict = replace(BIAS, note=MEANT, slices=slices)
    points = a_run().points | {"importance": [[MEANT, 1.0]], "calibration": [{"name": MEANT, "said": [0], "came": [0]}]}
    points["confusion"] = {"classes": [MEANT, MEANT], "shares": [[0.5, 0.5], [0.5, 0.5]]}
    return a_run(
        a_contract(target=MEANT),
        verdict,
        points=points,
        facts={"classes": [MEANT, MEANT], "weights": [0.5, 0.5]},
        signature=Signature(inputs=(), ignored=(MEANT + "i",), personal=(MEANT,)),
        baseline=a_baseline(MEANT),
    )


def test_a_name_is_shown_and_does_nothing() -> None:
    text, read = written(nasty())
    assert not {name for name, _ in read.tags} & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    assert read.said.count(SHOWN) >= 12
    assert not re.search(r"<|(?<!\\)`|\u202e|(?<!\\)\]\(|https?://|www\.", text)
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert len(heads) == len(read.titles) + 5  # the name of the card, and four tables with a title of their own
    for title in ("Gates", "Slices", "Which class is taken for which", "What it looks at", "Inputs"):
        found = rows(text, title)
        assert len({len(line) for line in found}) == 1, title
        assert any(SHOWN in cell for line in found for cell in line), title


def test_names_do_not_make_a_long_card() -> None:
    many = [f"f{at}" for at in range(400)]
    profile = a_baseline().inputs.profile
    features = tuple(replace(profile.features[0], name=name) for name in many)
    wide = replace(profile, features=features, counts=dict.fromkeys(many, profile.counts["amount"]))
    run = a_run(
        None,
        replace(BIAS, slices=tuple(replace(SLICES[0], value=name) for name in many)),
        baseline=replace(a_baseline(), inputs=reference(wide, dict.fromkeys(many, 0.9))),
        facts={"classes": many, "weights": []},
        signature=Signature(inputs=(), ignored=tuple("x" * 900 for _ in many)),
        points=a_run().points | {"confusion": {"classes": many, "shares": [[0.0] * 400] * 400}},
    )
    text, read = written(run)
    assert rows(text, "Slices")[-1] == ["and 350 more", "", "", ""]
    assert rows(text, "Inputs")[-1][0] == "and 350 more"
    assert "without 380 more classes" in text
    assert max(map(len, text.splitlines())) < 6000
    assert len(text) < 40_000
    assert len(read.said) < 40_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("session_at", "session_at"),
        ("_x_ *y*", r"\_x\_ \*y\*"),
        ("a|b\\", r"a\|b\\"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("https://x www.y", r"https:\//x www\.y"),
        ("@team $1", r"\@team \$1"),
    ],
)
def test_markdown_reads_nothing_into_a_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_the_image_is_that_of_the_job(tmp_path: Path) -> None:
    config = tmp_path / "config/processingjobconfig.json"
    assert image(tmp_path) is None
    config.parent.mkdir()
    for address, known in (("shop@sha256:abc", "shop@sha256:abc"), ("shop:latest", None), (None, None)):
        config.write_text(json.dumps({"AppSpecification": {"ImageUri": address}}), encoding="utf-8")
        assert image(tmp_path) == known


def test_the_gates_write_it_and_the_run_keeps_it(tracked: Path, baselined: Path) -> None:
    """Of this repository's own contract and model."""
    contract = contracts.load(Path(schema.__file__).parents[1] / "loop.yaml")
    shutil.copytree(baselined, "model")
    run = a_run(contract)
    Path("reports/plots").mkdir(parents=True)
    for place, found in (("prepare", run.prepared), ("metrics", run.metrics), ("gates", run.gates)):
        Path(f"reports/{place}.json").write_text(json.dumps(found), encoding="utf-8")
    Path("reports/plots/points.json").write_text(json.dumps(run.points), encoding="utf-8")
    number_ = tracking.log_run("shop", params={}, metrics={}, tags={})
    files = output.write(contract, number_)
    tracking.attach(number_, files)
    stored = Path(tracking.client().get_run(number_).info.artifact_uri.removeprefix("file://"))
    assert [path.as_posix() for path in files] == ["reports/card.md", "reports/card.html"]
    assert [path.read_text(encoding="utf-8").split(maxsplit=1)[0] for path in files] == ["#", "<!doctype"]
    for path in files:
        assert number_ in path.read_text(encoding="utf-8")
        assert (stored / path.name).read_bytes() == path.read_bytes()
