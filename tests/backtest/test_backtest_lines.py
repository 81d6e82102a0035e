"""Lines of loop.yaml: values change, all else keeps its bytes, and what cannot be kept is refused."""

from __future__ import annotations

import pytest
import yaml

from conftest import ROOT
from loopwright.backtest.lines import Change, changes, edited, write
from loopwright.backtest.settings import Setting
from loopwright.errors import TargetError

LOOP = next(ROOT.glob("templates/tabular/*project*/loop.yaml")).read_text(encoding="utf-8")
BLOCK = """\
# the contract
triggers:   # what wakes it
    schedule:   auto   # until a backtest
    drift: "wake"

retraining:
    windows_days: [30, 60,120]    # days
    min_gain: 0.01
    # the end
"""
WANTED = [
    Change(path=("triggers", "schedule"), before="auto", after="rate(14 days)"),
    Change(path=("retraining", "windows_days"), before=[30, 60, 120], after=[60, 120]),
]


@pytest.mark.parametrize(
    "text", [LOOP, BLOCK, BLOCK.replace("\n", "\r\n"), LOOP.replace("project: shop", "# ünï\nproject: shop")]
)
def test_values_change_and_every_other_byte_stays(text):
    made = edited(text, WANTED)
    found = yaml.safe_load(made)
    assert (found["triggers"]["schedule"], found["retraining"]["windows_days"]) == ("rate(14 days)", [60, 120])
    back = [Change(path=each.path, before=each.after, after=each.before) for each in WANTED]
    assert edited(made, back).replace(" ", "") == text.replace(" ", "")
    assert [line.partition("#")[2] for line in made.splitlines()] == [
        line.partition("#")[2] for line in text.splitlines()
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("windows_days: [30, 60,120] ", "windows_days: [30, 60,\n      # and\n      120] "),
        ("schedule:   auto ", "schedule:   rate(7 days) "),
        ("schedule:   auto ", "scheduled:   auto "),
        ("schedule:   auto ", "schedule: auto\n    schedule:   auto "),
        ("windows_days: [30, 60,120] ", "windows_days: &days [30, 60,120] "),
        ("retraining:", "retraining: ["),
        ("windows_days: [30, 60,120]    # days", "windows_days: *days\nother: &days [30, 60, 120]"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(tmp_path, old, new):
    path = tmp_path / "loop.yaml"
    path.write_text(BLOCK.replace(old, new))
    with pytest.raises(TargetError, match=r"loop\.yaml cannot be changed"):
        write(path, WANTED)
    assert path.read_text() == BLOCK.replace(old, new)
    assert [each.name for each in tmp_path.iterdir()] == ["loop.yaml"]


def test_a_shared_value_is_no_other_ones_to_change():
    text = "triggers: {schedule: &s auto}\nretraining: {other: *s}\n"
    with pytest.raises(TargetError) as refused:
        edited(text, WANTED[:1])
    assert "anchor" in refused.value.because


def test_a_file_is_replaced_as_a_whole_with_its_mode(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(BLOCK)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    write(link, WANTED)
    assert "rate(14 days)" in path.read_text()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(TargetError, match="cannot be changed"):
        write(tmp_path / "missing.yaml", WANTED)


def test_only_what_differs_changes():
    standing, proposed = Setting("auto", (30, 60), "auto"), Setting("rate(7 days)", (30, 60), 0.0071, 7)
    assert [each.line for each in changes(standing, proposed)] == [
        "triggers.schedule: rate(7 days) # was auto",
        "retraining.min_gain: 0.0071 # was auto",
    ]
    assert changes(standing, standing) == []
