"""A served model, asked and watched: captured requests as SageMaker lays them out, labels, and runs of the monitor."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import polars as pl

from ml import __main__ as entry
from ml import contract as contracts
from ml import schema
from ml.drift.blocks import duration
from ml.frames import records, signature
from ml.serving.service import Service
from ml.window import LATENESS

if TYPE_CHECKING:
    from pathlib import Path

EVERY = duration(contracts.load().drift.every)
DELAY = timedelta(days=contracts.load().quality.label_delay_days)
HOUR = timedelta(hours=1)


def enough() -> int:
    """Return the rows that a comparison needs."""
    return contracts.load().drift.min_rows


@dataclass
class Watch:
    """One endpoint below a folder."""

    root: Path
    model: Path
    code: int | None = None
    """What the last run ended with."""
    ids: count[int] = field(default_factory=count)

    @cached_property
    def service(self) -> Service:
        return Service.load(self.model)

    def ask(self, rows: pl.DataFrame, at: datetime, *, step: timedelta = timedelta(), **how: Any) -> list[str]:
        """Capture the answers to rows, a request each; return what labels name them by.

        Args:
            rows: By the data contract.
            at: When the first is answered.
            step: How much later each of the others is.
            how: `model` answers instead; `output` is captured instead of an answer; `text` may change each line.
        """
        found, names = records(rows, signature(schema.SCHEMA, contracts.load())), []
        lines: dict[datetime, list[str]] = {}
        for number, row in enumerate(found):
            time = at + number * step
            names.append(f"event-{next(self.ids)}")
            lines.setdefault(time.replace(minute=0, second=0, microsecond=0), []).append(
                self._line(row, names[-1], time, **how)
            )
        for hour, texts in lines.items():
            self.write(hour, texts)
        return names

    def write(self, hour: datetime, lines: list[str]) -> None:
        """Put lines into the folder of an hour."""
        folder = self.root / "in/capture/shop-dev/AllTraffic" / hour.strftime("%Y/%m/%d/%H")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir())):03d}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _line(self, row: Any, name: str, time: datetime, model: str | None = None, **how: Any) -> str:
        body = json.dumps([row])
        answer = json.loads(self.service.answer(body.encode(), "application/json").body)
        if model:
            answer["model"]["sha256"] = model
        kind = {"observedContentType": "application/json", "encoding": "JSON"}
        captured = {
            "endpointInput": kind | {"mode": "INPUT", "data": body},
            "endpointOutput": how.get("output", kind | {"mode": "OUTPUT", "data": json.dumps(answer)}),
        }
        return json.dumps(
            {"captureData": captured, "eventMetadata": {"eventId": name, "inferenceTime": time.isoformat()}}
        )

    def label(self, names: list[str], target: pl.Series, file: str, **columns: Any) -> None:
        """Let labels land."""
        folder = self.root / "in/labels"
        folder.mkdir(parents=True, exist_ok=True)
        table = {"id": names, contracts.load().target: target} | columns
        pl.DataFrame(table).write_parquet(folder / f"{file}.parquet")

    def run(self, now: datetime, *words: str) -> dict[str, Any]:
        """Run the monitor; return the report."""
        (self.root / "in/capture").mkdir(parents=True, exist_ok=True)
        told = ["monitor", "--root", str(self.root), "--model", str(self.model), "--now", now.isoformat(), *words]
        self.code = entry.main(told)
        document: dict[str, Any] = json.loads((self.root / "out/latest/monitor.json").read_text(encoding="utf-8"))
        return document

    def clear(self) -> None:
        """Begin anew."""
        shutil.rmtree(self.root)


def complete(start: datetime, periods: int = 1) -> datetime:
    """Return when the last of some periods from ``start`` on is complete."""
    return start + periods * EVERY + LATENESS


def ripe(start: datetime, periods: int = 1) -> datetime:
    """Return when the labels of these periods are due."""
    return complete(start, periods) + DELAY


FIRST = (
    datetime(1970, 1, 1, tzinfo=UTC)
    + math.ceil(datetime(2026, 1, 5, tzinfo=UTC).timestamp() / EVERY.total_seconds()) * EVERY
)
"""The start of a period."""
