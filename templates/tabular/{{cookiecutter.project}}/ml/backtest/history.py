"""The history of a backtest: labelled rows in the order of days, and those of each day that judge."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl

from ml import schema
from ml.backtest.days import FACTS, MOST_JUDGES, Days
from ml.errors import LoopError, short
from ml.frames import as_declared
from ml.prepare import checked
from ml.split import Keys, labelled, without

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ml.contract import Contract

SEED = 1
WANTED = "bring Parquet with the columns of ml/schema.py, as data/history.parquet has them"
DAY = "__day__"
"""The column that counts days from the first one."""
LEARNED, JUDGED = "rows.parquet", "judges.parquet"


class HistoryError(LoopError):
    """The rows cannot be backtested."""


def arranged(data: Path, folder: Path, contract: Contract) -> Days:
    """Write the rows to learn from and the rows that judge into ``folder``.

    Golden rows are left out, as they are in every training, and so are rows without a label or a time.

    Raises:
        DataContractError: The rows break the data contract.
        HistoryError: The file is no Parquet or has other columns, no row has a label, or all have the same.
    """
    keys = Keys.of(contract)
    history = checked(as_declared(_read(data), schema.SCHEMA))
    golden = pl.read_parquet(contract.gates.golden.path) if contract.gates.golden else history.clear()
    time = pl.col(str(keys.time))
    rows = without(labelled(history, keys, None), golden, keys).filter(time.is_not_null())
    _refuse_constant(rows[keys.target])
    midnight = rows.select(time.cast(pl.Datetime("us")).dt.truncate("1d"))[str(keys.time)]
    first: datetime = midnight.min()  # type: ignore[assignment]
    rows = rows.with_columns((midnight - first).dt.total_days().alias(DAY))
    rows = rows.sort(DAY, str(keys.time), maintain_order=True)
    found = dict(rows.group_by(DAY).len().iter_rows())
    counts = [found.get(day, 0) for day in range(max(found) + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    rows.drop(DAY).write_parquet(folder / LEARNED)
    draw = pl.int_range(pl.len()).shuffle(seed=SEED).over(DAY)
    rows.filter(draw < MOST_JUDGES).write_parquet(folder / JUDGED)
    days = Days(start=first.isoformat(), counts=counts)
    (folder / FACTS).write_text(json.dumps(asdict(days)) + "\n", encoding="utf-8")
    return days


def _read(data: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(data)
    except pl.exceptions.PolarsError as error:
        raise HistoryError(f"{data} cannot be read", because=short(error), attempt=WANTED) from error
    if missing := [name for name in schema.SCHEMA.columns if name not in frame.columns]:
        because = f"it has no {', '.join(map(repr, missing))}"
        raise HistoryError(f"{data} has other columns than the project", because=because, attempt=WANTED)
    return frame


def _refuse_constant(target: pl.Series) -> None:
    if target.n_unique() > 1:
        return
    value = target[0] if target.len() else None
    because = "no row has a label" if value is None else f"every row's {target.name} is {value!r}"
    raise HistoryError("there is nothing to learn", because=because, attempt="bring rows with different labels")
