"""The monitor: every captured row is counted once, what is refused is told, and the report comes before the metrics."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError, NoRegionError
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import __main__ as entry
from ml import capture, schema, window
from ml import contract as contracts
from ml.drift.blocks import duration
from ml.frames import records, signature
from ml.places import Folder
from ml.schema import SCHEMA
from ml.serving.requests import Door, Media
from ml.signals import METRICS
from ml.signature import Input, Signature
from ml.watch.intake import Intake
from ml.watch.publish import datum
from ml.watch.state import State
from tests.sample import sample

INPUTS = signature(SCHEMA, contracts.load())
ROWS = records(sample(8, seed=3), INPUTS)
NAMES = list(ROWS[0])
BROKEN = {"no such column": 1}
NOW = "2026-03-02T01:00:00Z"
WINDOW = window.latest(datetime.fromisoformat(NOW), duration(contracts.load().drift.every))
TO = ["--namespace", "Loop/shop", "--endpoint", "shop-dev"]
DOOR = Door(
    Signature(
        inputs=(
            Input(name="age", kind="numeric", whole=True, minimum=0, maximum=120),
            Input(name="colour", kind="categorical", nullable=True),
            Input(name="seen", kind="timestamp", nullable=True),
        ),
        ignored=("id",),
    )
)
JSON, CSV, BARE = Media(csv=False), Media(csv=True), Media(csv=True, header=False)


def table(rows: list[dict[str, Any]], *, header: bool = True) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([NAMES] * header + [list(row.values()) for row in rows])
    return text.getvalue()


def line(data: str, encoding: str = "JSON", observed: str | None = "application/json", time: str = "T12:00:00Z") -> str:
    """Return a line as SageMaker writes it."""
    sent = {"observedContentType": observed, "mode": "INPUT", "data": data, "encoding": encoding}
    answer = {"observedContentType": "application/json", "mode": "OUTPUT", "data": "{}", "encoding": "JSON"}
    return json.dumps(
        {
            "captureData": {"endpointInput": sent, "endpointOutput": answer},
            "eventMetadata": {"eventId": str(uuid4()), "inferenceTime": f"2026-03-01{time}"},
            "eventVersion": "0",
        }
    )


def asked(rows: list[Any], **how: str) -> str:
    return line(json.dumps(rows), **how)


def write(root: Path, *lines: str | bytes, name: str = "shop/AllTraffic/2026/03/01/12/00-01.jsonl") -> None:
    path = root / "in" / "capture" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join((text.encode() if isinstance(text, str) else text) + b"\n" for text in lines))


def report(root: Path) -> dict[str, Any]:
    return json.loads((root / "out" / "latest" / "monitor.json").read_text(encoding="utf-8"))


def quarantined(root: Path) -> list[dict[str, Any]]:
    path = root / "out" / WINDOW.name / "quarantine.jsonl"
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def run(root: Path, *words: str) -> int:
    return entry.main(["monitor", "--root", str(root), "--now", NOW, *words])


class Cloud:
    """A CloudWatch that keeps what it is sent, and what stood in the report by then."""

    def __init__(self, root: Path) -> None:
        self.root, self.sent, self.reports, self.made = root, [], [], []
        self.error: Exception | None = None
        self.fails_at = 1
        self.served: dict[str, str] = {}

    def client(self, service: str, **how: Any) -> Cloud:
        self.made.append((service, how))
        return self

    def describe_endpoint(self, EndpointName: str) -> dict[str, str]:  # noqa: N803 - as boto3 calls it
        return {"EndpointConfigName": f"{EndpointName}-base"}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        return {"ProductionVariants": [{"ModelName": EndpointConfigName}]}

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        return {"ModelName": ModelName, "PrimaryContainer": {"Image": "i", **self.served}}

    def put_metric_data(self, **call: Any) -> None:
        self.reports.append(report(self.root))
        if self.error and len(self.reports) == self.fails_at:
            raise self.error
        self.sent.append(call)

    @property
    def data(self) -> dict[str, float]:
        return {datum["MetricName"]: datum["Value"] for call in self.sent for datum in call["MetricData"]}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud(tmp_path)
    monkeypatch.setattr(boto3, "client", made.client)
    (tmp_path / "in" / "capture").mkdir(parents=True)
    return made


def refusal() -> ClientError:
    answer = {"Error": {"Code": "AccessDenied", "Message": "not\n  allowed " + "x" * 600}}
    return ClientError(answer, "PutMetricData")  # type: ignore[arg-type]


def test_every_form_that_sagemaker_writes_is_read(tmp_path: Path, cloud: Cloud) -> None:
    packed = base64.b64encode(json.dumps(ROWS[:3]).encode()).decode()
    write(
        tmp_path,
        asked(ROWS[:2], time="T13:00:00Z"),
        line(json.dumps({"instances": ROWS[:1]})),
        line(json.dumps({"columns": NAMES, "data": [list(row.values()) for row in ROWS]})),
        line(json.dumps(ROWS[0]), observed=None),
        line(table(ROWS[:4]), "CSV", "text/csv"),
        line(table(ROWS[:4]), "CSV", None),
        "",
    )
    bare = table(ROWS[:5], header=False)
    write(
        tmp_path,
        line(packed, "BASE64"),
        line(packed, "BASE64", None),
        line(bare, "CSV", "text/csv; header=absent", time="T09:30:00+02:00"),
        name="shop/AllTraffic/2026/03/01/13/00-02.jsonl",
    )
    write(tmp_path, "not one of its files", name="notes.txt")
    assert run(tmp_path, *TO) == 0
    found = report(tmp_path)
    assert (found["requests"], found["rows"], found["accepted"], found["refused"]) == (9, 31, 31, 0)
    assert found["window"] == {"from": "2026-03-01T00:00:00+00:00", "until": "2026-03-02T00:00:00+00:00"}
    assert found["reasons"] == {}
    assert quarantined(tmp_path) == []
    assert cloud.data == {"RowsMonitored": 31, "BrokenShare": 0, "MonitorHeartbeat": 1}


def test_what_is_published_is_computed_known_and_in_order(tmp_path: Path, cloud: Cloud, monkeypatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    write(tmp_path, asked([ROWS[0], BROKEN, ROWS[1], ROWS[2]]))
    assert run(tmp_path, *TO) == 1
    data = [datum for call in cloud.sent for datum in call["MetricData"]]
    assert [datum["MetricName"] for datum in data] == ["RowsMonitored", "BrokenShare", "MonitorHeartbeat"]
    assert [datum["Value"] for datum in data] == [4, 0.25, 1]
    assert all(datum["Unit"] == METRICS[datum["MetricName"]].unit for datum in data)
    assert all(datum["Dimensions"] == [{"Name": "Endpoint", "Value": "shop-dev"}] for datum in data)
    assert {call["Namespace"] for call in cloud.sent} == {"Loop/shop"}
    assert [service for service, _ in cloud.made] == ["sagemaker", "cloudwatch"]
    how = cloud.made[-1][1]
    assert how["region_name"] == "eu-central-1"
    assert how["config"].retries == {"mode": "adaptive", "total_max_attempts": 5}
    assert how["config"].connect_timeout == how["config"].read_timeout == 10


def test_a_name_that_is_not_known_is_not_published() -> None:
    with pytest.raises(KeyError):
        datum("Unheard", 1.0, "shop-dev")


def test_nothing_asked_is_no_failure(tmp_path: Path, cloud: Cloud) -> None:
    assert run(tmp_path, *TO) == 0
    assert cloud.data == {"RowsMonitored": 0, "MonitorHeartbeat": 1}
    found = report(tmp_path)
    assert found["metrics"] == {"RowsMonitored": 0}
    assert found["drift"] is None


def test_the_report_is_there_before_anything_is_published(tmp_path: Path, cloud: Cloud, capsys) -> None:
    write(tmp_path, asked([ROWS[0], BROKEN]))
    assert run(tmp_path, *TO) == 1
    assert cloud.reports == [report(tmp_path)] * 2
    (said,) = capsys.readouterr().out.splitlines()
    told = json.loads(said)
    assert (told["level"], told["event"], told["endpoint"]) == ("warning", "monitor", "shop-dev")
    assert {name: told.get(name) for name in report(tmp_path)} == report(tmp_path)


@pytest.mark.parametrize(("fails_at", "sent"), [(1, set()), (2, {"RowsMonitored", "BrokenShare"})])
def test_a_failure_to_publish_keeps_the_report_and_has_no_heartbeat(
    tmp_path: Path, cloud: Cloud, capsys, fails_at, sent
) -> None:
    cloud.error, cloud.fails_at = refusal(), fails_at
    write(tmp_path, asked(ROWS))
    assert run(tmp_path, *TO) == 1
    assert set(cloud.data) == sent
    assert report(tmp_path)["accepted"] == 8
    what, because, attempt = capsys.readouterr().err.splitlines()
    assert what == "error: the metrics could not be published"
    assert because.startswith("  because: An error occurred (AccessDenied)")
    assert " not allowed x" in because
    assert len(because) == len("  because: ") + 500
    assert attempt.startswith("  try: run the job again")


def test_a_client_that_cannot_be_made_is_told_too(tmp_path: Path, cloud: Cloud, monkeypatch, capsys) -> None:
    def client(*_: object, **__: object) -> None:
        raise NoRegionError

    monkeypatch.setattr(boto3, "client", client)
    assert run(tmp_path, *TO) == 1
    assert "because: You must specify a region" in capsys.readouterr().err
    assert report(tmp_path)["rows"] == 0


def test_without_a_namespace_there_is_only_the_report(tmp_path: Path, cloud: Cloud) -> None:
    assert run(tmp_path) == 0
    assert cloud.made == []
    assert report(tmp_path)["endpoint"] is None


@pytest.mark.parametrize("half", [TO[:2], TO[2:]])
def test_half_an_address_is_a_wrong_call(tmp_path: Path, cloud: Cloud, half, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, *half)
    assert caught.value.code == 2
    assert "go together" in capsys.readouterr().err


def test_without_a_folder_it_says_what_is_missing(tmp_path: Path, capsys) -> None:
    assert run(tmp_path) == 1
    what, because, attempt = capsys.readouterr().err.splitlines()
    assert what == "error: there is nothing to watch"
    assert str(tmp_path / "in" / "capture") in because
    assert attempt.startswith("  try: ")


NOT_CAPTURED = "the line is not a captured request"
MALFORMED = [
    ("{", "the line is not JSON"),
    (b"\xff\xfe", "the line is not JSON"),
    ("[1]", NOT_CAPTURED),
    ("{}", NOT_CAPTURED),
    ('{"captureData": {"endpointOutput": {"data": "1", "encoding": "CSV"}}}', NOT_CAPTURED),
    ('{"captureData": {"endpointInput": {"data": 1, "encoding": "CSV"}}}', NOT_CAPTURED),
    ('{"captureData": {"endpointInput": {"data": "1", "encoding": "XML"}}}', NOT_CAPTURED),
    (
        '{"captureData": {"endpointInput": {"data": "1", "encoding": "CSV", "observedContentType": 3}}}',
        NOT_CAPTURED,
    ),
    (line("%%%", "BASE64"), "the body is not base64"),
    (line("é", "BASE64"), "the body is not base64"),
    (line("{}", observed="image/png"), "the body is of a type that is not read here"),
    (line("{"), "the body cannot be read as JSON"),
    (line("3"), "the body cannot be read as rows"),
    (line("[]"), "there are no rows"),
    (line('"' * 3, "CSV", "text/csv"), "the body cannot be read as CSV"),
    (line(" " * (6 * 1024 * 1024 + 1)), "the body is too large"),
]


def test_a_line_that_is_no_request_is_one_refused_row(tmp_path: Path, cloud: Cloud) -> None:
    write(tmp_path, asked(ROWS[:1]), *(text for text, _ in MALFORMED), asked(ROWS[:1]))
    assert run(tmp_path, *TO) == 1
    found = report(tmp_path)
    assert (found["rows"], found["accepted"], found["refused"]) == (len(MALFORMED) + 2, 2, len(MALFORMED))
    assert [(row["line"], row["row"], row["reason"]) for row in quarantined(tmp_path)] == [
        (number, None, reason) for number, (_, reason) in enumerate(MALFORMED, start=2)
    ]
    assert cloud.data["BrokenShare"] == len(MALFORMED) / (len(MALFORMED) + 2)


@pytest.mark.parametrize("metadata", [None, {}, {"eventId": 3, "inferenceTime": 4}, {"inferenceTime": "noon"}])
def test_a_request_without_a_time_counts_all_the_same(tmp_path: Path, cloud: Cloud, metadata) -> None:
    document = json.loads(asked([*ROWS[:2], BROKEN]))
    write(tmp_path, json.dumps(document | {"eventMetadata": metadata}))
    assert run(tmp_path) == 1
    found = report(tmp_path)
    assert (found["rows"], found["requests_without_time"]) == (3, 1)
    assert quarantined(tmp_path)[0]["event"] is None


def test_a_time_without_a_zone_is_utc_and_one_past_the_calendar_is_none(tmp_path: Path) -> None:
    early = asked(ROWS[:1]).replace("2026-03-01T12:00:00Z", "0001-01-01T00:00:00+09:00")
    write(tmp_path, asked(ROWS[:1], time="T09:00:00"), early, name="a.jsonl")
    found = capture.read(tmp_path / "in" / "capture" / "a.jsonl", "a.jsonl", Door(INPUTS))
    assert [request.time for request in found] == [datetime(2026, 3, 1, 9, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("body", "how", "accepted", "refused"),
    [
        (b'[{"age": 1}, {"age": 999}, {}]', JSON, 1,
         {1: "age: a value is more than 120", 2: "age: the value is missing"}),
        (b'{"age": "old is not new is less than 3"}', JSON, 0, {0: "age: a value is not a number"}),
        (b'[{"age": -1}, {"age": 1.5}]', JSON, 0,
         {0: "age: a value is less than 0", 1: "age: a value is not a whole number"}),
        (b'[{"age": 1, "seen": "soon"}, {"age": 1}]', JSON, 1, {0: "seen: a value is not an ISO 8601 time"}),
        (b'[{"age": 1, "secret": 1}, {"age": 1}]', JSON, 1, {0: "a column that is not known"}),
        (b'[3, {"age": 1}]', JSON, 1, {0: "a value is not an object of column names and values"}),
        (b'{"instances": [{"age": 1}, {}]}', JSON, 1, {1: "age: the value is missing"}),
        (b'{"columns": ["age", "id"], "data": [[1], 2, [3, {}]]}', JSON, 1,
         {0: "there are more or fewer values than columns", 1: "a value is not a list of values"}),
        (b'{"columns": ["age", "age"], "data": [[1, 2], [3, 4]]}', JSON, 0,
         dict.fromkeys((0, 1), "age: the column is there more than once")),
        (b'{"columns": ["age", 3], "data": [[1, 2]]}', JSON, 0, {0: "a value is not the name of a column"}),
        (b'age,colour\n1,"a\nb"\n\n,x\n2,y\n', CSV, 2, {1: "age: the value is missing"}),
        (b"1,red,\nx,blue,\n", BARE, 1, {1: "age: a value is not a number"}),
        # Without its header, the values of the first row are taken for names: none of them is told.
        (b"33,red,\n34,blue,\n", CSV, 0, {0: "a column that is not known"}),
        (b"33,33\n34,34\n", CSV, 0, {0: "the column is there more than once"}),
    ],
)  # fmt: skip
def test_rows_are_judged_one_by_one_and_no_value_is_told(body, how, accepted, refused) -> None:
    assert capture.judge(body, how, DOOR)[1:] == (accepted, list(refused.items()))


def test_a_request_with_too_many_rows_is_refused_whole() -> None:
    _, accepted, refused = capture.judge(b"[" + b",".join([b'{"age": 1}'] * 10_001) + b"]", JSON, DOOR)
    assert (accepted, len(refused)) == (0, 10_001)
    assert {reason for _, reason in refused} == {"there are too many rows"}


def test_more_broken_rows_than_a_refusal_lists_are_all_counted() -> None:
    _, accepted, refused = capture.judge(json.dumps([{}] * 50 + [{"age": 1}] * 3).encode(), JSON, DOOR)
    assert (accepted, [row for row, _ in refused]) == (3, list(range(50)))


def test_rows_that_cannot_be_told_apart_are_one() -> None:
    deep = '[{"age": 1, "id": ' + "[" * 500 + "]" * 500 + "}, {}]"
    assert capture.judge(deep.encode(), JSON, DOOR) == ([], 0, [(None, "age: the value is missing")])


def renamed(text: str | bytes) -> str | bytes:
    """Return a line with an id of its own: the same one twice would be one request."""
    return re.sub('"eventId": "[^"]*"', f'"eventId": "{uuid4()}"', text) if isinstance(text, str) else text


def taken(root: Path) -> dict[str, Any]:
    """Return what was counted of `WINDOW`."""
    intake = Intake(capture=Folder(root / "in/capture"), door=Door(INPUTS), signature=INPUTS, schema=schema.SCHEMA,
                    serves=None, room=root / "room")  # fmt: skip
    return intake.watch([WINDOW], State(Folder(root / "state"), root / "room"), Folder(root / "out"))[WINDOW]


REQUESTS = st.lists(st.booleans(), min_size=1, max_size=5)
LINES = st.lists(
    st.one_of(REQUESTS, st.sampled_from(MALFORMED[:-1]), st.text(alphabet='{}[]",:ab1 ', min_size=1).filter(str.strip)),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_every_row_is_accepted_or_refused(mix: list[Any]) -> None:
    good = sum(sum(found) for found in mix if isinstance(found, list))
    bad = sum(found.count(False) if isinstance(found, list) else 1 for found in mix)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "in" / "capture").mkdir(parents=True)
        texts = [
            asked([ROWS[0] if fine else BROKEN for fine in found])
            if isinstance(found, list)
            else found
            if isinstance(found, str)
            else renamed(found[0])
            for found in mix
        ]
        write(root, *texts)
        counted = taken(root)
        assert len(quarantined(root)) == counted["refused"] == sum(counted["reasons"].values())
    assert (counted["accepted"], counted["refused"], counted["requests"]) == (good, bad, len(mix))
    assert counted["rows"] == good + bad
