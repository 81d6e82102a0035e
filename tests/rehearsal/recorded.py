"""Records for tests: of the real handlers in the accounts of the simulation, and of the reports of a pipeline."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loopwright.rehearsal.record import origins, verdicts
from loopwright.rehearsal.record.chain import Record
from loopwright.rehearsal.record.check import replay

ROOT = Path(__file__).parents[2]
SIMULATION = str(ROOT / "tests" / "simulation")
if SIMULATION not in sys.path:
    sys.path.append(SIMULATION)

import drills  # noqa: E402 - found by the line above
import schedules  # noqa: E402
from fakes import DIGEST, START  # noqa: E402
from handlers import aws, controller, deployer  # noqa: E402

TEMPLATE = ROOT / "templates" / "tabular" / "{{cookiecutter.project}}"
STACK = "dev"
PYTHON = Path(sys.executable)


def project(folder):
    """Copy what a replay needs of a generated repository."""
    shutil.copytree(ROOT / "infra" / "mlops" / "handlers", folder / "infra" / "mlops" / "handlers")
    for name in ("Pulumi.yaml", f"Pulumi.{STACK}.yaml", "mlops/__init__.py"):
        shutil.copy(ROOT / "infra" / name, folder / "infra" / name)
    (folder / "ml").mkdir()
    for name in ("loop.yaml", "ml/__init__.py", "ml/contract.py", "ml/errors.py"):
        shutil.copy(TEMPLATE / name, folder / name)
    return folder


@dataclass
class Listener:
    """Both handlers' decisions as they were really made, in the order of the documents that tell them."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    """What `decide` was called with for each of the documents."""

    def listen(self, patch):
        for module in (controller, deployer):
            patch.setattr(module, "decide", self._heard(module.decide))
        patch.setattr(aws.Teller, "tell", self._told(aws.Teller.tell))

    def _heard(self, decide):
        def hear(*arguments):
            self.last = arguments
            return decide(*arguments)

        return hear

    def _told(self, tell):
        def hear(teller, wake, decision, metrics):
            document = tell(teller, wake, decision, metrics)
            self.documents.append(document)
            self.asked.append(self.last)
            return document

        return hear


def simulated(patch, seeds):
    """Play schedules of faults, people and time to the handlers; return what they decided, and from what."""
    stage, listener = drills.stage_for_handlers(patch), Listener()
    listener.listen(patch)
    for seed in seeds:
        drills.play(drills.Loopwright(), schedules.draw(seed), stage)
    return listener


def opened(folder):
    """Return the facts of a record's first line."""
    return {
        "project": "churn",
        "stack": STACK,
        "seed": 7,
        "scenario": None,
        "contract_sha256": origins.contract(folder),
        "handlers_sha256": origins.handlers(folder),
        "graph_sha256": "1" * 64,
        "data_sha256": "2" * 64,
        "image": origins.image(folder, STACK),
    }


def decision(document):
    """Return the facts of a line for what a handler returned."""
    return {"component": document["component"], "woken_by": document["woken_by"], "decision": document}


def write(path, folder, lines, *, closed=True):
    """Write a record of pairs of a kind and its facts."""
    with Record(path) as record:
        record.append("opened", START, **opened(folder))
        for kind, facts in lines:
            record.append(kind, START, **facts)
        if closed:
            record.close(START)
    return path


def replayed(tmp_path, folder, *kept):
    """Replay a record of pairs of a kind and facts."""
    return replay(folder, write(tmp_path / "record.jsonl", folder, kept), python=PYTHON)


def named(found):
    return [(each.line, each.field, each.recorded, each.now) for each in found.differences]


def verdict(gate, passed, value=None, limit=None, **more):
    """Return a verdict as `reports/gates.json` has it."""
    return {"gate": gate, "passed": passed, "value": value, "limit": limit, "note": "", "slices": [], **more}


GATES = [
    verdict("metric", True, 0.48, 0.48),
    verdict("baseline", True, 0.48, 0.42),
    verdict("sanity", True),
    verdict("golden", False, 0.42, 0.42),
    verdict(
        *("bias", True, 0.1, 0.1),
        slices=[
            {"column": "country", "value": "no", "rows": 100, "gap": 0.2, "sure": 0.1},
            {"column": "country", "value": "se", "rows": 90, "gap": 0.1, "sure": 0.0},
        ],
    ),
    verdict("signal", True, 0.2, 0.2),
    verdict("repeats", False, 0.5, 0.2),
    verdict("champion", False, 0.0, 0.0),
    verdict("latency", True, 12.3456, 50.0, note="p99 12.3456 ms over 400 requests"),
]
"""Of each gate one verdict, most of them at the limit."""


def contract():
    return yaml.safe_load((TEMPLATE / "loop.yaml").read_text())


def judged(gates=GATES):
    """Return the facts of the gates of an execution."""
    report = {"passed": all(each["passed"] for each in gates), "gates": gates}
    return verdicts.gates("e1", report, contract())


def probed(go, gain, needed=0.02, reason="drift"):
    """Return the facts of an execution whose probe found a gain."""
    found = verdicts.probe({"go": go, "gain": gain, "needed": needed, "candidates": []})
    known = dict.fromkeys(("data_version", "window_sha256", "data_sha256"), "3" * 64)
    return {"name": "e1", "reason": reason, "status": "Succeeded", "probe": found, **known}


REGISTERED = {
    "version": 1,
    "execution": "e1",
    "model_sha256": "4" * 64,
    "artefact_sha256": "5" * 64,
    "image": DIGEST,
    "approval": "Approved",
    "approved_by": "the contract",
}
ROLLOUT = {"version": 1, "outcome": "live", "because": "no alarm fired while it baked"}
FAULT = {"scenario": "failing-canary", "what": "every tenth answer is an error", "mended": False}
