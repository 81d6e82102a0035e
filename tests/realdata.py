"""Where the real data sets are that some tests use, and what to do without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared" / "data"


def real_data(name: str) -> Path:
    """Return the data file of the set ``name``; skip the test without it, or fail where data are required.

    Looks in the folder that LOOPWRIGHT_DATA names, otherwise beside the checkout. LOOPWRIGHT_REQUIRE holding the word
    ``data`` makes their absence a failure.
    """
    folder = Path(os.environ.get("LOOPWRIGHT_DATA") or BESIDE) / name
    found = [path for suffix in ("csv", "parquet") if (path := folder / f"{name}.{suffix}").is_file()]
    if not found:
        missing = f"the data set {name} is not in {folder.parent}; LOOPWRIGHT_DATA names another folder"
        if "data" in os.environ.get("LOOPWRIGHT_REQUIRE", "").replace(",", " ").split():
            pytest.fail(missing)
        pytest.skip(missing)
    return found[0]
