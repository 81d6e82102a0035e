"""The run: a program in, a document out."""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import configure, reset_options
from pulumi.runtime.stack import run_in_stack

from .answers import LENGTHS, Answers
from .configuration import configuration
from .monitor import Monitor
from .refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["evaluate", "main"]

FORMAT = 1


class _Inline(ThreadPoolExecutor):
    """Answer at once, in the caller's thread: nothing is gained by waiting, and the order stays the program's."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
            future.set_exception(error)
        return future


class _Engine:
    """Where the program logs to."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def Log(self, request: Any) -> None:  # noqa: N802
        """Print a warning, keep an error."""
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        elif request.severity != engine_pb2.DEBUG:
            sys.stderr.write(f"{request.message}\n")


def evaluate(infra: Path, stack: str, settings: Mapping[str, str], mode: str) -> dict[str, Any]:
    """Run the program of a stack and return the document.

    Raises:
        Refused: The program asks for what only the engine can give, or the configuration is wrong.
    """
    project, config, secret = configuration(infra, stack, settings)
    answers, engine = Answers(mode, config.get("aws:region", "us-east-1")), _Engine()
    markers = {key: f"<<secret:/config#{key}/-secret>>" for key in secret & set(config)}
    config |= markers if mode == "tokens" else {}
    for key in markers if mode == "concrete" else ():
        config[key] = answers.table[markers[key]] = f"secret-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    monitor: Any = Monitor(answers)
    make: Any = mocks.MockSettings
    reset_options(project=project, stack=stack)
    pulumi.runtime.set_all_config(config, sorted(secret))
    features = set(monitor.GetDeploymentInfo(None).supportedFeatures)
    names = {"project": project, "stack": stack, "organization": "organization", "root_directory": str(infra)}
    configure(make(monitor=monitor, monitor_features=features, engine=engine, dry_run=False, callbacks=None, **names))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(_Inline())
    loop.run_until_complete(run_in_stack(_program))
    if engine.errors:
        raise Refused("\n".join(engine.errors))
    document = {
        "format": FORMAT,
        "project": project,
        "stack": stack,
        "config": config | markers,
        "nodes": [monitor.nodes[node] for node in sorted(monitor.nodes)],
        "outputs": monitor.outputs,
    }
    return document | ({"answers": answers.table} if mode == "concrete" else {})


def _program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


class _Quiet(SourceFileLoader):
    """Write no bytecode: a look at the program leaves nothing in its repository."""

    def set_data(self, path: str, data: Any, **_: Any) -> None:
        """Drop the bytecode."""


def _finder(infra: Path, path: str) -> FileFinder:
    """Return what finds the repository's own modules; those of its environment are cached as ever, for speed."""
    place = Path(path).resolve()
    if not place.is_relative_to(infra.parent) or place.is_relative_to(sys.prefix):
        raise ImportError(path)
    return FileFinder(path, (_Quiet, SOURCE_SUFFIXES))


@contextmanager
def _surroundings(infra: Path) -> Iterator[IO[str]]:
    """Go where the program expects to be, without credentials, and keep stdout for the document alone."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.chdir(infra)
    sys.path[0] = str(infra)
    sys.path_hooks.insert(0, partial(_finder, infra))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what follows from the first failure is no news
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stdout:
        os.dup2(2, 1)
        yield stdout
        sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the document; return the exit code."""
    parser = argparse.ArgumentParser(description="Print the resource graph of a Pulumi program as JSON.")
    parser.add_argument("infra", type=Path)
    parser.add_argument("stack")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--answers", choices=sorted(LENGTHS), default="tokens")
    words = parser.parse_args(argv)
    settings = dict(pair.split("=", 1) for pair in words.set if "=" in pair)
    if len(settings) != len(words.set):
        parser.error("--set takes KEY=VALUE, each key once")
    infra = words.infra.resolve()
    if not (infra / "__main__.py").is_file():
        parser.error(f"{words.infra} holds no Pulumi program: __main__.py is missing")
    gc.disable()  # the graph grows and nothing of it goes: looking for what could go takes half of the time
    with _surroundings(infra) as stdout:
        try:
            document = evaluate(infra, words.stack, settings, words.answers)
        except pulumi.RunError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except Exception:  # noqa: BLE001 - it is the program's, and it is shown whole
            traceback.print_exc()
            return 1
        json.dump(document, stdout, sort_keys=True)
        stdout.write("\n")
    return 0
