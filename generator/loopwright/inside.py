"""Run a package of ours in a project: ``PYTHON inside.py PACKAGE PROJECT`` with what ``run.py`` reads on stdin.

The project's own python runs this file, so it imports nothing of Loopwright.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "loopwright_inside"
"""A name that no module of a project has."""


def _main() -> int:
    folder, project = map(Path, sys.argv[1:])
    sys.path[:0] = [str(project), str(project / "infra")]
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec, folder  # noqa: S101 - the file is there
    sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    return int(importlib.import_module(f"{_NAME}.run").main())


if __name__ == "__main__":
    sys.exit(_main())
