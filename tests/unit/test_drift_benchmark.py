"""The benchmark of the monitor's counting runs without its peers, and ours finds the drift that its tables hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS, PROJECT = ROOT / "benchmarks", ROOT / "templates" / "tabular" / "{{cookiecutter.project}}"


def test_our_side_of_the_benchmark_runs(tmp_path, venv):
    python = venv / "bin" / "python"
    command = [sys.executable, SCRIPTS / "drift.py", "--python", python, "--cache", tmp_path, "--peers", "none"]
    done = subprocess.run([*command, "--rows", "1e4", "--no-wide"], capture_output=True, text=True, check=True)
    head, _, saved, both = done.stdout.strip().splitlines()
    assert head.startswith("10,000 rows x 20 columns")
    for line, name in ((saved, "ours"), (both, "ours, reference read too")):
        wall, processor, peak, *ratios = map(float, line.removeprefix(name).split())
        assert min(wall, processor) > 0
        assert 30 < peak < 512
        assert len(ratios) == 3
    assert saved.split()[-3:] == ["1.0"] * 3

    ours = [python, "-B", "-P", SCRIPTS / "drift_peers" / "run_ours.py"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    said = {
        mode: subprocess.run(
            [*ours, mode, tmp_path / "10000x20"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for mode in ("saved", "both")
    }
    assert said["saved"] == said["both"] == "20 features judged, 3 drifting\n"
