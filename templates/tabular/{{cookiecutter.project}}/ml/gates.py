"""Stage: the gates. A model that fails one is not registered.

`reports/gates.json` and a table for people hold every verdict with its figures; the run is tracked either way.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl

from ml import champions, hashes, judges, latency, params, tampering, tracking
from ml import contract as contracts
from ml.artefact import digest
from ml.card import output
from ml.errors import LoopError
from ml.model import load
from ml.paths import ARCHIVE, GATES, GATES_TABLE, METRICS, MODEL, PLOTS, REPORTS, RUN, TEST, TRAIN
from ml.registry import Registry
from ml.train import target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.champions import Champion
    from ml.contract import Contract
    from ml.judges import Verdict


class GateError(LoopError):
    """The model failed a gate."""


def main(arguments: Sequence[str] = ()) -> None:
    """Run the stage.

    Raises:
        GateError: A gate failed; its figures are in `reports/gates.json` all the same.
    """
    parser = argparse.ArgumentParser(prog="python -m ml gates")
    parser.add_argument(
        "--champion",
        action="store_true",
        help="a platform laid out the champion and reads the verdict itself: a failed gate is no failure of the job",
    )
    on_platform = parser.parse_args(list(arguments)).champion
    contract, sha256 = contracts.load(), digest(MODEL)
    tags = tracking.tags(sha256)
    holder = champions.laid_out() if on_platform else champions.registered(Registry(contract.project))
    verdicts = judged(contract, sha256, holder)
    write(verdicts, tags)
    # Without a server, the runs of a job would be lost with its disk.
    tracked = not on_platform or os.environ.get("MLFLOW_TRACKING_URI")
    run = track(contract, verdicts, tags) if tracked else None
    card = output.write(contract, run)
    if run:
        tracking.attach(run, card)
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if failed and not on_platform:
        raise GateError(
            f"{len(failed)} of {len(verdicts)} gates failed; the model is not registered",
            because=reason(verdicts),
            attempt="a better model, or another limit in loop.yaml if this one asks too much",
        )


def reason(verdicts: Sequence[Verdict]) -> str:
    """Return why a model is not registered; `all gates passed` if it is."""
    failed = [f"{verdict.gate}: {verdict.note}" for verdict in verdicts if not verdict.passed]
    return "; ".join(failed) or "all gates passed"


def judged(contract: Contract, sha256: str, holder: Champion | None) -> list[Verdict]:
    """Return the verdict of every gate that the contract asks for, the cheap ones first."""
    model, train = load(MODEL), pl.read_parquet(TRAIN)
    test = judges.judge(model, MODEL, pl.read_parquet(TEST), contract)
    baselines = json.loads(METRICS.read_text(encoding="utf-8"))["baselines"]
    gates = contract.gates
    verdicts = [
        judges.minimum(contract.metric, test),
        judges.baseline(contract.metric, test, baselines),
        judges.sanity(test, target(train[contract.target], model.facts.classes)),
    ]
    if gates.golden is not None:
        verdicts.append(judges.golden(gates.golden, contract, model, MODEL, train))
    if gates.bias is not None:
        verdicts.append(judges.bias(gates.bias, contract.metric, test))
    verdicts += tampering.verdicts(contract, MODEL, test, train, holder)
    verdicts.append(judges.champion(contract, sha256, test, holder))
    verdicts.append(latency.gate(gates.latency, MODEL, test.frame))
    return verdicts


def write(verdicts: Sequence[Verdict], tags: Mapping[str, str]) -> None:
    """Write the verdicts and the lineage for machines, the verdicts for people, and say them."""
    REPORTS.mkdir(exist_ok=True)
    passed = all(verdict.passed for verdict in verdicts)
    archive = hashes.sha256(ARCHIVE) if ARCHIVE.is_file() else None
    report = {
        "passed": passed,
        "reason": reason(verdicts),
        "artefact_sha256": archive,
        **tags,
        "gates": [asdict(verdict) for verdict in verdicts],
    }
    GATES.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    rows = ["| gate | verdict | value | limit | note |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        word = "pass" if verdict.passed else "FAIL"
        note = verdict.note.replace("|", "\\|")
        rows.append(f"| {verdict.gate} | {word} | {_figure(verdict.value)} | {_figure(verdict.limit)} | {note} |")
        sys.stdout.write(f"  {word}  {verdict.gate:<9} {verdict.note}\n")
    GATES_TABLE.write_text("\n".join(rows) + "\n", encoding="utf-8")


def track(contract: Contract, verdicts: Sequence[Verdict], tags: Mapping[str, str]) -> str:
    """Log the run: parameters, contract, metrics, verdicts, lineage, model, reports and plots; return its id."""
    passed = all(verdict.passed for verdict in verdicts)
    tags = {**tags, "gates": "passed" if passed else "failed"}
    values = json.loads(METRICS.read_text(encoding="utf-8"))
    metrics = values["metrics"] | {f"gate.{v.gate}": v.value for v in verdicts if v.value is not None}
    metrics |= {f"baseline.{name.replace(' ', '_')}": value for name, value in values["baselines"].items()}
    run = tracking.log_run(
        contract.project,
        params=params.load().model_dump() | {"contract": contract.model_dump(include={"metric", "gates", "quality"})},
        metrics=metrics,
        tags=tags,
        folders=[MODEL, PLOTS],
        files=[GATES, GATES_TABLE, METRICS],
    )
    RUN.write_text(json.dumps({"run_id": run, "tags": tags}, indent=1) + "\n", encoding="utf-8")
    return run


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
