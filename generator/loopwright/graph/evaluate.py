"""Run a Pulumi program without an engine and print what it asks for, as one JSON document on stdout.

    python evaluate.py INFRA_DIR STACK [--set key=value ...] [--answers tokens|concrete]

The project's own python runs this file, so it imports nothing of Loopwright. The program runs against a monitor that
answers every property a provider would compute with a token, ``<<ref:/TYPE::NAME#property/-ref>>``. A token says which
property of which resource was meant, and survives concatenation, formatting and JSON. Cutting one leaves a fragment
that cannot be mistaken for anything else. With ``--answers concrete`` the answers are plausible values instead: a
program that builds another graph from them has looked into a value it cannot know yet.

Secrets never reach the document: a marker, ``<<secret:/WHERE/-secret>>``, stands for each.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

_NAME = "loopwright_evaluator"
"""A name that no module of a program has."""


def _main() -> int:
    folder = Path(__file__).with_name("evaluator")
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec, folder  # noqa: S101 - the file is there
    sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    return int(importlib.import_module(f"{_NAME}.run").main())


if __name__ == "__main__":
    code = _main()
    sys.stderr.flush()
    os._exit(code)  # taking thousands of resources apart politely takes seconds
