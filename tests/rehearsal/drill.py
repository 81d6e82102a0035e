"""A drill: a short rehearsal in this very process, in which everything happens that the loop of a stack is wired for.

The graph, the clock, the services and the handlers are the real ones; what would be processes of the project's
environment is called here: the stages of `standin_job.py`, and a container that answers each request at once.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import boto3
import fakes  # noqa: F401 - it says where the handlers lie
import polars as pl
import standin_job
from botocore.exceptions import ClientError
from fastproject import CONTROL, tell
from handlers import aws, controller, deployer
from handlers.variables import Variables

from loopwright.execution import processes
from loopwright.rehearsal import containers, rehearsal
from loopwright.rehearsal.aws.lambdas import FunctionError
from loopwright.rehearsal.project import handlers as functions
from loopwright.rehearsal.project.environment import PROGRAMS

sys.path.append(str(PROGRAMS))
import bridge

START, DAY, HOUR, MINUTE = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ROWS, DELAY = 5, 1
MOST_WAKES = 60
"""So often nobody has a reason to wake a function in an hour."""
MODULES = {"controller": controller, "deployer": deployer}


class Line:
    """The bridge's line, without a socket."""

    def __init__(self, ask, role):
        self._ask, self._role = ask, role

    def call(self, service, name, request):
        answer = self._ask(self._role, service, name, request)
        return answer | {"Body": answer["Body"].read()} if "Body" in answer else answer

    def client(self, service, **_how):
        return bridge._Client(self, service)


class Here:
    """What stands for the project's environment."""

    command = ("python",)
    answering = SimpleNamespace(check=lambda: None)

    def __init__(self, project, _python, room, ask):
        self.project, self.room, self.ask = project, room, ask

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def variables(self, role):
        return {"ROLE": role}


class HandlersHere:
    """The functions, called in this process."""

    def __init__(self, stack, environment, clock, *, write, returned):
        self._stack, self._ask, self._clock, self._write, self._returned = (
            stack,
            environment.ask,
            clock,
            write,
            returned,
        )
        self._known = {}

    def run(self, name, event):
        module, settings, line = self._known.get(name) or self._start(name)
        context, said = SimpleNamespace(aws_request_id=f"{self._clock.now:%d%H%M%S}"), io.StringIO()
        here = {"client": line.client, "clock": lambda: self._clock.now}
        with mock.patch.multiple(aws, **here), mock.patch.object(module, "settings", settings), redirect_stdout(said):
            try:
                document = module.handler(event, context)
            except aws.FAULTS as error:
                raise FunctionError(str(error), functions.LASTS) from error
            finally:
                for each in said.getvalue().splitlines():
                    self._write(f"/aws/lambda/{name}", each)
        self._returned(name, event, document)
        return functions.LASTS

    def _start(self, name):
        node = self._stack.named("function")[name]
        module = next(MODULES[word] for word, each in self._stack.functions.items() if each is node)
        known = module.Settings.of(Variables(dict(self._stack.variables_of(node))))
        self._known[name] = module, lambda: known, Line(self._ask, self._stack.inputs(node)["role"])
        return self._known[name]


class ContainersHere:
    """Containers that answer at once, and log what a drill gives them to say."""

    def __init__(self, *_):
        self.says = ()

    def healthy(self, _config):
        return True

    def ask(self, _config, _body, media="application/json"):
        return containers.Answer(status=200, media=media, body="{}")

    def logged(self, _config):
        return iter(self.says)

    def keep(self, _configs):
        return None


class StormError(Exception):
    """A function wakes itself without end."""


class Drill(rehearsal.Rehearsal):
    """A rehearsal whose history is made up; one in which a function wakes itself without end is over early."""

    storm = ""
    """The function that does."""

    def _cut(self):
        return cut(self.room / "cut", self.days)

    def _judged(self):
        files = self.objects.path(self.places.labelled).rglob("*.parquet")
        return {"periods": [{"rows": pl.read_parquet(file).height} for file in files]}

    def _returned(self, name, event, document):
        super()._returned(name, event, document)
        component, now = self._component(name), self.cloud.clock.now
        self.decisions.append((component, document))
        if sum(now - HOUR < each for each in self.wakes(component)[-MOST_WAKES:]) == MOST_WAKES:
            self.storm = component
            raise StormError


def drill(stack, room, days, arrange, control=CONTROL):
    """Run a drill and return it.

    Args:
        stack: The stack.
        room: An empty folder.
        days: How long.
        arrange: Plans what happens, of the drill.
        control: What the stages are told.
    """
    tell(room, model=str(_model(room)), sha256="0" * 64, times=[], **control)
    asked = rehearsal.Asked(project=room, python=Path(sys.executable))
    here = {"Environment": Here, "Handlers": HandlersHere, "Containers": ContainersHere, "LOAD": 1}
    unwritten = SimpleNamespace(append=lambda *_, **__: None)
    with mock.patch.multiple(rehearsal, **here):
        made = Drill(asked, stack, room, unwritten, lambda _: None)
        made.days, made.decisions, made.arrange = days, [], arrange
        run = {"run": lambda jobs, within=None: _job(made, *jobs)}
        patched = mock.patch.multiple(processes, **run), mock.patch.object(standin_job, "PROJECT", room)
        with patched[0], patched[1], suppress(StormError):
            made.run()
    return made


def cut(folder, days):
    """Cut a history of nothing, as `rehearsed_rows` leaves it."""
    for part in ("requests", "labels", "rows", "labelled"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows, steps = pl.DataFrame({"visits": [*range(ROWS)], "purchased": [True] * (ROWS - 1) + [False]}), []
    for name in ("history", "labelled"):
        rows.write_parquet(folder / f"{name}.parquet")
    for number in range(days):
        begins, name = START + number * DAY, f"{number:06d}-0000"
        body = json.dumps(rows.select("visits").to_dicts())
        line = {"id": name, "at": (begins + 20 * HOUR).isoformat(), "rows": ROWS, "body": body}
        (folder / f"requests/{number}.jsonl").write_text(json.dumps(line) + "\n")
        for part in ("rows", "labelled"):
            rows.write_parquet(folder / f"{part}/{number}.parquet")
        labels = {"id": [name] * ROWS, "row": [*range(ROWS)], "purchased": [True] * ROWS}
        pl.DataFrame(labels, schema_overrides={"row": pl.Int64}).write_parquet(folder / f"labels/{number}.parquet")
        steps.append({"from": f"{begins:%Y-%m-%dT%H:%M:%S}", "to": f"{begins + DAY:%Y-%m-%dT%H:%M:%S}", "rows": ROWS})
    facts = {"source": "none", "rows": ROWS * days, "sha256": "0" * 64, "known": ROWS, "delay_days": DELAY}
    return {**facts, "from": steps[0]["from"], "to": steps[-1]["to"], "steps": steps}


def answers(change):
    """Return a hook that changes what the new fleet of a rollout answers."""

    def hook(made):
        def answered(asked):
            pending = made.cloud.endpoints.endpoint(made.places.endpoint).pending
            return change(asked) if pending is not None and pending.fleet.config == asked.config else asked

        return answered

    return hook


failing = answers(lambda asked: replace(asked, answer=containers.Answer(status=500, media="text/csv", body="")))
slow = answers(lambda asked: replace(asked, latency=timedelta(seconds=3)))


def _model(room):
    folder = room / "trained"
    folder.mkdir()
    (folder / "trees").write_text("none")
    return folder


def _job(made, job):
    role = job.environment["ROLE"]
    client = Line(made._environment.ask, role).client
    with mock.patch.dict(os.environ, job.environment), mock.patch.object(boto3, "client", client):
        try:
            standin_job.main(job.command[job.command.index("job") + 1 :])
        except SystemExit as ended:
            return processes.Ended(failed=0, code=int(ended.code or 0)) if ended.code else processes.Ended()
        except ClientError:
            return processes.Ended(failed=0, code=1)
    return processes.Ended()
