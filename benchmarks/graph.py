"""Time and memory to evaluate the Pulumi program: one stack, and programs with 1, 10 and 100 models in one stack.

The larger programs are this one with its loop built again under other names, so that a hundred models have a hundred
times the resources. Linear is a ratio near 1 in the last column.

    python benchmarks/graph.py [--runs 3] [--models 1 10 100]
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loopwright.graph import evaluate
from loopwright.repository.catalog import bundled, find

DIGEST = "sha256:" + "0" * 64
PARTS = ("ml", "loop.yaml", "dvc.yaml", "params.yaml")


def main() -> None:
    """Build the projects, run, print."""
    parser = argparse.ArgumentParser(description="Time the evaluation of the Pulumi program.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 10, 100])
    options = parser.parse_args()
    print(f"{'models':>6} {'resources':>9} {'seconds':>8} {'MiB':>6} {'ms/resource':>11} {'against the first':>17}")
    first = 0.0
    for models in options.models:
        with tempfile.TemporaryDirectory() as folder:
            infra = project(Path(folder), models)
            runs = [evaluated(infra) for _ in range(options.runs)]
        seconds, resources = statistics.median(run[0] for run in runs), runs[0][1]
        each = seconds / resources * 1000
        first = first or each
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{models:6} {resources:9} {seconds:8.2f} {peak:6.0f} {each:11.2f} {each / first:17.2f}")


def project(folder: Path, models: int) -> Path:
    """Make a repository whose program has this many loops and return its `infra/`."""
    body = find().body
    for part in PARTS:
        copy = shutil.copytree if (body / part).is_dir() else shutil.copy
        copy(body / part, folder / part)
    infra = shutil.copytree(bundled("infra"), folder / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    (infra / "__main__.py").write_text(again((infra / "__main__.py").read_text(), models))
    return infra


def again(program: str, models: int) -> str:
    """Return a program that does all but its imports ``models`` times, each time under other names."""
    tree = Numbered().visit(ast.parse(program))
    split = next(number for number, line in enumerate(tree.body) if isinstance(line, ast.Assign))
    loop = ast.parse(f"for model in range({models}): pass").body[0]
    loop.body = tree.body[split:]
    return ast.unparse(ast.fix_missing_locations(ast.Module(body=[*tree.body[:split], loop], type_ignores=[])))


class Numbered(ast.NodeTransformer):
    """Numbers the project of the names, and the name that each component and the provider is given."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Number the first argument of whatever is made, and what `Names` is given."""
        called = ast.unparse(node.func)
        named = node.args and isinstance(node.args[0], ast.Constant) and len(node.args) > 1
        if (called[0].isupper() and named) or called == "aws.Provider":
            node.args[0] = ast.parse(f"{ast.unparse(node.args[0])} + str(model)", mode="eval").body
        if called == "Names":
            node.keywords[0].value = ast.parse("f'm{model}'", mode="eval").body
        self.generic_visit(node)
        return node


def evaluated(infra: Path) -> tuple[float, int]:
    """Return the seconds of one evaluation and the number of resources."""
    command = [sys.executable, evaluate.__file__, infra, "prod", "--set", f"shop:imageDigest={DIGEST}"]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    return seconds, sum(node["kind"] == "resource" for node in json.loads(done.stdout)["nodes"])


if __name__ == "__main__":
    main()
