"""Compare policies for retraining on real and made streams, and write docs/policy.md.

    TEMPLATE_ENV/bin/python benchmarks/policy --data FOLDER

TEMPLATE_ENV is an environment with the template's requirements/dev.txt. FOLDER holds the data sets, each with its
SOURCE.txt. The models are kept in a cache: another run takes a few minutes.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# At the end: benchmarks/profile.py must not stand in for the standard library's.
PLACES = (*(ROOT / each for each in ("benchmarks", "generator", "infra")), *ROOT.glob("templates/tabular/*project*"))
sys.path.extend(map(str, PLACES))

from policy.command import main  # noqa: E402 - found once the paths are known

if __name__ == "__main__":
    main(ROOT / "docs")
