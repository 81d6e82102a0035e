"""What a retraining learns from: the curated prefix of the data, which no role of a stack writes; no raw request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rights import NAMES, roles

from loopwright.wiring.iam import allowed

DATA, CAPTURE = (NAMES.bucket_arn(role) for role in ("data", "capture"))
DEFINITIONS = Path(__file__).parents[2] / "infra/definitions"
ARGUMENTS = {
    "controller": {"data_prefix": "data/", "record_prefix": "decisions/"},
    "deployer": {"record_prefix": "decisions/"},
}
ROLES = roles.__all__


def may(role, action, resource, **context):
    return allowed(getattr(roles, role)(NAMES, **ARGUMENTS.get(role, {}))["Statement"], action, resource, context)


@pytest.mark.parametrize("key", ["data/history.parquet", "data/golden.parquet", "data/history/2026-11.parquet"])
def test_a_training_job_reads_the_curated_data(key):
    assert may("training", "s3:GetObject", f"{DATA}/{key}")
    assert may("training", "s3:ListBucket", DATA, **{"s3:prefix": "data/"})


@pytest.mark.parametrize(
    "key", ["requests/shop/AllTraffic/2026/11/26/03/a.jsonl", "state/rows/part-00000.parquet", "x"]
)
def test_a_training_job_reads_no_raw_request(key):
    assert not may("training", "s3:GetObject", f"{CAPTURE}/{key}")
    assert not may("training", "s3:ListBucket", CAPTURE, **{"s3:prefix": key})


@pytest.mark.parametrize("key", ["labels/2026-11.parquet", "features/shop/a.parquet", "history.parquet"])
def test_a_training_job_reads_no_other_data(key):
    assert not may("training", "s3:GetObject", f"{DATA}/{key}")
    assert not may("training", "s3:ListBucket", DATA, **{"s3:prefix": key})
    assert not may("training", "s3:ListBucket", DATA, **{"s3:prefix": ""})


def test_the_answers_with_labels_are_all_that_it_reads_of_what_was_captured():
    assert may("training", "s3:GetObject", f"{CAPTURE}/labelled/2026-11-25/part.parquet")
    assert [role for role in ROLES if may(role, "s3:PutObject", f"{CAPTURE}/labelled/x")] == ["monitoring"]


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl"])
def test_no_role_of_a_stack_changes_the_curated_data(action):
    context = {"aws:ResourceAccount": NAMES.account, "aws:RequestedRegion": NAMES.region}
    assert [role for role in ROLES if may(role, action, f"{DATA}/data/history.parquet", **context)] == []
    assert [role for role in ROLES if may(role, action, f"{DATA}/labels/x.parquet", **context)] == []


def test_only_the_endpoint_writes_what_was_captured():
    assert [role for role in ROLES if may(role, "s3:PutObject", f"{CAPTURE}/requests/x")] == ["serving"]
    assert [role for role in ROLES if may(role, "s3:GetObject", f"{CAPTURE}/requests/x")] == ["monitoring"]


def steps(found):
    """Yield every step of a pipeline, those of its conditions among them."""
    for step in found:
        yield step
        arguments = step.get("Arguments", {})
        yield from steps([*arguments.get("IfSteps", ()), *arguments.get("ElseSteps", ())])


def places(step):
    """Return what a job of the compiled pipeline is given."""
    arguments = step.get("Arguments", {})
    found = [each["S3Input"]["S3Uri"] for each in arguments.get("ProcessingInputs", ())]
    return found + [each["DataSource"]["S3DataSource"]["S3Uri"] for each in arguments.get("InputDataConfig", ())]


def test_rows_to_learn_come_from_the_data_and_answers_only_judge():
    """Of all stages only the probe is given labelled answers: it says whether to go on, and hands no rows on."""
    document = json.loads((DEFINITIONS / "training.json").read_text(encoding="utf-8"))
    given = {step["Name"]: places(step) for step in steps(document["Steps"])}
    assert {"prepare", "probe", "train", "gates"} <= set(given)
    assert [name for name, found in given.items() if "${logged_uri}" in found] == ["probe"]
    assert given["prepare"] == [{"Get": "Parameters.DataUri"}]
    (default,) = (each["DefaultValue"] for each in document["Parameters"] if each["Name"] == "DataUri")
    assert default == "${data_uri}"
    texts = [json.dumps(place) for place in given["train"]]
    assert texts
    assert all("Steps.prepare." in text or "Steps.probe." in text for text in texts)


def test_the_tracking_server_keeps_to_its_own_prefix():
    artifacts = NAMES.bucket_arn("artifacts")
    for action in ("s3:GetObject", "s3:PutObject"):
        assert may("tracking", action, f"{artifacts}/mlflow/1/model.txt")
        assert not may("tracking", action, f"{artifacts}/models/1/model.tar.gz")
        assert not may("tracking", action, f"{DATA}/data/history.parquet")
    assert not may("tracking", "sagemaker:CreateModelPackage", NAMES.arn("sagemaker", "model-package/x/1"))
