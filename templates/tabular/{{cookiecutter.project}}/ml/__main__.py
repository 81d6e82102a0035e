"""The one entry point, on a laptop and in the image: `python -m ml COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each command imports only what it needs: the serving environment has no more than that.
COMMANDS = {
    "prepare": ("ml.prepare:main", "check and split the data (a stage of dvc.yaml)"),
    "train": ("ml.train:main", "fit the model (a stage)"),
    "evaluate": ("ml.evaluate:main", "judge it on the test rows (a stage)"),
    "gates": ("ml.gates:main", "ask every gate (a stage)"),
    "register": ("ml.register:main", "register the model that passed (a stage)"),
    "serve": ("ml.serve:main", "answer GET /ping and POST /invocations"),
    "versions": ("ml.registry:versions", "list the registered versions"),
    "promote": ("ml.registry:promote", "make VERSION (by default the challenger) the champion"),
    "rollback": ("ml.registry:rollback", "make the version that the champion replaced the champion again"),
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
    except LoopError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except FileNotFoundError as error:
        sys.stderr.write(f"error: {called.command} needs {error.filename}\n")
        sys.stderr.write("  because: an earlier stage makes it, or DVC fetches it\n  try: make run, or dvc pull\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
