from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lap import Repository
from loopwright.cli import run
from repositories import new

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the checked-in generated files again")


@pytest.fixture
def update_golden(request) -> bool:
    return request.config.getoption("--update-golden")


@pytest.fixture
def figures(record_property):
    """Keep a line for the end of the run: a figure that is a proof should be read, not only asserted."""
    return lambda text: record_property("figures", text)


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    told = [(report.nodeid, text) for report in reports for key, text in report.user_properties if key == "figures"]
    if told:
        terminalreporter.section("figures")
        for nodeid, text in told:
            terminalreporter.write_line(f"{nodeid.rpartition('::')[2]}: {text}")


@dataclass(frozen=True)
class Run:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def loopwright(capfd, monkeypatch):
    """Run the command line in this process, as from a shell without a terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def call(*words: str | Path) -> Run:
        capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return call


@pytest.fixture
def table(tmp_path) -> Path:
    """A small data file with the names that people really use."""
    path = tmp_path / "orders.csv"
    rows = [
        f"{i},{10 + i % 7}.5,{'north' if i % 3 else 'south'},2024-01-{1 + i % 28:02},{int(i % 4 == 0)}"
        for i in range(400)
    ]
    path.write_text("\n".join(["Customer No,Unit Price,Region,Ordered At,Returned?", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def tree():
    """Return a function that reads everything below a folder, hidden files included; None stands for a folder."""

    def read(folder: Path) -> dict[str, bytes | None]:
        paths = sorted(folder.rglob("*"))
        return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}

    return read


@pytest.fixture(scope="session")
def venv(tmp_path_factory):
    """One environment for all generated repositories: the locks are the template's, so they are the same in each."""
    folder = tmp_path_factory.mktemp("venv")
    new(folder / "first", "--no-git")
    Repository(folder=folder / "first", venv=folder / "venv").make("setup")
    return folder / "venv"
