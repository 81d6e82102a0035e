"""Cut a history into what a rehearsal needs: what is known when it begins, then requests, labels and new rows by step.

``python -m rehearsed_rows FOLDER`` in the project's environment, its request as JSON on the standard input:

    data     a file by the data contract; null: the project's own history
    from, to moments in UTC, or null: after half of the rows' time, and their last
    hours    of a step
    days     at most so many, where no end is named; or null
    rows     at most so many in a request

FOLDER gets ``history.parquet`` (the rows before the first step; those whose label lands later have none), for each
step ``requests/N.jsonl`` (a line a request: its time, its id and its rows) and ``rows/N.parquet`` (the same rows to
learn from, without labels), and ``labels/N.parquet`` and ``labelled/N.parquet`` when the labels of step N land: the
contract says how long after its end. ``labelled.parquet`` is the history with all
labels. Rows without a time follow each other evenly.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ml import contract as contracts
from ml import schema
from ml.errors import LoopError
from ml.frames import as_declared, records, signature
from ml.hashes import sha256
from ml.paths import HISTORY

AT, ID, ROW = "__at__", "__id__", "__row__"
KNOWN_SHARE = 2
"""One part of so many is known when the rehearsal begins, unless it is told when."""
FIRST_DAY, DAYS = datetime.fromisoformat("2026-01-01"), 180
"""When rows without a time begin, and how long they last."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The rehearsed time."""

    start: datetime
    end: datetime
    step: timedelta

    def steps(self) -> int:
        """Return how many steps there are; the last one may be shorter."""
        return max(1, -(-(self.end - self.start) // self.step))


def main(folder: Path) -> None:
    """Cut, and print what there is."""
    asked = json.load(sys.stdin)
    source = Path(asked["data"]) if asked["data"] else HISTORY
    frame = timed(as_declared(pl.read_parquet(source), schema.SCHEMA))
    span = spanned(frame, asked)
    contract = contracts.load()
    delay = timedelta(days=contract.quality.label_delay_days)
    frame = numbered(frame, span, asked["rows"])
    target = contract.target
    names = [name for name in frame.columns if name not in {AT, ID, ROW}]
    before = frame.filter(pl.col(AT) < span.start)
    _blank(before, target, pl.col(AT) + delay >= span.start).select(names).write_parquet(folder / "history.parquet")
    before.select(names).write_parquet(folder / "labelled.parquet")
    for part in ("requests", "labels", "rows", "labelled"):
        (folder / part).mkdir()
    steps = [_step(frame, number, span, names, target, folder) for number in range(span.steps())]
    told = {
        "source": str(asked["data"] or HISTORY),
        "rows": frame.height,
        "sha256": sha256(source),
        "known": before.height,
        "delay_days": contract.quality.label_delay_days,
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "steps": steps,
    }
    sys.stdout.write(json.dumps(told))


def timed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in the order of their time, which is in ``AT``, in UTC and without a zone."""
    column = contracts.load().time_column
    if column is None:
        every = timedelta(days=DAYS) / max(1, frame.height)
        return frame.with_columns((pl.lit(FIRST_DAY) + pl.int_range(pl.len()) * every).alias(AT))
    time = pl.col(column).cast(pl.Datetime("us", getattr(frame.schema[column], "time_zone", None)))
    if getattr(frame.schema[column], "time_zone", None):
        time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return frame.with_columns(time.alias(AT)).drop_nulls(AT).sort(AT, maintain_order=True)


def spanned(frame: pl.DataFrame, asked: dict[str, Any]) -> Span:
    """Return what is rehearsed.

    Raises:
        LoopError: There are no rows before it, or none in it.
    """
    first: Any = frame[AT].min()
    last: Any = frame[AT].max()
    if first is None or last is None:
        raise LoopError("there is nothing to rehearse", because="the data has no row with a time", attempt="other data")
    start = _moment(asked["from"]) or (first + (last - first) / KNOWN_SHARE)
    start = start.replace(hour=0, minute=0, second=0, microsecond=0) if not asked["from"] else start
    after = last + timedelta(microseconds=1)
    longest = start + timedelta(days=asked["days"]) if asked["days"] else after
    end = min(_moment(asked["to"]) or longest, after)
    if not first < start < end:
        raise LoopError(
            f"nothing can be rehearsed from {start} to {end}",
            because=f"the rows are of {first} to {last}, and some have to be known before",
            attempt="name another time with --from and --to",
        )
    return Span(start=start, end=end, step=timedelta(hours=asked["hours"]))


def numbered(frame: pl.DataFrame, span: Span, rows: int) -> pl.DataFrame:
    """Give each row of the rehearsed time the id of its request and its place there; the others have none."""
    step = (pl.col(AT) - span.start).dt.total_microseconds() // (span.step // timedelta(microseconds=1))
    place = pl.int_range(pl.len()).over("__step__")
    asked = pl.col(AT).is_between(span.start, span.end, closed="left")
    digits = [pl.col("__step__").cast(pl.String).str.zfill(6), (place // rows).cast(pl.String).str.zfill(4)]
    name = pl.concat_str(digits, separator="-")
    return (
        frame.with_columns(step.alias("__step__"))
        .with_columns(pl.when(asked).then(name).alias(ID), (place % rows).alias(ROW))
        .drop("__step__")
    )


def _step(  # noqa: PLR0917 - what one step is cut from
    frame: pl.DataFrame, number: int, span: Span, names: list[str], target: str, folder: Path
) -> dict[str, Any]:
    start = span.start + number * span.step
    end = min(start + span.step, span.end)
    rows = frame.filter(pl.col(AT).is_between(start, end, closed="left"))
    inputs = signature(schema.SCHEMA, contracts.load())
    with (folder / f"requests/{number}.jsonl").open("w", encoding="utf-8") as lines:
        for part in rows.partition_by(ID, maintain_order=True):
            body = json.dumps(records(part, inputs), ensure_ascii=False)
            at: datetime = part[AT].max()  # type: ignore[assignment]
            line = {"id": part[ID][0], "at": at.replace(tzinfo=UTC).isoformat(), "rows": part.height, "body": body}
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    if rows.height:
        _blank(rows, target, pl.lit(value=True)).select(names).write_parquet(folder / f"rows/{number}.parquet")
        rows.select(names).write_parquet(folder / f"labelled/{number}.parquet")
        known = rows.filter(pl.col(target).is_not_null())
        labels = known.select(pl.col(ID).alias("id"), pl.col(ROW).alias("row"), target)
        labels.write_parquet(folder / f"labels/{number}.parquet")
    return {"from": start.isoformat(), "to": end.isoformat(), "rows": rows.height}


def _blank(frame: pl.DataFrame, target: str, where: pl.Expr) -> pl.DataFrame:
    """Take the labels away that nobody knows yet; where the contract wants one in each row, take the rows away."""
    if schema.SCHEMA.columns[target].nullable:
        return frame.with_columns(pl.when(where).then(None).otherwise(pl.col(target)).alias(target))
    return frame.filter(~where)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except LoopError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
