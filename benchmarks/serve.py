"""Our server against `mlflow models serve`: requests per second and latency of the same LightGBM model, side by side.

    python benchmarks/serve.py --python TEMPLATE_ENV/bin/python --mlflow MLFLOW_ENV/bin/python

All answer one row of JSON from one process on 127.0.0.1, asked by the same keep-alive client in a process of its own,
in turns, at concurrency 1 and 16:

    ours     validates the raw row, makes its features, predicts and decides on the class
    mlflow   the same work with the same code in a pyfunc model, validated by MLflow's own signature
    booster  MLflow's LightGBM flavour, given numbers that are ready for the trees: no features, no signature, no class

The goal, against the same work: at least 15 times the throughput, and a tenth of the p99.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[1] / "templates" / "tabular" / "{{cookiecutter.project}}"
HELP = """environments:
  --python  the generated project's own:  uv pip install -r requirements/dev.txt
  --mlflow  full MLflow and LightGBM:     uv venv ENV && uv pip install --python ENV/bin/python mlflow lightgbm
"""
CONCURRENCY = (1, 16)
ROWS, TREES = 3000, 100
START_SECONDS, HANGING_SECONDS = 120, 30
PEERS = ("mlflow", "booster")
GOAL_THROUGHPUT, GOAL_P99 = 15, 0.1


@dataclass
class Load:
    """What a client saw: requests answered, the time that took, and the milliseconds of each."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return len(self.latencies_ms) / self.seconds

    def quantile(self, percent: int) -> float:
        """Return a percentile of the latency, in milliseconds."""
        return statistics.quantiles(self.latencies_ms, n=100)[percent - 1]


def main() -> None:
    """Run the benchmark, or one of the roles it starts in another environment."""
    roles = {"train": train, "wrap": wrap, "load": load}
    if len(sys.argv) > 1 and sys.argv[1] in roles:
        roles[sys.argv[1]](*sys.argv[2:])
    else:
        # The servers must end with us, also when we are told to stop.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        compare(_options())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, default=PROJECT, help="a generated repository; default: the template")
    parser.add_argument("--python", required=True, help="the python of the project's environment")
    parser.add_argument("--mlflow", required=True, help="a python with full MLflow and LightGBM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn")
    return parser.parse_args()


def compare(options: argparse.Namespace) -> None:
    """Train, start both servers, load them in turns and print what was seen."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as servers:
        folder = Path(name)
        run = [options.python, __file__]
        subprocess.run([*run, "train", folder], cwd=options.project, env=_environment(), check=True)
        subprocess.run([options.mlflow, __file__, "wrap", folder], cwd=options.project, env=_environment(), check=True)
        ours = [options.python, "-m", "ml", "serve", "--port"]
        theirs = [options.mlflow, "-m", "mlflow", "models", "serve", "--env-manager", "local", "-h", "127.0.0.1"]
        commands = {"ours": ours} | {peer: [*theirs, "-m", str(folder / peer), "-p"] for peer in PEERS}
        variables = {
            "MODEL_DIR": str(folder / "model"),
            "PATH": os.pathsep.join([str(Path(options.mlflow).absolute().parent), os.environ.get("PATH", "")]),
            "PYTHONPATH": str(options.project),
        }
        ports = {
            server: servers.enter_context(served(command, options.project, variables))
            for server, command in commands.items()
        }
        seen = {(server, count): Load() for count in CONCURRENCY for server in ports}
        for number in range(options.rounds + 1):  # the first round only warms up
            for (server, count), total in seen.items():
                seconds = options.seconds if number else 1
                told = subprocess.run(
                    [*run, "load", str(ports[server]), folder / f"{server}.json", str(count), str(seconds)],
                    check=True,
                    capture_output=True,
                )
                part = Load(**json.loads(told.stdout))
                if number:
                    total.seconds += part.seconds
                    total.latencies_ms += part.latencies_ms
    report(seen)


def report(seen: dict[tuple[str, int], Load]) -> None:
    """Print the table and the ratios."""
    print(f"{'server':<8}{'clients':>8}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'requests':>10}")
    for (server, count), found in seen.items():
        numbers = f"{found.per_second:>12.0f}{found.quantile(50):>9.2f}{found.quantile(99):>9.2f}"
        print(f"{server:<8}{count:>8}{numbers}{len(found.latencies_ms):>10}")
    for peer in PEERS:
        for count in CONCURRENCY:
            ours, theirs = seen["ours", count], seen[peer, count]
            throughput = ours.per_second / theirs.per_second
            p99 = ours.quantile(99) / theirs.quantile(99)
            met = "met" if throughput >= GOAL_THROUGHPUT and p99 <= GOAL_P99 else "missed"
            print(
                f"{peer}, {count} clients: {throughput:.1f} times the throughput, {p99:.3f} times the p99: goal {met}"
            )


@contextlib.contextmanager
def served(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[int]:
    """Start a server with a free port as its last argument, yield the port when it answers, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stack below
    with (
        log,
        subprocess.Popen(
            [*command, str(port)],
            cwd=folder,
            env=_environment() | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as server,
    ):
        try:
            _wait(server, port)
            yield port
        except TimeoutError:
            log.seek(0)
            sys.exit(f"{command} does not answer:\n{log.read().decode(errors='replace')}")
        finally:
            # MLflow serves from a child: the session that was made for it ends as a whole.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):  # nosec B310
            return
        time.sleep(0.2)
    raise TimeoutError


def _environment() -> dict[str, str]:
    quiet = {"PYTHONWARNINGS": "ignore", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    return os.environ | quiet | {"PYTHONDONTWRITEBYTECODE": "1", "MLFLOW_TRACKING_URI": "sqlite://"}


def train(name: str) -> None:
    """Train a small model on sample rows (in the project's environment), and write the bodies to send."""
    sys.path.insert(0, str(Path.cwd()))
    from tests.sample import sample  # noqa: PLC0415

    from ml import contract, frames, model, params, schema, train  # noqa: PLC0415 - the project's

    told, folder = contract.load(), Path(name)
    inputs = frames.signature(schema.SCHEMA, told)
    frame = sample(ROWS, seed=1).drop_nulls(told.target)
    classes = train.classes(frame, told)
    facts = model.Facts(task=told.task, target=told.target, classes=classes, weights=(1.0,) * len(classes))
    rows = train.rows(frame, inputs, facts)
    fitted = model.fit(rows, facts, params.load().train.settings(), rounds=TREES)
    model.save(fitted, folder / "model")
    inputs.save(folder / "model")
    records = frames.records(frame.head(ROWS), inputs)
    (folder / "ours.json").write_text(json.dumps(records[0]))
    (folder / "mlflow.json").write_text(json.dumps({"dataframe_records": records[:1]}))
    (folder / "sample.json").write_text(json.dumps(records))
    first = {feature: values[:1] for feature, values in rows.features.items()}
    numbers = [None if value != value else value for value in model._matrix(first, fitted.facts)[0]]  # noqa: PLR0124, SLF001
    split = {"columns": [f"f{index}" for index in range(len(numbers))], "data": [numbers]}
    (folder / "booster.json").write_text(json.dumps({"dataframe_split": split}))


def wrap(name: str) -> None:
    """Save the model in MLflow's environment: once with all that our server does, once as a bare booster."""
    sys.path.insert(0, str(Path.cwd()))
    import mlflow.lightgbm  # noqa: PLC0415
    import mlflow.pyfunc  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from ml import features, model, signature  # noqa: PLC0415 - the project's

    folder = Path(name)
    fitted, inputs = model.load(folder / "model"), signature.Signature.load(folder / "model").inputs
    frame = pd.DataFrame(json.loads((folder / "sample.json").read_text()))
    for entry in inputs:
        if entry.kind == "timestamp":
            frame[entry.name] = pd.to_datetime(frame[entry.name])

    class Same(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """What our server does with a row, on the data frame that MLflow hands over."""

        def load_context(self, context: Any) -> None:
            """Load the model."""
            self.model = model.load(Path(context.artifacts["model"]))

        def predict(self, context, model_input):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG002
            """Predict rows; MLflow reads the names of the parameters, and would read their types."""
            columns = {}
            for entry in inputs:
                values = model_input[entry.name]
                if entry.kind == "categorical":
                    columns[entry.name] = values.to_numpy(dtype=object)
                else:
                    columns[entry.name] = values.to_numpy(dtype="M8[us]" if entry.kind == "timestamp" else "f8")
            found = model.predict(self.model, features.features(columns))
            predicted, classes = found.values.tolist(), self.model.facts.classes  # noqa: PD011 - not a data frame
            if found.probabilities is None:
                return [{"prediction": value} for value in predicted]
            return [
                {"prediction": classes[int(index)], "probabilities": dict(zip(map(str, classes), shares, strict=True))}
                for index, shares in zip(predicted, found.probabilities.tolist(), strict=True)
            ]

    mlflow.pyfunc.save_model(
        folder / "mlflow",
        python_model=Same(),
        artifacts={"model": str(folder / "model")},
        signature=mlflow.models.infer_signature(frame),
        pip_requirements=["lightgbm"],
    )
    mlflow.lightgbm.save_model(fitted.booster, folder / "booster", pip_requirements=["lightgbm"])


class Client(asyncio.Protocol):
    """One keep-alive connection that sends the same request again and again."""

    def __init__(self, request: bytes, found: Load, end: float) -> None:
        self.request, self.found, self.end = request, found, end
        self.done = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.start = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Take part of an answer; when it is whole, note the time and ask again."""
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        now = time.perf_counter()
        self.found.latencies_ms.append((now - self.start) * 1000)
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self.received.decode()))
        elif now < self.end:
            self.received = b""
            self._send()
            return
        else:
            self.done.set_result(None)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail when the server hangs up."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


def load(port: str, body: str, concurrency: str, seconds: str) -> None:
    """Ask for so many seconds over so many connections, and print what was seen as JSON."""
    content = Path(body).read_bytes()
    head = f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content
    found = Load()

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        end = start + float(seconds)
        opened = [
            await loop.create_connection(lambda: Client(request, found, end), "127.0.0.1", int(port))
            for _ in range(int(concurrency))
        ]
        async with asyncio.timeout(float(seconds) + HANGING_SECONDS):
            await asyncio.gather(*(client.done for _, client in opened))
        found.seconds = time.perf_counter() - start

    try:
        import uvloop  # noqa: PLC0415 - a faster client where there is one
    except ImportError:
        asyncio.run(ask())
    else:
        uvloop.run(ask())
    json.dump({"seconds": found.seconds, "latencies_ms": found.latencies_ms}, sys.stdout)


if __name__ == "__main__":
    main()
