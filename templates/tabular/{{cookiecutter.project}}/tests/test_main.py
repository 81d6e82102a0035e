from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from mlflow.exceptions import MlflowException

from ml import __main__ as entry
from ml import errors
from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGES = ("prepare", "probe", "train", "evaluate", "gates", "register")


def test_every_command_has_a_function() -> None:
    others = {"job", "monitor", "serve", "versions", "promote", "rollback", "fetch", "matrix"}
    assert set(entry.COMMANDS) == {*STAGES, *others, "backtest", "rehearsal"}
    for command, (place, _) in entry.COMMANDS.items():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        pages = {f"ml.{command}.page:main", "ml.backtest.matrix:main"}
        assert place in {f"ml.{command}:main", f"ml.registry:{command}", *pages}


def called(monkeypatch: pytest.MonkeyPatch, words: list[str], error: Exception | None = None) -> tuple[int, list[str]]:
    given: list[str] = []

    def command(arguments: Sequence[str]) -> None:
        given.extend(arguments)
        if error is not None:
            raise error

    def imported(name: str) -> Any:
        assert name == "ml.registry"
        return SimpleNamespace(promote=command)

    monkeypatch.setattr(entry.importlib, "import_module", imported)
    return entry.main(words), given


def test_a_command_gets_the_words_behind_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, ["promote", "3", "--more"]) == (0, ["3", "--more"])
    assert called(monkeypatch, ["promote"]) == (0, [])
    assert capsys.readouterr() == ("", "")


def test_a_server_that_fails_is_told_and_not_traced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = MlflowException("no\n  answer " + "x" * 600)
    assert called(monkeypatch, ["promote"], error)[0] == 1
    assert capsys.readouterr().err == (
        f"error: the tracking server does not do what was asked\n  because: no answer {'x' * 490}\n"
        "  try: mend or unset MLFLOW_TRACKING_URI, and run it again\n"
    )


def test_an_expected_failure_is_told_in_three_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = LoopError("it failed", because="of this", attempt="that")
    assert called(monkeypatch, ["promote"], error)[0] == 1
    assert capsys.readouterr() == ("", "error: it failed\n  because: of this\n  try: that\n")
    assert (error.what, error.because, error.attempt) == ("it failed", "of this", "that")


def test_a_file_that_is_not_there_yet_is_an_expected_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, ["promote"], FileNotFoundError(2, "none", "data/x.parquet"))[0] == 1
    assert capsys.readouterr().err == (
        "error: promote needs data/x.parquet\n"
        "  because: an earlier stage makes it, or DVC fetches it\n  try: make run, or dvc pull\n"
    )


def test_a_fault_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        called(monkeypatch, ["promote"], ZeroDivisionError())


@pytest.mark.parametrize("words", [[], ["unheard-of"]])
def test_a_wrong_call_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        entry.main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m ml [-h] COMMAND ...")


def test_the_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        entry.main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for command, (_, what) in entry.COMMANDS.items():
        assert f"\n  {command:<10} {what}\n" in said


def test_it_runs_as_a_module_and_exits_with_the_code() -> None:
    done = subprocess.run([sys.executable, "-m", "ml", "unheard-of"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid choice: 'unheard-of'" in done.stderr


def test_every_error_of_a_stage_is_told_in_this_way() -> None:
    assert issubclass(errors.LoopError, Exception)
    assert str(LoopError("a", because="b", attempt="c")) == "a\n  because: b\n  try: c"
