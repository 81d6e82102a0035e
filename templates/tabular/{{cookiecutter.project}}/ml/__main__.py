"""The one entry point, on a laptop and in the image: `python -m ml COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from ml.errors import LoopError, short

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each command imports only what it needs: the serving environment has no more than that.
COMMANDS = {
    "prepare": ("ml.prepare:main", "check and split the data (a stage of dvc.yaml)"),
    "probe": ("ml.probe:main", "try windows against the champion; choose one, or end the run (a stage)"),
    "train": ("ml.train:main", "fit the model (a stage)"),
    "evaluate": ("ml.evaluate:main", "judge it on the test rows (a stage)"),
    "gates": ("ml.gates:main", "ask every gate (a stage)"),
    "register": ("ml.register:main", "register the model that passed (a stage)"),
    "job": ("ml.job:main", "run a stage on what a platform laid out (the image's entry point)"),
    "serve": ("ml.serve:main", "answer GET /ping and POST /invocations"),
    "monitor": ("ml.monitor:main", "watch what was served (on AWS: a daily job)"),
    "versions": ("ml.registry:versions", "list the registered versions"),
    "promote": ("ml.registry:promote", "make VERSION (by default the challenger) the champion"),
    "rollback": ("ml.registry:rollback", "make the version that the champion replaced the champion again"),
    "matrix": ("ml.backtest.matrix:main", "train and judge models of many days (loopwright backtest plays on them)"),
    "backtest": ("ml.backtest.page:main", "draw the page of a backtest"),
    "rehearsal": ("ml.rehearsal.page:main", "draw the page of a rehearsal"),
    "fetch": ("ml.registry:fetch", "put the champion's model into FOLDER"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for an expected failure, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m ml", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "\n".join(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items())
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    called = parser.parse_args(arguments)
    module, _, function = COMMANDS[called.command][0].partition(":")
    try:
        getattr(importlib.import_module(module), function)(called.arguments)
    except Exception as error:
        told = expected(error, called.command)
        if told is None:
            raise
        sys.stderr.write(f"error: {told}\n")
        return 1
    return 0


def expected(error: Exception, command: str) -> LoopError | None:
    """Return what to tell of a failure that is no fault of the program; None for any other."""
    if isinstance(error, LoopError):
        return error
    if isinstance(error, FileNotFoundError):
        because = "an earlier stage makes it, or DVC fetches it"
        return LoopError(f"{command} needs {error.filename}", because=because, attempt="make run, or dvc pull")
    # By name: MLflow takes seconds to import, and is not there where the model is served.
    if type(error).__module__.startswith("mlflow."):
        attempt = "mend or unset MLFLOW_TRACKING_URI, and run it again"
        return LoopError("the tracking server does not do what was asked", because=short(error), attempt=attempt)
    return None


if __name__ == "__main__":
    sys.exit(main())
