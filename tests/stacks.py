"""Stacks of the shipped infrastructure, evaluated once a run, for the tests of what is made of their graphs."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loopwright.graph.load import load

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "templates" / "tabular" / "{{cookiecutter.project}}"
PYTHON = os.environ.get("LOOPWRIGHT_PYTHON") or (sys.executable if importlib.util.find_spec("pulumi_aws") else None)
IMAGE = "sha256:" + "a" * 64
needs_pulumi = pytest.mark.skipif(PYTHON is None, reason="needs a python with pulumi-aws: set LOOPWRIGHT_PYTHON")


def project(folder: Path) -> Path:
    """Make what a generated repository has for its infrastructure."""
    for name in ("ml", "loop.yaml", "dvc.yaml", "params.yaml"):
        source, target = TEMPLATE / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@functools.cache
def shared() -> Path:
    """Return a project that no test may write to; stacks named by words of the program are set as dev is."""
    folder = project(Path(tempfile.mkdtemp(prefix="loopwright-")))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("live", "data"):
        shutil.copy(folder / "infra" / "Pulumi.dev.yaml", folder / "infra" / f"Pulumi.{name}.yaml")
    return folder


@functools.cache
def graph(stack, *settings, image=IMAGE):
    """Return the graph of a stack; settings such as ``serving=serverless`` are overlaid."""
    overlaid = dict(pair.split("=", 1) for pair in (f"imageDigest={image}", *settings))
    named = {key if ":" in key else f"shop:{key}": value for key, value in overlaid.items()}
    return load(shared(), stack, settings=named, python=Path(PYTHON))


def warm(*stacks):
    """Evaluate several stacks at once, each a tuple as ``graph`` takes it."""
    shared()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda words: graph(*words), stacks))
