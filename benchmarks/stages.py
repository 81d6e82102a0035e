"""The stages run by DVC, as SageMaker's jobs, and bare: what running them in order costs, side by side.

    python benchmarks/stages.py --python TEMPLATE_ENV/bin/python [--rounds 3]

All run the same five stages on the same simulated shop, in turns:

    bare        python -m ml STAGE, one after the other
    dvc         dvc repro --force
    nothing     dvc repro, when nothing has changed
    jobs        the compiled pipeline, executed in SageMaker's folders (four jobs, each laid out and handed over)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from loopwright.execution.execute import execute
from loopwright.execution.objects import Objects
from loopwright.graph.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("prepare", "probe", "train", "evaluate", "gates", "register")
DIGEST = "sha256:" + "a" * 64


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="of an environment with requirements/dev.txt")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "shop"
        new = [sys.executable, "-m", "loopwright", "new", str(folder), "--no-input", "--no-git"]
        subprocess.run(new, check=True, capture_output=True)
        compare(ways(folder, options.python.absolute(), Path(room)), options.rounds)


def ways(folder: Path, python: Path, room: Path) -> dict[str, Callable[[int], object]]:
    """Return what is timed, by name; each is given the number of its round."""
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": room.as_posix(), "DVC_NO_ANALYTICS": "1"}

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    definition, root = deployed(folder, room)
    run("dvc", "config", "--local", "core.no_scm", "true")
    return {
        "bare": lambda _: [run(str(python), "-m", "ml", stage) for stage in STAGES],
        "dvc": lambda _: run("dvc", "repro", "--force"),
        "nothing": lambda _: run("dvc", "repro"),
        "jobs": lambda number: execute(
            definition,
            parameters={"DataVersion": "1"},
            command=[str(python), "-m", "ml", "job"],
            root=root,
            name=f"round-{number}",
            environment={"PYTHONPATH": str(folder)},
        ),
    }


def deployed(folder: Path, room: Path) -> tuple[dict[str, object], Path]:
    """Return the training pipeline of the dev stack, and a folder with its buckets and the data in them."""
    graph = load(folder, "dev", settings={"shop:imageDigest": DIGEST}, python=Path(sys.executable), answers="concrete")
    pipelines = graph.of_type("aws:sagemaker/pipeline:Pipeline")
    text = next(node for node in pipelines if node.name == "training-pipeline").inputs["pipelineDefinition"]
    definition, root = json.loads(text), room / "aws"
    defaults = {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]}
    data, nobody = (Objects(root / "s3").path(defaults[name]) for name in ("DataUri", "ChampionUri"))
    shutil.copytree(folder / "data", data)
    probe = next(step for step in definition["Steps"] if step["Name"] == "probe")
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in probe["Arguments"]["ProcessingInputs"]}
    for empty in (nobody, Objects(root / "s3").path(inputs["logged"]) / "none"):
        empty.parent.mkdir(parents=True)
        empty.touch()
    return definition, root


def compare(timed: dict[str, Callable[[int], object]], rounds: int) -> None:
    """Run everything in turns and print medians as ratios to the bare stages.

    A first round is not counted: in it MLflow makes its database, and Python compiles what it imports.
    """
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(rounds + 1):
        for name, work in timed.items():
            begin = time.perf_counter()
            work(number)
            seconds[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<8} {median:6.1f} s  {median / medians['bare']:5.2f}x of the bare stages")


if __name__ == "__main__":
    main()
