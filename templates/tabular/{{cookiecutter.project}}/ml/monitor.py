"""Watch what was served: what the endpoint was asked and answered, how far that moved, and how good it was.

On AWS a job that starts with each period of `drift.every`. It reads what was captured once, period by period, and
keeps what later runs need (`ml/watch/`). Rows are compared with the baseline of the model that answered them, and
judged once their labels have landed. The report comes before the metrics, and the metrics before the heartbeat: what
comes first stays when the next fails. Of the names in `ml/signals.py` it publishes those that it computes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import baseline, schema, served
from ml import contract as contracts
from ml.artefact import digest
from ml.drift.blocks import duration
from ml.errors import LoopError
from ml.frames import pl_type, signature
from ml.moved import PERIODS, moved
from ml.places import S3, place
from ml.serving.requests import Door
from ml.watch import telling
from ml.watch.chart import chart
from ml.watch.cohorts import Joiner
from ml.watch.estimated import estimated
from ml.watch.findings import Findings
from ml.watch.intake import Intake
from ml.watch.labels import labels
from ml.watch.profiles import profiles
from ml.watch.publish import publish
from ml.watch.state import State
from ml.watch.volume import volume
from ml.window import latest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.baseline import Baseline
    from ml.contract import Contract
    from ml.watch.cohorts import Sums
    from ml.window import Window

ROOT = Path(os.environ.get("OPT_ML", "/opt/ml"), "processing")
PLACES = {"capture": "in/capture", "labels": "in/labels", "state": "state", "labelled": "labelled", "report": "out"}
"""Where each place lies below --root, unless it is given."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """The model that serves."""

    sha256: str
    base: Baseline


def main(arguments: Sequence[str] = ()) -> None:
    """Read, compare, judge, report, publish.

    Raises:
        LoopError: There is nothing to read from, nobody says what serves, more is broken than the contract allows, or
            CloudWatch did not take the metrics.
    """
    options, contract = _options(arguments), contracts.load()
    with tempfile.TemporaryDirectory(prefix="monitor-") as room:
        run = Run(options, contract, Path(room))
        problem = run.watch()
    if problem:
        raise problem


class Run:
    """One run of the monitor."""

    def __init__(self, options: argparse.Namespace, contract: Contract, room: Path) -> None:
        self.options, self.contract, self.room = options, contract, room
        self.now: datetime = options.now or datetime.now(UTC)
        self.every = duration(contract.drift.every)
        self.window = latest(self.now, self.every)
        self.places = {name: place(_where(options, name)) for name in PLACES}
        self.state = State(self.places["state"], room)

    def watch(self) -> LoopError | None:
        """Do all of it, and return what is wrong with what was found."""
        serves, problem = self._serves()
        caught_up, counted = self._read(serves, final=problem is None)
        joined, sums, unjoined = self._joined()
        found = self._found(serves, counted, sums)
        about = {"endpoint": self.options.endpoint, "model": serves.sha256 if serves else None, "caught_up": caught_up}
        document = about | {"labels": joined} | found.document(self.window, self.contract)
        telling.write(self.places["report"], document)
        telling.log(document, found.movement.scores() if found.movement else ())
        if problem := problem or unjoined:
            return problem
        if self.options.namespace:
            publish(found.metrics(), namespace=self.options.namespace, endpoint=self.options.endpoint)
        return found.verdict(self.contract)

    def _serves(self) -> tuple[Served | None, LoopError | None]:
        """Return the model that serves; where nobody says, why, because what is captured is counted all the same."""
        options = self.options
        try:
            folder = options.model or (served.model(options.endpoint, self.room) if options.endpoint else None)
            if folder is None:
                return None, None
            found = Served(sha256=digest(folder), base=baseline.load(folder))
            self.state.keep_baseline(found.sha256, folder)
        except LoopError as error:
            return None, error
        return found, None

    def _read(self, serves: Served | None, *, final: bool) -> tuple[list[str], dict[str, Any]]:
        """Read the latest period and the earlier ones that no run has read.

        Returns:
            The names of those earlier ones, and what was counted of the latest. Unless it is ``final``, the next run
            reads all of them again.
        """
        _refuse_no_folder(_where(self.options, "capture"))
        windows = [self.window.ago(ago) for ago in reversed(range(PERIODS))]
        missed = [window for window in windows if not self.state.watched(window)]
        counted = self._intake(serves).watch(missed, self.state, self.places["report"]) if missed else {}
        for window, document in counted.items() if final else ():
            self.state.keep_period(window, document)
            self._count(window, document)
        own = counted.get(self.window) or self.state.period(self.window) or {}
        return [window.name for window in missed if window != self.window], own

    def _count(self, window: Window, document: dict[str, Any]) -> None:
        """Count the rows of each model that ever served, whichever does now: rows expire long before counts."""
        for model in document["models"]:
            if base := self.state.baseline(model):
                profiles(self.state, window, model, base)

    def _intake(self, serves: Served | None) -> Intake:
        inputs = signature(schema.SCHEMA, self.contract)
        return Intake(
            capture=self.places["capture"],
            door=Door(inputs),
            signature=inputs,
            schema=schema.SCHEMA,
            serves=serves.sha256 if serves else None,
            room=self.room,
        )

    def _joined(self) -> tuple[dict[str, Any] | None, list[tuple[str, Sums]], LoopError | None]:
        """Join labels; return what was joined, what all labels say, and why they could not be read."""
        of_type = pl_type(schema.SCHEMA.columns[self.contract.target])
        try:
            joiner = Joiner(
                state=self.state,
                labels=labels(self.places["labels"], self.state, self.now, self.contract.target, of_type),
                labelled=self.places["labelled"],
                contract=self.contract,
                every=self.every,
                room=self.room / "joined",
            )
            return joiner.refresh(self.now), joiner.sums(self.now), None
        except LoopError as error:
            return None, [], error

    def _found(self, serves: Served | None, counted: dict[str, Any], sums: list[tuple[str, Sums]]) -> Findings:
        said = volume(self.state, self.window, counted["rows"])
        if serves is None:
            return Findings(counted=counted, volume=said)
        model, base = serves.sha256, serves.base
        return Findings(
            counted=counted,
            volume=said,
            movement=moved(self.state, self.window, model, base, self.contract.drift.min_rows),
            chart=chart(sums, model, base.quality, self.contract, self.now),
            baseline_mean=base.quality.mean,
            estimate=estimated(self.state.parts(self.window), model),
        )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml monitor", description="Watch what was served.")
    parser.add_argument("--namespace", help="CloudWatch namespace; without it the report is all there is")
    parser.add_argument("--endpoint", help="the one dimension of what is published")
    parser.add_argument("--model", type=Path, help="the model that served; without it the endpoint is asked")
    parser.add_argument("--now", type=_moment, help="an ISO time; the latest complete window at that time is watched")
    parser.add_argument("--root", type=Path, default=ROOT, help="where everything is by default (%(default)s)")
    parser.add_argument("--capture", metavar="PLACE", help="captured requests: a folder or an s3:// prefix, as below")
    parser.add_argument("--labels", metavar="PLACE", help="Parquet files with labels")
    parser.add_argument("--state", metavar="PLACE", help="what is kept from run to run")
    parser.add_argument("--labelled", metavar="PLACE", help="rows with labels, for the probe")
    parser.add_argument("--report", metavar="PLACE", help="reports")
    options = parser.parse_args(list(arguments))
    if bool(options.namespace) != bool(options.endpoint):
        parser.error("--namespace and --endpoint go together")
    return options


def _where(options: argparse.Namespace, name: str) -> str:
    """Return a place as it is given, or where it lies below the root."""
    return getattr(options, name) or str(options.root / PLACES[name])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _refuse_no_folder(capture: str) -> None:
    """Refuse a folder that is not there; one without a file is no error: nobody asked for anything yet.

    Raises:
        LoopError: There is no such folder.
    """
    if not capture.startswith(S3) and not Path(capture).is_dir():
        raise LoopError(
            "there is nothing to watch",
            because=f"there is no folder {capture}",
            attempt="give --capture the folder with the files that SageMaker captured",
        )
