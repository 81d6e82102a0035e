"""Traffic: rows are asked over HTTP and captured, labels land, and so do new rows to learn from."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from loopwright.rehearsal.containers import Answered

if TYPE_CHECKING:
    from pathlib import Path

    from loopwright.execution.objects import Objects
    from loopwright.rehearsal.cloud import Cloud
    from loopwright.rehearsal.containers import Containers
    from loopwright.rehearsal.hooks import Hooks
    from loopwright.rehearsal.places import Places

__all__ = ["Counts", "Habits", "Traffic"]

OK, FIRST_ERROR, SERVER = 200, 400, 500
SHOWN = 20
"""Rows of a request that stands for the load of a minute."""


@dataclass(kw_only=True)
class Counts:
    """What became of the requests."""

    requests: int = 0
    rows: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How callers and labels come."""

    room: Path
    """What `rehearsed_rows` has cut."""
    seed: int
    """Decides which fleet a request meets while a version is rolled out."""
    load: int
    """Requests a minute while a version is rolled out: below the contract's least number no alarm looks."""
    delay: timedelta
    """How long after its row a label lands."""
    hooks: Hooks
    """What a scenario changes."""


class Traffic:
    """What callers and the world around the endpoint do.

    Args:
        cloud: The services.
        containers: Who answers.
        objects: The buckets.
        places: Where things lie.
        habits: How callers and labels come.
    """

    def __init__(self, cloud: Cloud, containers: Containers, objects: Objects, places: Places, habits: Habits) -> None:
        self._cloud, self._containers, self._objects, self._places = cloud, containers, objects, places
        self._room, self._seed, self._delay, self._hooks = habits.room, habits.seed, habits.delay, habits.hooks
        self.load = habits.load
        self._sample: list[Any] = []
        self._loading = False
        self._landed: dict[str, set[int]] = {"labels": set(), "rows": set(), "labelled": set()}
        self.counts = Counts()
        self.answered: Counter[str] = Counter()
        """Rows by the configuration that answered them."""

    def plan(self, number: int, ends: datetime) -> None:
        """Plan what happens in a step, by its number: the clock stands at its beginning."""
        for line in (self._room / f"requests/{number}.jsonl").read_text(encoding="utf-8").splitlines():
            request = json.loads(line)
            at = self._hooks.arrives("requests", datetime.fromisoformat(request["at"]))
            if at is not None:
                self._cloud.clock.at(at, partial(self._ask, request))
        for what, delay in (("rows", timedelta(0)), ("labels", self._delay), ("labelled", self._delay)):
            at = self._hooks.arrives(what, ends + delay)
            if at is not None and (self._room / f"{what}/{number}.parquet").is_file():
                self._cloud.clock.at(max(at, self._cloud.clock.now), partial(self._land, what, number))

    def history(self) -> None:
        """Plan when the labels of the history's last rows land."""
        at = self._hooks.arrives("labelled", self._cloud.clock.now + self._delay)
        if at is not None:
            self._cloud.clock.at(at, self._whole)

    def _whole(self) -> None:
        uri = f"{self._places.data.rstrip('/')}/history.parquet"
        shutil.copyfile(self._room / "labelled.parquet", self._objects.path(uri))
        self._cloud.store.placed(uri)

    def roll(self) -> None:
        """Ask every minute while a version is rolled out: without requests, no alarm could take it back."""
        if not self._loading:
            self._loading = True
            self._minute()

    def _ask(self, request: dict[str, Any]) -> None:
        now, shares = self._cloud.clock.now, self._shares()
        self.counts.requests += 1
        self.counts.rows += request["rows"]
        if not shares:
            self.counts.failed += 1
            return
        self._sample = json.loads(request["body"])[:SHOWN]
        drawn = random.Random(f"{self._seed} {request['id']}").random()  # noqa: S311 - no secret  # nosec B311
        asked = self._answered(_chosen(shares, drawn), request["body"])
        self._count(asked.answer.status)
        self._measure(asked, 1)
        self._log(asked.config, 1)
        self.answered[asked.config] += request["rows"]
        if asked.answer.status < FIRST_ERROR:
            self._capture(asked, request, now)

    def _shares(self) -> dict[str, float]:
        return self._cloud.endpoints.share(self._places.endpoint, self._cloud.clock.now)

    def _answered(self, config: str, body: str) -> Answered:
        return self._hooks.answer(Answered(config=config, answer=self._containers.ask(config, body)))

    def _count(self, status: int) -> None:
        self.counts.failed += status >= SERVER
        self.counts.refused += FIRST_ERROR <= status < SERVER

    def _measure(self, asked: Answered, requests: int) -> None:
        """Put what SageMaker measures of each request ("Metrics for monitoring Amazon SageMaker AI")."""
        metrics, now = self._cloud.metrics, self._cloud.clock.now
        endpoint = self._cloud.endpoints.endpoint(self._places.endpoint)
        dimensions = {"EndpointName": endpoint.name, "VariantName": endpoint.fleet.variant}
        put = partial(metrics.put, "AWS/SageMaker", dimensions=dimensions, time=now)
        status = asked.answer.status
        for _ in range(requests):
            put("Invocations", value=1.0, unit="Count")
            put("Invocation5XXErrors", value=float(status >= SERVER), unit="Count")
            put("Invocation4XXErrors", value=float(FIRST_ERROR <= status < SERVER), unit="Count")
            put("ModelLatency", value=asked.latency / timedelta(microseconds=1), unit="Microseconds")

    def _log(self, config: str, times: int) -> None:
        group = f"/aws/sagemaker/Endpoints/{self._places.endpoint}"
        for line in self._containers.logged(config):
            for _ in range(times):
                self._cloud.filters.write(group, line, self._cloud.clock.now)

    def _capture(self, asked: Answered, request: dict[str, Any], now: datetime) -> None:
        """Capture as SageMaker does ("Capture data", SageMaker Developer Guide), by the configuration that answered."""
        config = self._cloud.hosting.describe_endpoint_config(EndpointConfigName=asked.config)
        capture = config.get("DataCaptureConfig") or {}
        drawn = random.Random(f"capture {self._seed} {request['id']}").random()  # noqa: S311 - no secret  # nosec B311
        if not capture.get("EnableCapture") or 100 * drawn >= capture["InitialSamplingPercentage"]:
            return
        variant = config["ProductionVariants"][0]["VariantName"]
        name = f"{self._places.endpoint}/{variant}/{now:%Y/%m/%d/%H}/{request['id']}.jsonl"
        event = str(uuid5(NAMESPACE_URL, f"{self._places.endpoint} {request['id']}"))
        line = {
            "captureData": {
                "endpointInput": _captured("INPUT", "application/json", request["body"]),
                "endpointOutput": _captured("OUTPUT", asked.answer.media, asked.answer.body),
            },
            "eventMetadata": {
                "eventId": event,
                "inferenceId": request["id"],
                "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            },
            "eventVersion": "0",
        }
        self._put(f"{capture['DestinationS3Uri'].rstrip('/')}/{name}", json.dumps(line) + "\n")

    def _put(self, uri: str, text: str) -> None:
        path = self._objects.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._cloud.store.placed(uri)

    def _land(self, what: str, number: int) -> None:
        """Let labels, or rows to learn from, land as one object; rows come again when they have their labels."""
        above = self._places.labels if what == "labels" else f"{self._places.data}/history"
        uri = f"{above.rstrip('/')}/{number:06d}.parquet"
        path = self._objects.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._room / f"{what}/{number}.parquet", path)
        self._landed[what].add(number)
        self._hooks.lands(what, path)
        self._cloud.store.placed(uri)

    def again(self, what: str) -> None:
        """Let everything of a kind land once more, as who mends it does."""
        for number in sorted(self._landed[what]):
            self._land(what, number)

    def _minute(self) -> None:
        endpoint = self._cloud.endpoints.endpoint(self._places.endpoint)
        if endpoint.pending is None or endpoint.status not in {"Updating", "RollingBack"}:
            self._loading = False
            return
        self._cloud.clock.after(timedelta(minutes=1), self._minute)
        shares = self._shares()
        if len(shares) < 2 and endpoint.fleet.config in shares:  # noqa: PLR2004 - the new fleet has nothing yet
            return
        for config, share in shares.items() if self._sample else ():
            requests = max(1, round(self.load * share))
            asked = self._answered(config, json.dumps(self._sample))
            self._measure(asked, requests)
            self._log(config, requests)


def _captured(mode: str, media: str, data: str) -> dict[str, str]:
    return {"observedContentType": media, "mode": mode, "data": data, "encoding": "JSON"}


def _chosen(shares: dict[str, float], drawn: float) -> str:
    for config, share in shares.items():
        drawn -= share
        if drawn < 0:
            return config
    return next(reversed(shares))
