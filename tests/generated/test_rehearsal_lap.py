"""A rehearsal of real data with nothing stood in for: trained, served, watched, judged, told and decided again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest

from lap import environment
from realdata import real_data
from repositories import REAL, new

pytestmark = pytest.mark.generated

NAME, BEGINS, ENDS = "electricity", "1998-01-02", "1998-02-06"


def loopwright(venv, *words):
    """Run a command and return its exit code, what it printed and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "loopwright", *words],
        env=environment() | {"LOOPWRIGHT_PYTHON": str(venv / "bin/python")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rehearsed") / NAME
    data = real_data(NAME)
    new(folder, "--no-git", "--data", data, *REAL[NAME])
    return folder


def test_a_lap(venv, repository, figures):
    code, told, said = loopwright(venv, "rehearse", repository, "--from", BEGINS, "--to", ENDS, "--json")
    assert code == 0, said
    found = json.loads(told)
    first = found["retrainings"][0]
    assert (first["outcome"], first["version"]) == ("registered", 1), first
    assert all(gate["passed"] for gate in first["gates"])
    assert found["rollouts"][0]["outcome"] == "live"
    served = datetime.fromisoformat(found["versions"][0]["serving"][0]["from"])
    assert served < datetime.fromisoformat(found["window"]["from"]), "the first model serves before anybody asks"

    traffic, quality = found["traffic"], found["quality"]
    assert traffic["rows"] == 35 * 48, "half an hour each"
    assert (traffic["failed"], traffic["refused"]) == (0, 0)
    assert len(quality["periods"]) > 30
    assert 0.5 < quality["without"] < 1
    assert 0.5 < quality["with"] < 1
    assert {len(each["scores"]) for each in found["drift"]["features"]} == {len(found["drift"]["times"])}
    assert any(score is not None for each in found["drift"]["features"] for score in each["scores"])
    months = {each["month"]: each for each in found["spend"]["months"]}
    assert months["1998-01"]["endpoint"] > 90, "an instance by the hour"
    assert months["1998-01"]["monitor"] > 0
    figures(f"{len(quality['periods'])} days in {found['stamps']['seconds']:.0f} s: {found['sentences'][0]}")

    folder = repository / "reports" / "rehearsal"
    assert {"rehearsal.html", "rehearsal.json", "rehearsal.md"} < {path.name for path in folder.iterdir()}
    code, told, said = loopwright(venv, "rehearse", repository, "--replay", folder / "decisions.jsonl")
    assert code == 0, told + said
    assert "all as recorded" in said
