"""Run a program that lies beside this file in a project: ``PYTHON start.py NAME ARGUMENT...``, started in its folder.

The project's python runs this file, so it imports nothing of Loopwright.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    _, name, *arguments = sys.argv
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__")
