from __future__ import annotations

import json

import click
import pytest

from loopwright.errors import DataError, Differs, TargetError, UsageError
from loopwright.report import INTERRUPTED, Report


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("a", because="b", attempt="c"), 1),
        (TargetError("a", because="b", attempt="c"), 1),
        (UsageError("a", because="b", attempt="c"), 2),
        (Differs("a", because="b", attempt="c"), 3),
    ],
)
def test_an_error_says_what_because_try(capsys, error, code):
    assert Report(as_json=True).failed(error) == code
    out, err = capsys.readouterr()
    assert err == "error: a\n  because: b\n  try: c\n"
    assert json.loads(out) == {"error": {"what": "a", "because": "b", "try": "c"}}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=repr)
def test_an_interruption(capsys, error):
    assert Report().failed(error) == INTERRUPTED == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: interrupted\n")


def test_what_a_library_makes_of_a_signal_is_an_interruption():
    assert Report(interrupted=True).failed(RuntimeError("Query interrupted")) == INTERRUPTED


def test_a_fault_of_ours_is_said_to_be_one(capsys):
    assert Report().failed(ZeroDivisionError("by zero")) == 1
    assert "ZeroDivisionError: by zero" in capsys.readouterr().err


def test_without_a_terminal_there_is_no_progress(capsys):
    with Report().step("reading"):
        pass
    assert capsys.readouterr() == ("", "")


def test_text_that_cannot_be_encoded_is_still_told(capfd):
    Report(as_json=True).failed(DataError("\udcff.csv is not there", because="b", attempt="c"))
    out, err = capfd.readouterr()
    assert "is not there" in err
    assert "is not there" in json.loads(out)["error"]["what"]
