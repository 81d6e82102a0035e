"""Stage: the gates. A model that fails one is not registered.

`reports/gates.json` and a table for people hold every verdict with its figures; the run is tracked either way.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import polars as pl

from ml import contract as contracts
from ml import hashes, judges, latency, params, tracking
from ml.artefact import digest
from ml.errors import LoopError
from ml.model import load
from ml.paths import ARCHIVE, GATES, GATES_TABLE, METRICS, MODEL, PLOTS, REPORTS, RUN, TEST, TRAIN
from ml.registry import Registry
from ml.train import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contract import Contract
    from ml.judges import Verdict


class GateError(LoopError):
    """The model failed a gate."""


def main(_arguments: Sequence[str] = ()) -> None:
    """Run the stage.

    Raises:
        GateError: A gate failed; its figures are in `reports/gates.json` all the same.
    """
    contract, sha256 = contracts.load(), digest(MODEL)
    verdicts = judged(contract, sha256)
    write(verdicts, sha256)
    track(contract, verdicts, sha256)
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if failed:
        raise GateError(
            f"{len(failed)} of {len(verdicts)} gates failed; the model is not registered",
            because="; ".join(f"{verdict.gate}: {verdict.note}" for verdict in failed),
            attempt="a better model, or another limit in loop.yaml if this one asks too much",
        )


def judged(contract: Contract, sha256: str) -> list[Verdict]:
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
    verdicts.append(judges.champion(contract, sha256, test, Registry(contract.project)))
    verdicts.append(latency.gate(gates.latency, MODEL, test.frame))
    return verdicts


def write(verdicts: Sequence[Verdict], sha256: str) -> None:
    """Write the verdicts for machines and for people, and say them."""
    REPORTS.mkdir(exist_ok=True)
    passed = all(verdict.passed for verdict in verdicts)
    archive = hashes.sha256(ARCHIVE) if ARCHIVE.is_file() else None
    report = {
        "passed": passed,
        "model_sha256": sha256,
        "artefact_sha256": archive,
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


def track(contract: Contract, verdicts: Sequence[Verdict], sha256: str) -> None:
    """Log the run: parameters, contract, metrics, verdicts, lineage, model, reports and plots."""
    passed = all(verdict.passed for verdict in verdicts)
    tags = tracking.tags(sha256) | {"gates": "passed" if passed else "failed"}
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


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
