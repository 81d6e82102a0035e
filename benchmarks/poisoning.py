"""Spoil the newest window of a repository's data, retrain, and ask its gates: python poisoning.py [--help].

Run it in a generated repository, with its environment. Each seed draws a moment of the past. The champion learned the
window before the last one; the challenger learns the last one, of which a share is spoilt: labels turned round (numbers
mirrored in their range), or one row with a wrong label in the place of others. Prints a line of JSON a seed and share:
the gates that reject. The gates of slices and latency are not asked, because they know nothing of labels.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path.cwd()))

from ml import baseline, judges, params, schema, tampering
from ml import contract as contracts
from ml.champions import Champion
from ml.evaluate import trivial
from ml.frames import as_declared
from ml.model import save
from ml.params import Run
from ml.prepare import checked, prepared
from ml.split import Keys
from ml.train import target, trained

DAYS = 60
"""The length of a window, to which comes twice the time that labels take: of the test, and of the tuning."""
MOST_CLASSES = 20
TRAINING = {"threads": 1, "rounds": 150, "patience": 15, "learning_rate": 0.1}
"""Quick settings: what is compared is models of the same settings."""
judges.RESAMPLES = 200


@dataclass(frozen=True)
class Study:
    """A repository's data, and how it makes models of it."""

    contract: contracts.Contract
    history: pl.DataFrame
    golden: pl.DataFrame
    room: Path

    @cached_property
    def keys(self) -> Keys:
        """What rows are split by."""
        return Keys.of(self.contract)

    @property
    def span(self) -> timedelta:
        """The length of a window."""
        return timedelta(days=DAYS) + 2 * self.keys.delay

    def moment(self, seed: int) -> datetime:
        """Return when a retraining is asked for: late enough for a champion and a challenger."""
        times = self.history[self.keys.time]
        first = times.min() + 2 * self.span + self.keys.delay
        return first + (times.max() - first) * float(np.random.default_rng(seed).uniform())

    def made(
        self, rows: pl.DataFrame, as_of: datetime, seed: int, name: str
    ) -> tuple[Path, Any, pl.DataFrame, pl.DataFrame]:
        """Learn what was known at a moment; return the model's folder, the model, and the rows around it."""
        how, folder = params.load(), self.room / name
        since = as_of - self.keys.delay - self.span
        within = Run(since=since.isoformat(), as_of=as_of.isoformat(), windows_days=str(self.span.days)).over(
            how.prepare
        )
        train, test, _ = prepared(rows, self.golden, self.contract, within, seed)
        quick = how.train.model_copy(update=TRAINING | {"seed": seed})
        made = trained(train, self.contract, how.model_copy(update={"train": quick}))
        shutil.rmtree(folder, ignore_errors=True)
        save(made.model, folder)
        made.inputs.save(folder)
        facts = baseline.baseline(train, made.inputs, made.unseen, made.model.facts, self.contract)
        baseline.save(facts, folder)
        return folder, made.model, train, test

    def rejects(self, rows: pl.DataFrame, now: datetime, seed: int, holder: Champion) -> list[str]:
        """Return which gates reject the challenger that learns ``rows``."""
        contract = self.contract
        folder, model, train, test = self.made(rows, now, seed, "challenger")
        judged = judges.judge(model, folder, test, contract)
        verdicts = [
            judges.minimum(contract.metric, judged),
            judges.baseline(contract.metric, judged, trivial(train, test, model, contract)),
            judges.sanity(judged, target(train[contract.target], model.facts.classes)),
            judges.golden(contract.gates.golden, contract, model, folder, train),
            *tampering.verdicts(contract, folder, judged, train, holder),
            judges.champion(contract, "challenger", judged, holder),
        ]
        return [verdict.gate for verdict in verdicts if not verdict.passed]

    def spoilt(self, now: datetime, kind: str, share: float, seed: int) -> pl.DataFrame:
        """Return the history with a share of the rows of the newest window spoilt."""
        rng = np.random.default_rng([seed, 1])
        since = now - self.span - self.keys.delay
        time = pl.col(self.keys.time)
        old, new = self.history.filter(time <= since), self.history.filter(time > since)
        hit = pl.Series(rng.random(new.height) < share)
        wrong = _turned(new[self.keys.target])
        columns = {self.keys.target: wrong}
        if kind == "constant":
            one = new[int(rng.integers(new.height))]
            apart = {self.keys.time, self.keys.entity, self.keys.target}
            columns = {
                name: one[name].extend_constant(one[name][0], new.height - 1)
                for name in new.columns
                if name not in apart
            }
            label = _turned(pl.concat([one[self.keys.target], new[self.keys.target]]))[:1]
            columns[self.keys.target] = label.extend_constant(label[0], new.height - 1)
        changed = [pl.when(hit).then(values).otherwise(new[name]).alias(name) for name, values in columns.items()]
        return pl.concat([old, new.with_columns(changed)])


def _turned(labels: pl.Series) -> pl.Series:
    """Return other labels: the next class, or the number mirrored in the range of all."""
    if labels.dtype.is_float() or labels.n_unique() > MOST_CLASSES:
        return labels.max() + labels.min() - labels
    classes = labels.drop_nulls().unique().sort().to_list()
    return labels.replace_strict(classes, [*classes[1:], classes[0]], return_dtype=labels.dtype)


def study(room: Path) -> Study:
    """Read the repository that this runs in."""
    contract = contracts.load()
    read = [
        as_declared(pl.read_parquet(path), schema.SCHEMA)
        for path in ("data/history.parquet", contract.gates.golden.path)
    ]
    history, golden = map(checked, read)
    return Study(contract, history.sort(contract.time_column), golden, room)


def main() -> None:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kind", choices=["flipped", "constant"], default="flipped")
    parser.add_argument("shares", nargs="*", type=float, default=[0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        here = study(Path(room))
        for seed in range(options.first, options.first + options.seeds):
            now = here.moment(seed)
            folder, _, train, _ = here.made(here.history, now - here.span, seed, "champion")
            until = str(train[here.keys.time].max())
            holder = Champion(name="the champion", sha256="champion", train_until=until, fetch=partial(Path, folder))
            for share in options.shares:
                rejects = here.rejects(here.spoilt(now, options.kind, share, seed), now, seed, holder)
                found = {"seed": seed, "now": now.isoformat(), "kind": options.kind, "share": share, "rejects": rejects}
                sys.stdout.write(json.dumps(found) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
