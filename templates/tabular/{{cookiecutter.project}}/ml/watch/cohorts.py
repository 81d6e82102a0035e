"""Cohorts: what the labels of each period say of the answers of each model, from rows old enough to have a label.

A period is looked at once it ended `quality.label_delay_days` ago: before, the labels that come early are not like the
others. After that it is looked at again for some periods, because labels trickle in. The sums are kept, so that the
CUSUM can look back further than rows are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ml.watch import landed
from ml.watch.judged import judged
from ml.watch.labels import LARGEST
from ml.window import ended, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contract import Contract
    from ml.places import Place
    from ml.watch.labels import Labels
    from ml.watch.state import State
    from ml.window import Window

STRAGGLERS = 28
"""So many of the latest periods that are old enough are looked at for labels."""
LOOKED_BACK = 120
"""So many periods the CUSUM looks back at most."""

SUMS = (
    pl.len().alias("labelled").cast(pl.Int64),
    pl.col("__loss__").sum().alias("total"),
    pl.col("__time__").max().alias("newest"),
)
ADDED = (pl.col("labelled").sum(), pl.col("total").sum(), pl.col("newest").max())


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What the labels of one period say of one model's answers."""

    window: Window
    rows: int
    """That were answered."""
    labelled: int
    total: float
    """Sum of the losses of the labelled rows."""
    newest: datetime | None
    """When the newest labelled row was answered, in UTC."""


@dataclass(frozen=True, kw_only=True)
class Joiner:
    """Joins labels to the rows of periods, and keeps what they say."""

    state: State
    labels: Labels
    labelled: Place
    """Where the rows with labels go, a file a period."""
    contract: Contract
    every: timedelta
    room: Path

    def refresh(self, now: datetime) -> dict[str, Any]:
        """Join what is new, and return what was done, for the report.

        Of the labels that this run saw first, `unmatched` are those of rows that are not old enough yet, and of rows
        that nobody knows.
        """
        newest = self._ripe(now)
        windows = [window for ago in reversed(range(STRAGGLERS)) if self.state.watched(window := newest.ago(ago))]
        matched = sum(self._refresh(window) for window in windows)
        fresh = self.labels.new(self.labels.run - 1, datetime.min.replace(tzinfo=now.tzinfo))
        rows = self.labels.count(fresh) if windows else 0
        told = {"files": len(fresh), "labels": rows, "unmatched": max(0, rows - matched)}
        return told | {"unreadable": self.labels.unreadable}

    def sums(self, now: datetime) -> list[tuple[str, Sums]]:
        """Return each model and what is known of its answers, by period, the oldest first."""
        newest = self._ripe(now)
        names = {Path(name).stem for name in self.state.names("cohorts")}
        names = {name for name in names if newest.ago(LOOKED_BACK).name < name <= newest.name}
        found = []
        for name in sorted(names):
            window = named(name, self.every)
            for model, facts in self.state.document(f"cohorts/{name}.json")["models"].items():
                found.append((model, _sums(window, facts)))
        return found

    def _ripe(self, now: datetime) -> Window:
        return ended(now - timedelta(days=self.contract.quality.label_delay_days), self.every)

    def _refresh(self, window: Window) -> int:
        """Join the labels that this period has not seen; return how many of them this run saw first."""
        there = self.state.there(name := f"cohorts/{window.name}.json")
        known = self.state.document(name) if there else dict[str, Any](run=0, models=self._unlabelled(window))
        new = self.labels.new(known["run"], window.start)
        paths = self.labels.fetch(new)
        parts = self.state.parts(window) if paths else []
        fresh = 0
        if parts:
            made = self._join(window, parts, paths)
            new_ones = pl.scan_parquet(made).select("turn").filter(pl.col("turn") >= 0).collect()["turn"]
            fresh = int((new_ones // LARGEST).is_in(self.labels.first_seen()).sum())
            if len(new_ones):
                self.state.keep_file(f"rows/{window.name}/labels.parquet", made)
                known["models"] = self._unlabelled(window) | self._write(window, parts, made)
        if new or not there:
            self.state.keep(name, known | {"run": self.labels.run})
        return fresh

    def _unlabelled(self, window: Window) -> dict[str, Any]:
        models = (self.state.period(window) or {"models": {}})["models"]
        none = {"labelled": 0, "total": 0.0, "newest": None}
        return {model: {"rows": rows["answered"]} | none for model, rows in models.items() if rows["answered"]}

    def _join(self, window: Window, parts: Sequence[Path], paths: Sequence[Path]) -> Path:
        there = self.state.there(name := f"rows/{window.name}/labels.parquet")
        made = self.room / window.name / "labels.parquet"
        made.parent.mkdir(parents=True, exist_ok=True)
        landed.join(parts, paths, self.state.fetch(name) if there else None, made)
        return made

    def _write(self, window: Window, parts: Sequence[Path], made: Path) -> dict[str, Any]:
        """Write the rows with labels, and return what they say of each model."""
        sums: list[pl.DataFrame] = []
        written = []
        for number, path in enumerate(parts):
            labels = pl.scan_parquet(made).filter(pl.col("part") == number).collect()
            if labels.is_empty():
                continue
            rows = judged(pl.read_parquet(path), labels, self.contract)
            sums.append(rows.group_by("__model__").agg(*SUMS))
            written.append(made.with_name(f"labelled-{number:05d}.parquet"))
            rows.write_parquet(written[-1])
        if not written:
            return {}
        whole = made.with_name("labelled.parquet")
        landed.together(written, whole)
        self.labelled.write(f"{window.name}.parquet", whole)
        models, found = self._unlabelled(window), pl.concat(sums).group_by("__model__").agg(*ADDED)
        return {
            model: models[model] | {"labelled": labelled, "total": total, "newest": newest.isoformat()}
            for model, labelled, total, newest in found.iter_rows()
        }


def _sums(window: Window, facts: dict[str, Any]) -> Sums:
    newest = facts["newest"] and datetime.fromisoformat(facts["newest"]).replace(tzinfo=UTC)
    return Sums(window=window, rows=facts["rows"], labelled=facts["labelled"], total=facts["total"], newest=newest)
