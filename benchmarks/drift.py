"""Our monitor's counting and comparing against Evidently, NannyML and whylogs: time and memory, side by side.

    python benchmarks/drift.py --cache FOLDER [--rows 1e5,1e6,1e7] [--peers evidently,nannyml,whylogs]

Each contender is a process of its own, imports included, that reads Parquet files of 20 columns (14 numbers, 6 texts of
3 to 1,000 levels) and says what drifts; ours once as the monitor runs it, with the baseline that training left, and
once as the peers do it, reading the reference too. They take turns, after a first turn on few rows that only fills
caches. Ours is also given 1,000 columns. The goals, at 1 million rows unless another number is named:

    10 times faster than the fastest peer, 100 times faster than Evidently's default
    under 256 MiB at 10 million rows, under 512 MiB with 1,000 columns

The peers compute one distance a feature; ours are five, with what chance and the feature's own movement explain.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from drift_peers import table
from drift_peers.contenders import CONTENDERS, OURS, PINS, QUIET, Contender, made
from drift_peers.runs import Run, run

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "templates" / "tabular" / "{{cookiecutter.project}}"
SCRIPTS = Path(table.__file__).parent
WARM_ROWS, FEW_ROWS = 10_000, 1_000_000
"""Those of the first turn, which is not counted; and up to so many, a contender runs several times."""
GOAL_ROWS, FASTER, FASTER_THAN_EVIDENTLY = 1_000_000, 10, 100
LARGE_ROWS, LARGE_MIB = 10_000_000, 256
WIDE_ROWS, WIDE_COLUMNS, WIDE_MIB = 100_000, 1000, 512

Results = dict[tuple[int, Contender], Run]


def main() -> None:
    """Make environments and tables, run, print."""
    options = _options()
    pythons = environments(options)
    turn(WARM_ROWS, pythons, options)
    found: Results = {}
    for rows in options.rows:
        now: Results = {}
        for _ in range(options.runs if rows <= FEW_ROWS else 1):
            now = turn(rows, pythons, options, now)
        show(rows, {who: one for (_, who), one in now.items()})
        found |= now
    wide = None
    if options.wide:
        wide = timed(OURS, pythons, tables(options.cache, WIDE_ROWS, WIDE_COLUMNS, pythons["ours"]), options)
        show(WIDE_ROWS, {OURS: wide}, WIDE_COLUMNS)
    goals(found, wide)


def turn(rows: int, pythons: dict[str, Path], options: argparse.Namespace, earlier: Results | None = None) -> Results:
    """Run each contender once, but for those that did not finish earlier; return the best of now and earlier."""
    folder = tables(options.cache, rows, table.COLUMNS, pythons["ours"])
    best = dict(earlier or {})
    for who in (one for one in CONTENDERS if one.environment in pythons):
        before = best.get((rows, who))
        if not (before and (before.stopped or before.failed)):
            best[rows, who] = timed(who, pythons, folder, options).best(before)
    return best


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where environments and tables are kept; gigabytes")
    parser.add_argument("--rows", type=_numbers, default=_numbers("1e5,1e6,1e7"), help="default: 1e5,1e6,1e7")
    parser.add_argument("--peers", type=_peers, default=_peers(",".join(PINS)), help="some of: %(default)s; or none")
    parser.add_argument("--python", type=Path, help="of an environment with our requirements/train.txt; default: made")
    parser.add_argument("--runs", type=int, default=3, help="of each contender, up to 1e6 rows; the best counts")
    parser.add_argument("--seconds", type=float, default=180, help="a contender is stopped after so many")
    parser.add_argument("--memory", type=float, default=12, help="GiB that a contender can get")
    parser.add_argument("--wide", action=argparse.BooleanOptionalAction, default=True, help="run 1,000 columns, too")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(float(part)) for part in text.split(",")]


def _peers(text: str) -> list[str]:
    names = [] if text == "none" else text.split(",")
    if unknown := set(names) - set(PINS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


def environments(options: argparse.Namespace) -> dict[str, Path]:
    """Return the Python of each environment, without those that cannot be installed."""
    lock = PROJECT / "requirements" / "train.txt"
    pythons = {"ours": options.python.absolute() if options.python else made("ours", options.cache, lock)}
    for name in options.peers:
        try:
            pythons[name] = made(name, options.cache, lock)
        except subprocess.CalledProcessError as error:
            print(f"{name}: skipped, it cannot be installed: {error.stderr.strip().splitlines()[-1]}")
    return pythons


def tables(cache: Path, rows: int, columns: int, python: Path) -> Path:
    """Return the folder of two tables and our baseline of one, which are made if they are not there."""
    folder = cache / f"{rows}x{columns}"
    if not (folder / "baseline.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, "-P", SCRIPTS / "table.py", folder, str(rows), str(columns)], check=True)
        command = [python, "-P", SCRIPTS / "run_ours.py", "save", folder]
        subprocess.run(command, env=_environment(cache, ours=True), check=True)
    return folder


def timed(contender: Contender, pythons: dict[str, Path], folder: Path, options: argparse.Namespace) -> Run:
    """Run a contender once on the tables of a folder."""
    script = SCRIPTS / f"run_{contender.environment}.py"
    command = [str(pythons[contender.environment]), "-P", str(script), contender.mode, str(folder)]
    environment = _environment(options.cache, ours=contender.ours)
    return run(command, environment, seconds=options.seconds, memory_gib=options.memory)


def _environment(cache: Path, *, ours: bool) -> dict[str, str]:
    """Return variables that keep bytecode and whatever a library leaves at home below the cache folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    home = {"HOME": str(cache), "PYTHONPYCACHEPREFIX": str(cache / "bytecode")}
    return kept | QUIET | home | ({"PYTHONPATH": str(PROJECT)} if ours else {})


def show(rows: int, found: dict[Contender, Run], columns: int = table.COLUMNS) -> None:
    """Print what each took, and as multiples of ours."""
    load = os.getloadavg()[0]
    print(f"\n{rows:,} rows x {columns:,} columns; load {load:.1f} on {os.cpu_count()} processors")
    print(f"{'':26}{'wall s':>9}{'CPU s':>9}{'MiB':>8}   times ours: {'wall':>7}{'CPU':>8}{'MiB':>7}")
    ours = found[OURS]
    for contender, one in found.items():
        if one.failed:
            print(f"{contender.name:26}failed: {one.failed[:100]}")
            continue
        more = ">" if one.stopped else ""
        taken = f"{more}{one.wall:.2f}", f"{more}{one.processor:.2f}", f"{one.peak:.0f}"
        factors = (one.wall / ours.wall, one.processor / ours.processor, one.peak / ours.peak)
        times = f"{more}{factors[0]:.1f}", f"{more}{factors[1]:.1f}", f"{factors[2]:.1f}"
        print("{:26}{:>9}{:>9}{:>8}{:>22}{:>8}{:>7}".format(contender.name, *taken, *times))
    sys.stdout.flush()


def goals(found: Results, wide: Run | None) -> None:
    """Print which goals are met; those that were not run are left out."""
    print()
    ours = found.get((GOAL_ROWS, OURS))
    peers = {who: one for (of, who), one in found.items() if of == GOAL_ROWS and not who.ours and not one.failed}
    if ours and peers:
        fastest = min(peers, key=lambda who: peers[who].processor)
        _faster(fastest, peers[fastest], ours, FASTER)
        _faster(CONTENDERS[-1], peers.get(CONTENDERS[-1]), ours, FASTER_THAN_EVIDENTLY)
    _smaller(f"{LARGE_ROWS:,} rows", found.get((LARGE_ROWS, OURS)), LARGE_MIB)
    _smaller(f"{WIDE_COLUMNS:,} columns", wide, WIDE_MIB)


def _faster(who: Contender, theirs: Run | None, ours: Run, goal: int) -> None:
    if theirs:
        wall, processor = theirs.wall / ours.wall, theirs.processor / ours.processor
        told = f"{wall:.1f} times by the clock: {_met(wall >= goal)}; {processor:.1f} in CPU seconds"
        print(f"at least {goal} times faster than {who.name}: {told}: {_met(processor >= goal)}")


def _smaller(what: str, ours: Run | None, goal: int) -> None:
    if ours:
        print(f"under {goal} MiB with {what}: {ours.peak:.0f} MiB: {_met(not ours.failed and ours.peak < goal)}")


def _met(met: bool) -> str:  # noqa: FBT001 - its only argument
    return "met" if met else "missed"


if __name__ == "__main__":
    main()
