"""Generated repositories for tests, as a user makes them."""

from __future__ import annotations

import subprocess
import sys

from lap import environment

REAL = {
    "retail_repurchase": [
        "--target",
        "repurchased",
        "--time-column",
        "observed_at",
        "--entity",
        "customer_id",
        "--label-delay",
        "30",
    ],
    "bike_hourly": ["--target", "cnt", "--time-column", "rented_at"],
    "electricity": ["--target", "direction", "--time-column", "measured_at"],
}
"""How each real data set becomes a repository."""


def new(folder, *words):
    """Run `loopwright new` without a question."""
    command = [sys.executable, "-m", "loopwright", "new", str(folder), "--no-input", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    return done
