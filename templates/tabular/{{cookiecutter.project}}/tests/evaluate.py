"""Run the Pulumi program under Pulumi's own mocks and print what it asks for: python evaluate.py STACK [key=value ...].

A process of its own for each run: the program and the SDK keep much in modules that a second run would meet again.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import sys
from pathlib import Path

import pulumi
import yaml
from pulumi.runtime import mocks, stack

INFRA = Path(__file__).parents[1] / "infra"
ANSWERS = {"accountId": "123456789012", "partition": "aws", "region": "eu-west-1"}


class Recorder(mocks.Mocks):
    """Answers as AWS would, as far as the program looks, and keeps what was asked for."""

    def __init__(self):
        self.found = []

    def new_resource(self, args):
        self.found.append({"type": args.typ.rpartition(":")[2], "name": args.name, "inputs": plain(args.inputs)})
        known = {"arn": f"arn:aws:x:::{args.name}", "keyId": "0", "repositoryUrl": "registry/image", "url": "queue"}
        return args.name, args.inputs | known

    def call(self, args):
        return ANSWERS


def plain(value):
    """Return the part of a value that JSON can hold: an archive of code is told by its type."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else type(value).__name__


def config(name, settings):
    """Return the stack's settings as the engine hands them to a program: all of it text."""
    project = yaml.safe_load((INFRA / "Pulumi.yaml").read_text())
    mine = {f"{project['name']}:{key}": setting["default"] for key, setting in project["config"].items()}
    mine |= yaml.safe_load((INFRA / f"Pulumi.{name}.yaml").read_text())["config"]
    mine |= {f"{project['name']}:{key}": value for key, value in settings.items()}
    return project["name"], {key: value if isinstance(value, str) else json.dumps(value) for key, value in mine.items()}


def main():
    name, settings = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    project, texts = config(name, settings)
    os.chdir(INFRA)
    sys.path.insert(0, str(INFRA))
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(recorder, project=project, stack=name, preview=False)
    pulumi.runtime.set_all_config(texts)
    try:
        run = stack.run_pulumi_func(lambda: runpy.run_path("__main__.py", run_name="__main__") and None)
        asyncio.get_event_loop().run_until_complete(run)
    except pulumi.RunError as error:
        sys.exit(f"{error}")
    json.dump(recorder.found, sys.stdout)


if __name__ == "__main__":
    main()
