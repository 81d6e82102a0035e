"""Compile: `python -m mlops.pipelines [--check]`, with the SageMaker SDK; `make compile` calls it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path

import yaml

from mlops.pipelines.source import DEFINITIONS, SOURCE, as_text, source
from mlops.pipelines.stages import stages

# The SDK asks for a region when it is imported, and looks up roles unless it is told not to. Nothing here is asked of
# AWS, so whoever's credentials lie around must not be used either.
OFFLINE = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none"),
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAGEMAKER_VALIDATE_ROLE": "false",
}


def main() -> int:
    """Write the definitions, or with `--check` compare them; 3 when they differ."""
    parser = argparse.ArgumentParser(prog="python -m mlops.pipelines", description="Compile dvc.yaml for SageMaker.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 3 when a definition is stale")
    parser.add_argument("--dvc", type=Path, default=Path("dvc.yaml"), help="the stages (default: %(default)s)")
    options = parser.parse_args()
    made = compiled(options.dvc)
    stale = [name for name, text in made.items() if not _same(DEFINITIONS / name, text)]
    for name in stale:
        if not options.check:
            DEFINITIONS.mkdir(exist_ok=True)
            (DEFINITIONS / name).write_text(made[name], encoding="utf-8")
        sys.stdout.write(f"{'stale' if options.check else 'written'}: infra/definitions/{name}\n")
    return 3 if options.check and stale else 0


def compiled(dvc: Path) -> dict[str, str]:
    """Return the text of every file of `definitions/`."""
    os.environ.update(OFFLINE)
    logging.disable(logging.WARNING)
    from mlops.pipelines import author  # noqa: PLC0415 - five seconds, and only once the environment is set

    found = stages(yaml.safe_load(dvc.read_text(encoding="utf-8")))
    texts = {"training": as_text(author.training(found)), "monitor": as_text(author.monitor())}
    made_of = source(found, texts) | {"sagemaker": version("sagemaker")}
    return {f"{name}.json": text for name, text in texts.items()} | {SOURCE: as_text(made_of)}


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
