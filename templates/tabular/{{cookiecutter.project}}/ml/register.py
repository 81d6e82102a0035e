"""Stage: register the model that passed the gates, and with `approval: auto` make it the champion."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ml import contract as contracts
from ml.errors import LoopError
from ml.paths import GATES, REGISTERED, RUN
from ml.registry import CHALLENGER, CHAMPION, ROLLED_BACK, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence


class RegisterError(LoopError):
    """The model may not be registered."""


def main(_arguments: Sequence[str] = ()) -> None:
    """Run the stage.

    Raises:
        RegisterError: The model did not pass the gates.
    """
    contract, gates = contracts.load(), json.loads(GATES.read_text(encoding="utf-8"))
    if not gates["passed"]:
        raise RegisterError(
            "the model is not registered", because=f"{GATES} says that a gate failed", attempt="see reports/gates.md"
        )
    run = json.loads(RUN.read_text(encoding="utf-8"))
    registry = Registry(contract.project)
    version = registry.register(run["run_id"], run["tags"])
    alias = CHALLENGER
    # Somebody took this very model back once: to promote it again is for a person to decide.
    if contract.approval == "auto" and ROLLED_BACK not in version.tags:
        registry.promote(version.number)
        alias = CHAMPION
    report = {"name": contract.project, "version": version.number, "alias": alias, "model_sha256": version.sha256}
    REGISTERED.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"  version {version.number} of {contract.project} is the {alias}\n")
