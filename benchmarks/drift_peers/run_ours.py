"""Ours: count a Parquet file by the buckets of a saved baseline, and compare. Run with the generated project's Python.

python run_ours.py save FOLDER       leave `baseline.json` of the reference, as training does
python run_ours.py saved FOLDER      what the monitor does: read the baseline, count the current rows, compare
python run_ours.py both FOLDER       what the peers do: freeze the buckets and count the reference, too
"""

from __future__ import annotations

import sys
from pathlib import Path

from ml import baseline, losses
from ml.drift import buckets
from ml.drift.compare import compare
from ml.drift.measure import measure
from ml.drift.profile import Profile
from ml.drift.reference import Reference

NOTHING = Reference(profile=Profile(features=(), rows=0, counts={}), own={}, block_rows=0)


def save(folder: Path) -> None:
    """Leave the baseline."""
    inputs = _reference(folder / "reference.parquet")
    quality = losses.Quality(loss="log_loss", rows=0, mean=0.0, deviation=0.0, between=0.0, blocks=0)
    rows = inputs.profile.rows
    found = baseline.Baseline(rows=rows, since=None, until=None, inputs=inputs, predictions=NOTHING, quality=quality)
    baseline.save(found, folder)


def saved(folder: Path) -> None:
    """Compare with the saved baseline."""
    _compare(baseline.load(folder).inputs, folder)


def both(folder: Path) -> None:
    """Compare with a reference that is read now."""
    _compare(_reference(folder / "reference.parquet"), folder)


def _compare(reference: Reference, folder: Path) -> None:
    report = compare(reference, measure(folder / "current.parquet", reference.profile.features))
    print(f"{len(report.judged)} features judged, {sum(move.drifting for move in report.judged)} drifting")


def _reference(path: Path) -> Reference:
    """Freeze a column at a time, which takes the memory of one."""
    import polars as pl  # noqa: PLC0415 - who reads a baseline does not wait for it

    features = []
    for name, of_type in pl.read_parquet_schema(path).items():
        freeze = buckets.categorical if of_type == pl.String else buckets.numeric
        features.append(freeze(name, pl.read_parquet(path, columns=[name])[name]))
    return Reference(profile=measure(path, features), own={}, block_rows=0)


if __name__ == "__main__":
    {"save": save, "saved": saved, "both": both}[sys.argv[1]](Path(sys.argv[2]))
