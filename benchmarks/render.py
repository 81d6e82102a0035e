"""Time of ``loopwright new`` against cookiecutter and copier on the same tree, and of ``--help``.

Whole processes, taking turns, so that a busy moment of the machine hits all of them, with warm bytecode caches as an
installed program has them. The peers render a copy of the template to which every other file of a generated repository
(data, licence, contract) was added, so that all write the same files. Ours also simulates the data and infers the
contract in that time; "data ready" is ours with that work done before, which is what the peers do.

    python benchmarks/render.py [--runs 11] [--copier PATH_OF_THE_COPIER_COMMAND]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loopwright.repository.catalog import BODY, find
from loopwright.repository.render import TAG

BIN = Path(sys.executable).parent
READY = """
import shutil, sys
from pathlib import Path
from types import SimpleNamespace
from loopwright import cli, new
from loopwright.contract.summary import Found
from loopwright.repository.project import Data
from loopwright.tables.simulate import SOURCE

tree = Path({tree!r})

def ready(answers, staged, step):
    for name in ("history.parquet", "golden.parquet"):
        shutil.copyfile(tree / "data" / name, staged.scratch / name)
    return Data(
        history=staged.scratch / "history.parquet",
        golden=staged.scratch / "golden.parquet",
        source=SOURCE,
        source_sha256="",
        renamed={{}},
        loop_yaml=(tree / "loop.yaml").read_text(),
        schema_py=(tree / "ml" / "schema.py").read_text(),
    ), SimpleNamespace(warnings=())

nothing = Found(rows=0, task="", target="", balance={{}}, metric="", limit=0, columns=())
new._data, new.summarize = ready, lambda inference: nothing
cli.main()
"""
TAGS = re.compile(r"{{ cookiecutter\.(\w+)[^}]*}}")


def main() -> None:
    """Prepare the templates, run, print."""
    parser = argparse.ArgumentParser(description="Time rendering against cookiecutter and copier.")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--copier", type=Path, help="the copier command of an environment that has it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        commands = {"loopwright new": [BIN / "loopwright", "new", "{out}", "--no-input", "--no-git"]}
        tree = work / "tree" / "shop"
        subprocess.run(_filled(commands["loopwright new"], tree), check=True, capture_output=True)
        (work / "ready.py").write_text(READY.format(tree=str(tree)))
        commands["  with the data ready"] = [sys.executable, work / "ready.py", *commands["loopwright new"][1:]]
        commands["cookiecutter"] = [
            BIN / "cookiecutter",
            "--no-input",
            "-o",
            "{out}",
            for_cookiecutter(tree, work / "c"),
        ]
        if options.copier:
            commands["copier"] = [
                options.copier,
                "copy",
                "--defaults",
                "--quiet",
                for_copier(tree, work / "k"),
                "{out}",
            ]
        else:
            print("copier: skipped; give --copier PATH to compare with it")
        show(timed(commands, options.runs, work), against="cookiecutter", tree=tree)
        starts = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "loopwright --help": [BIN / "loopwright", "--help"],
            "cookiecutter --help": [BIN / "cookiecutter", "--help"],
        }
        show(timed(starts, options.runs, work), against="python -c pass", tree=None)


def for_cookiecutter(tree: Path, root: Path) -> Path:
    """Return a cookiecutter template that makes ``tree``; only the files with a tag are rendered, as we do it."""
    template = find()
    body = root / BODY
    shutil.copytree(tree, body)
    tagged = _tagged()
    for path in tagged:
        shutil.copyfile(template.body / path, body / path)
    plain = [str(file.relative_to(body)) for file in body.rglob("*") if file.is_file()]
    settings = json.loads((template.root / "cookiecutter.json").read_text())
    settings["_copy_without_render"] = [path for path in plain if Path(path) not in tagged]
    (root / "cookiecutter.json").write_text(json.dumps(settings))
    return root


def for_copier(tree: Path, root: Path) -> Path:
    """Return a copier template that makes ``tree``: copier's names, and its suffix on the files with a tag."""
    template = find()
    shutil.copytree(tree, root)
    for path in _tagged():
        (root / path).unlink()
        (root / f"{path}.jinja").write_text(TAGS.sub(r"{{ \1 }}", (template.body / path).read_text()))
    settings = json.loads((template.root / "cookiecutter.json").read_text())
    questions = {key: {"type": "str", "default": value} for key, value in settings.items() if not key.startswith("_")}
    (root / "copier.yml").write_text(json.dumps(questions))
    return root


def timed(commands: dict[str, list[str | Path]], runs: int, work: Path) -> dict[str, list[float]]:
    """Return the seconds of each run of each command, the commands taking turns; the first turn only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PYTHONPYCACHEPREFIX": str(work / "bytecode")}
    for turn in range(runs + 1):
        for name, command in commands.items():
            out = work / "out"
            start = time.perf_counter()
            subprocess.run(_filled(command, out), check=True, capture_output=True, env=environment)
            if turn:
                seconds[name].append(time.perf_counter() - start)
            shutil.rmtree(out, ignore_errors=True)
    return seconds


def show(seconds: dict[str, list[float]], *, against: str, tree: Path | None) -> None:
    """Print medians, extremes and ratios."""
    if tree:
        print(f"\n{sum(path.is_file() for path in tree.rglob('*'))} files")
    base = statistics.median(seconds[against])
    print(f"\n{'':22}{'median':>10}{'least':>10}{'most':>10}   times {against}")
    for name, runs in seconds.items():
        middle = statistics.median(runs)
        print(
            f"{name:22}"
            + "".join(f"{value * 1000:7.0f} ms" for value in (middle, min(runs), max(runs)))
            + f"{middle / base:10.2f}"
        )


def _tagged() -> set[Path]:
    template = find()
    return {file.relative_to(template.body) for file in template.files() if TAG in file.read_bytes()}


def _filled(command: list[str | Path], out: Path) -> list[str]:
    return [str(word).replace("{out}", str(out)) for word in command]


if __name__ == "__main__":
    main()
