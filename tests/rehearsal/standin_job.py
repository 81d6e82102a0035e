"""What a fast project has in the place of `ml/job.py`: each stage leaves at once what it would leave, as it is told.

`standin.json` of the project tells it:

    model    a folder with a trained model: every training makes it again
    sha256   the digest of that folder
    times    the columns of requests that hold a time, as text
    stages   spans `[stage, from, to]` of days in which a stage says no: `probe` and `gates` refuse, others fail
    signals  spans `[metric, from, to, value]` of days in which the monitor measures something else than SIGNALS
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).parents[1]
SIGNALS = {"DriftScore": 0.4, "QualityCusum": 0.5, "BrokenShare": 0.0}
UNTIL, PREPARED, PROBED, JUDGED = "train_until", "reports/prepare.json", "reports/probe.json", "reports/gates.json"


def main(arguments: Sequence[str] = ()) -> None:
    """Run a stage."""
    stage, *words = arguments or ["train"]
    told = json.loads((PROJECT / "standin.json").read_text(encoding="utf-8"))
    root = Path(os.environ["OPT_ML"])
    stages = {"prepare": prepare, "probe": probe, "train": train, "evaluate": evaluate, "gates": gates}
    if stage == "monitor":
        monitor(told, dict(zip(words[::2], words[1::2], strict=True)))
    elif stage in stages:
        stages[stage](told, root, words)
    else:
        failed(root, f"there is no stage {stage}")


def prepare(told, root, words):
    """Say what the other stages are told by: which day it is."""
    until = words[words.index("--as-of") + 1] or "2024-01-01"
    if says_no(told, "prepare", until):
        failed(root, "the data contract is broken")
    leave(root, PREPARED, {UNTIL: until})


def probe(told, root, words):
    """Leave the verdict of a probe: a person's wish goes on in any case."""
    until, reason = when(root), words[words.index("--reason") + 1]
    better = not says_no(told, "probe", until)
    report = {
        "go": better or reason == "manual",
        "reason": reason,
        "window_days": 30,
        "rows": 400,
        "days": 7,
        "gain": 0.03 if better else 0.001,
        "needed": 0.01,
        "standard_error": 0.002,
        "champion_loss": 0.5,
        "explanation": "30 days gain enough" if better else "no window gains enough",
    }
    leave(root, PROBED, report)


def train(told, root, _words):
    """Leave the one model, and what it was told to learn with."""
    if says_no(told, "train", when(root)):
        failed(root, "no tree can be grown")
    shutil.copytree(told["model"], root / "model", dirs_exist_ok=True)
    with (PROJECT / "trained.jsonl").open("a", encoding="utf-8") as kept:
        kept.write((root / "input/config/hyperparameters.json").read_text(encoding="utf-8") + "\n")


def evaluate(_told, root, _words):
    """Leave figures that nobody judges."""
    leave(root, "reports/metrics.json", {"f1": 0.7})
    leave(root, "reports/baseline.json", {})


def gates(told, root, _words):
    """Leave the verdict of the gates; the job itself ends well."""
    until = when(root)
    passed = not says_no(told, "gates", until)
    verdict = {"gate": "metric", "passed": passed, "value": 0.7 if passed else 0.1, "limit": 0.6, "note": "f1"}
    archive = (root / "processing/in/train/model.tar.gz").read_bytes()
    report = {
        "passed": passed,
        "reason": "all gates passed" if passed else "f1 is 0.1, at least 0.6 is asked",
        "artefact_sha256": hashlib.sha256(archive).hexdigest(),
        "model_sha256": told["sha256"],
        **dict.fromkeys(("data_sha256", "window_sha256", "lock_sha256"), "0" * 64),
        "git_commit": "0" * 40,
        UNTIL: until,
        "gates": [verdict],
    }
    leave(root, JUDGED, report)


def monitor(told, where):
    """Read and write all that the monitor does, join what was answered with its labels, and measure what it is told."""
    import boto3  # noqa: PLC0415 - only the monitor asks AWS

    s3, now = boto3.client("s3"), where["--now"]
    if says_no(told, "monitor", now[:10]):
        sys.exit(1)
    served(boto3.client("sagemaker"), s3, where["--endpoint"])
    for key in fetched(s3, where["--state"], read=False):
        if key.endswith("standin.json"):
            got(s3, key)
    fetched(s3, where["--report"] + "/latest/")
    labelled(told, s3, where)
    features = [{"name": "visits", "ratio": measured(told, now)["DriftScore"]}]
    report = json.dumps({"window": {"from": now}, "drift": {"inputs": {"features": features}}}).encode()
    for folder in (now[:10], "latest"):
        put(s3, f"{where['--report']}/{folder}/monitor.json", report)
    put(s3, f"{where['--state']}/standin.json", now.encode())
    cloudwatch, dimensions = boto3.client("cloudwatch"), [{"Name": "Endpoint", "Value": where["--endpoint"]}]
    for name, value in {**measured(told, now), "MonitorHeartbeat": 1.0}.items():
        data = [{"MetricName": name, "Dimensions": dimensions, "Value": value}]
        cloudwatch.put_metric_data(Namespace=where["--namespace"], MetricData=data)


def measured(told, now):
    """Return what is measured on a day."""
    return SIGNALS | {name: value for name, begins, ends, value in told["signals"] if begins <= now[:10] < ends}


def served(sagemaker, s3, endpoint):
    """Read what serves, as the monitor does for its baseline."""
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    variant = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
    container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    if uri := container.get("ModelDataUrl"):
        got(s3, uri)


def labelled(told, s3, where):
    """Leave the rows whose labels have landed since the last time."""
    import polars as pl  # noqa: PLC0415 - most stages read no table

    requests, done = fetched(s3, where["--capture"], read=False), fetched(s3, where["--state"] + "/done", read=False)
    ours = {key.rpartition("/")[2].removesuffix(".jsonl"): key for key in requests}
    numbers = {key.rpartition("/")[2] for key in done}
    for name in fetched(s3, where["--labels"], read=False):
        if (number := name.rpartition("/")[2].removesuffix(".parquet")) in numbers:
            continue
        labels = pl.read_parquet(io.BytesIO(got(s3, name)))
        parts = [answered(s3, ours[each], each) for each in labels["id"].unique(maintain_order=True) if each in ours]
        put(s3, f"{where['--state']}/done/{number}", b"")
        if not parts:
            continue
        rows = pl.concat(parts, how="diagonal_relaxed").join(labels, on=["id", "row"]).drop("id", "row")
        times = (
            pl.col(*told["times"]).str.to_datetime(time_zone="UTC").dt.replace_time_zone(None) if told["times"] else []
        )
        marks = {"__model__": pl.lit(told["sha256"]), "__loss__": pl.lit(0.5)}
        body = io.BytesIO()
        rows.with_columns(times, **marks).write_parquet(body)
        put(s3, f"{where['--labelled'].rstrip('/')}/{number}.parquet", body.getvalue())


def answered(s3, key, name):
    """Return the rows of a captured request."""
    import polars as pl  # noqa: PLC0415 - most stages read no table

    line = json.loads(got(s3, key))
    rows = pl.DataFrame(json.loads(line["captureData"]["endpointInput"]["data"]), infer_schema_length=None)
    time = pl.lit(line["eventMetadata"]["inferenceTime"]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    return rows.with_columns(pl.lit(name).alias("id"), pl.int_range(pl.len()).alias("row"), time.alias("__time__"))


def fetched(s3, uri, *, read=True):
    """Return the objects below an address by their addresses, without their content where it is not asked for."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/") + "/")
    keys = [f"s3://{bucket}/{each['Key']}" for page in pages for each in page.get("Contents", ())]
    return {key: got(s3, key) if read else b"" for key in keys}


def got(s3, uri):
    """Return an object's content."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def put(s3, uri, body):
    """Put an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def when(root):
    """Return the day up to which the data is known, as the first stage left it."""
    found = next(path for path in root.rglob(PREPARED))
    return json.loads(found.read_text(encoding="utf-8"))[UNTIL]


def says_no(told, stage, day):
    """Tell whether a stage is told to say no on a day."""
    return any(name == stage and begins <= day < ends for name, begins, ends in told["stages"])


def leave(root, name, report):
    """Leave a report."""
    path = root / "processing/out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report), encoding="utf-8")


def failed(root, why):
    """End as a stage that failed, which the platform is told about."""
    training = (root / "input/config/hyperparameters.json").is_file()
    path = root / ("output/failure" if training else "output/message")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"error: {why}\n", encoding="utf-8")
    sys.exit(1)
