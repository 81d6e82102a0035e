"""The command: which streams to study, and what to do with the results."""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from policy import page
from policy.streams import KINDS, REAL, bike_hourly, made
from policy.study import Result, studied

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy.streams import Stream

PROCESSES = 2
SEEDS = 4


def main(docs: Path) -> None:
    """Run the study; the page goes into ``docs``."""
    parser = argparse.ArgumentParser(prog="benchmarks/policy", description="Compare policies for retraining.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--cache", type=Path, default=cache(), help="where trained matrices are kept")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="made streams of each kind")
    parser.add_argument("--quick", action="store_true", help="a year of bike_hourly, printed; no page is written")
    options = parser.parse_args()
    begin = time.perf_counter()
    results = study(options.data, options.cache, 0 if options.quick else options.seeds, quick=options.quick)
    if options.quick:
        print(page.real(results))
    else:
        page.write(results, docs)
        print(page.goals(results))
    print(f"{time.perf_counter() - begin:.0f} s")


def cache() -> Path:
    """Return the folder for this in the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loopwright" / "policy"


def study(data: Path, kept: Path, seeds: int, *, quick: bool) -> list[Result]:
    """Study the real streams and so many made ones of each kind."""
    streams: list[Callable[[], Stream]] = [partial(REAL[name], data) for name in REAL]
    if quick:
        streams = [partial(bike_hourly, data, days=365)]
    streams += [partial(made, kind, seed) for seed in range(seeds) for kind in KINDS]
    with ProcessPoolExecutor(PROCESSES) as pool:
        return list(pool.map(partial(studied, cache=kept), streams))
