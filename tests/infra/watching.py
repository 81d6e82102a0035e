"""Runs in a generated repository: make a served model and what was asked of it, or run the monitor and tell its calls.

python watching.py prepare FOLDER     a packed model, captured requests of two periods, and labels, below FOLDER
python watching.py watch WORD ...     the monitor with these words; the last line is its exit code and calls, as JSON
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

sys.path.insert(0, "")  # the repository, which is the working directory

import boto3
from botocore import xform_name
from tests.sample import sample
from tests.watched import EVERY, FIRST, Watch, complete, enough, ripe

from ml import __main__ as entry
from ml import baseline, params, train
from ml import contract as contracts
from ml.model import save


def prepare(folder: Path) -> None:
    """Train a model, ask it in two periods, and label the first."""
    contract, model = contracts.load(), folder / "model"
    rows = sample(900, seed=2).drop_nulls(contract.target)
    made = train.trained(rows, contract, params.load())
    save(made.model, model)
    made.inputs.save(model)
    baseline.save(baseline.baseline(rows, made.inputs, made.unseen, made.model.facts, contract), model)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as packed:
        for path in model.iterdir():
            packed.add(path, path.name)
    watch, asked = Watch(folder, model), rows.head(enough())
    names = watch.ask(asked, FIRST)
    watch.ask(asked, FIRST + EVERY)
    watch.write(FIRST + EVERY, ["no request"])  # something to put into quarantine
    watch.label(names, asked[contract.target], "labels")
    times = {"first": complete(FIRST), "second": complete(FIRST, 2), "due": ripe(FIRST)}
    sys.stdout.write(json.dumps({name: time.isoformat() for name, time in times.items()}) + "\n")


def watch(*words: str) -> None:
    """Run the monitor, and note every call that its clients make."""
    calls: list[Any] = []
    original = boto3.client

    def client(service: str, **how: Any) -> Any:
        made = original(service, **how)

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            told = {name: value for name, value in params.items() if isinstance(value, str)}
            calls.append((service, xform_name(model.name), told))

        made.meta.events.register("provide-client-params.*.*", note)
        return made

    boto3.client = client
    code = entry.main(["monitor", *words])
    sys.stdout.write(json.dumps({"code": code, "calls": calls}) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]))
    else:
        watch(*sys.argv[2:])
