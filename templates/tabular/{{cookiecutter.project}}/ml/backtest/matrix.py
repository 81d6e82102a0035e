"""The loss matrix: models of many days and windows, each judged on all later days; every model is trained once.

`loopwright backtest` runs this in the project's own environment and plays policies on what it leaves. On stdout stand
the progress, as `DONE/ALL` a line, and at the end one line of JSON: what was made, where it lies, what it is about.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import contract as contracts
from ml import losses
from ml.backtest import kept
from ml.backtest.days import MOST_JUDGES, laid, opened
from ml.errors import LoopError
from ml.paths import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ml.backtest.days import Days, Grid
    from ml.backtest.models import Bench
    from ml.contract import Contract

INTERRUPTED = 130


class MatrixError(LoopError):
    """No loss matrix can be made."""


def main(arguments: Sequence[str] = ()) -> None:
    """Make the matrix, or what is missing of it.

    Raises:
        MatrixError: The rows have no time.
        GridError: There is too little history.
    """
    parser = argparse.ArgumentParser(prog="python -m ml matrix")
    parser.add_argument("--data", type=Path, default=HISTORY, help="Parquet with the columns of ml/schema.py")
    parser.add_argument("--windows", default="", help="days with commas between, beside those of loop.yaml")
    parser.add_argument("--every", type=int, default=0, help="days between two trainings")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that train")
    told = parser.parse_args(list(arguments))
    contract = contracts.load()
    if contract.time_column is None:
        because = "loop.yaml has no time_column, and of rows without a time none is earlier than another"
        attempt = "bring rows with a time, and name it in loop.yaml and ml/schema.py"
        raise MatrixError("nothing can be backtested", because=because, attempt=attempt)
    # Those of the contract take part in any case: what stands there now is played, too.
    windows = sorted({*map(int, filter(None, told.windows.split(","))), *contract.retraining.windows_days})
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        made(contract, told.data, windows, every=told.every, jobs=max(told.jobs, 1))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # what is trained is kept


def made(contract: Contract, data: Path, windows: Sequence[int], *, every: int, jobs: int) -> None:
    """Train what is not kept yet, and tell progress and result."""
    folder = kept.folder(data, contract)
    days = opened(folder) or _arranged(data, folder, contract)
    grid = laid(days, contract, windows, every)
    path = folder / kept.MODELS
    done = {(each["day"], each["window"]) for each in kept.read(path)}
    missing = {day: [each for each in grid.windows if (day, each) not in done] for day in grid.trainings}
    missing = {day: lengths for day, lengths in missing.items() if lengths}
    trained, asked = 0, sum(map(len, missing.values()))
    for models in _trained(folder, missing, jobs) if missing else ():
        kept.add(path, models)
        trained += len(models)
        _tell(f"{trained}/{asked}")
    _tell(json.dumps(_document(contract, grid, days) | {"models": str(path.resolve()), "trained": trained}))


def _arranged(data: Path, folder: Path, contract: Contract) -> Days:
    from ml.backtest.history import arranged  # noqa: PLC0415 - who asks again does not wait for polars and pandera

    return arranged(data, folder, contract)


def _document(contract: Contract, grid: Grid, days: Days) -> dict[str, Any]:
    """Return what whoever plays on the matrix has to know."""
    triggers, retraining = contract.triggers, contract.retraining
    return {
        "project": contract.project,
        "task": contract.task,
        "target": contract.target,
        "loss": losses.name(contract.metric.name),
        "start": days.start,
        "counts": days.counts,
        "begin": grid.begin,
        "every": grid.every,
        "windows": list(grid.windows),
        "delay": math.ceil(contract.quality.label_delay_days),
        "min_rows": contract.drift.min_rows,
        "judges": MOST_JUDGES,
        "contract": {
            "schedule": triggers.schedule,
            "windows_days": list(retraining.windows_days),
            "min_gain": retraining.min_gain,
        },
    }


def _trained(folder: Path, missing: Mapping[int, list[int]], jobs: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the models of each day as soon as they are there."""
    if jobs == 1:
        bench = _opened(folder)
        yield from (bench.models(day, lengths) for day, lengths in missing.items())
        return
    os.environ |= {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}  # the workers are as many as there is room for
    # Threads of polars and LightGBM do not survive a fork.
    pool = ProcessPoolExecutor(min(jobs, len(missing)), get_context("spawn"), initializer=_begin, initargs=(folder,))
    try:
        work = [pool.submit(_models, day, lengths) for day, lengths in missing.items()]
        yield from (each.result() for each in as_completed(work))
    except (KeyboardInterrupt, GeneratorExit):
        for worker in active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_BENCH: list[Bench] = []
"""What a worker holds."""


def _begin(folder: Path) -> None:
    """Make this process a worker: it leaves interruptions to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _BENCH[:] = [_opened(folder)]


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(INTERRUPTED)


def _opened(folder: Path) -> Bench:
    from ml.backtest.models import Bench  # noqa: PLC0415 - see `_arranged`

    return Bench.open(folder)


def _models(day: int, lengths: list[int]) -> list[dict[str, Any]]:
    return _BENCH[0].models(day, lengths)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
