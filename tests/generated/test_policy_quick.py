"""The policy study with real models: our policy sees no label before it lands, and the quick form runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from realdata import real_data

pytestmark = pytest.mark.generated

ROOT = Path(__file__).parents[2]


def run(venv, *words):
    """Run a program in the template's environment and return what it prints."""
    done = subprocess.run([venv / "bin/python", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_our_policy_decides_the_same_whatever_labels_will_say_that_have_not_landed(venv):
    told = json.loads(run(venv, ROOT / "tests/generated/poisoned_study.py"))
    (_, sound), *poisoned = ((int(day), did) for day, did in told["found"].items())
    assert {"quality", "recovery"} <= {reason for _, reason, _ in sound["executions"]}
    assert sound["retrained"]
    for day, did in poisoned:
        # At the end of day t the labels of day t - delay are known.
        count = sum(each < day + told["delay"] for each in sound["retrained"])
        assert did["retrained"][:count] == sound["retrained"][:count]
        assert did["losses"] == sound["losses"][: len(did["losses"])]
        assert did["executions"][: len(did["known"])] == sound["executions"][: len(did["known"])]
        assert did["known"]
        assert did["executions"] != sound["executions"]


def test_the_quick_study_prints_its_table(venv, tmp_path):
    data = real_data("bike_hourly").parents[1]
    told = run(venv, ROOT / "benchmarks/policy", "--quick", "--data", data, "--cache", tmp_path)
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert "bike_hourly" in rows[0]
    assert {"**loop, backtested**", "weekly", "ADWIN on errors", "CUSUM alone"} <= {
        row.split(" | ")[0][2:] for row in rows
    }
    assert len(list(tmp_path.glob("bike_hourly-*.npz"))) == 1
