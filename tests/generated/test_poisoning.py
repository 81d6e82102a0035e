"""Spoilt windows of real data: what `docs/security.md` says of 20 moments each, looked at again at a few."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lap import environment
from realdata import real_data
from repositories import REAL, new

pytestmark = pytest.mark.generated

STUDY = Path(__file__).parents[2] / "benchmarks/poisoning.py"
SEEDS = 3
TURNED, REPEATED = 0.3, 0.03


@pytest.fixture(scope="module", params=["shop", *REAL])
def repository(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoilt") / request.param.replace("_", "-")
    name = request.param
    data = ["--data", real_data(name), *REAL[name]] if name in REAL else []
    new(folder, "--no-git", *data)
    return folder


def study(repository, venv, kind, *shares):
    """Return the gates that reject, by share, at each moment."""
    command = [venv / "bin/python", STUDY, "--seeds", str(SEEDS), "--kind", kind, *map(str, shares)]
    done = subprocess.run(command, cwd=repository, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == SEEDS * len(shares)
    return {share: [each["rejects"] for each in found if each["share"] == share] for share in shares}


def test_no_spoilt_window_of_a_real_data_set_passes(repository, venv, figures):
    turned = study(repository, venv, "flipped", 0.0, TURNED, 1.0)
    repeated = study(repository, venv, "constant", REPEATED)
    figures(f"{repository.name}: sound rows are rejected by {turned[0.0]}, turned ones by {turned[TURNED]}")
    assert all(turned[TURNED])
    assert all("golden" in rejects for rejects in turned[1.0])
    assert all("repeats" in rejects for rejects in repeated[REPEATED])
    alarms = [gate for rejects in turned[0.0] for gate in rejects if gate == "repeats"]
    assert alarms == []
