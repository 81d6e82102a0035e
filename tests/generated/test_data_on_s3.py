"""The data in S3: pushed from one clone, pulled into another, which makes the same model of it."""

from __future__ import annotations

import hashlib
import os
import subprocess

import boto3
import emulator
import pytest

from datasets import Shape, write
from lap import Repository, environment
from repositories import new

pytestmark = pytest.mark.generated

BUCKET = "shop-dev-data"
STAGES = ("prepare", "probe", "train", "evaluate", "gates", "register")


@pytest.fixture
def aws(monkeypatch):
    """An empty bucket, and an environment in which DVC finds it."""
    with emulator.serve() as aws:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret - what moto takes
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=aws.endpoint)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield aws


def run(repository, *words):
    path = os.pathsep.join([str(repository.venv / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        words, cwd=repository.folder, env=environment() | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - what DVC names a file by  # nosec B324


def model(repository):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (repository.folder / "model").iterdir()
    }


def test_a_fresh_clone_pulls_the_data_and_makes_the_same_model(tmp_path, venv, aws):
    first = Repository(folder=tmp_path / "shop", venv=venv)
    shape = Shape(target="two classes", time=True, entity=True)
    new(first.folder, "--data", write(tmp_path, shape), *shape.words(), "--set", "project=shop")
    run(first, "dvc", "remote", "modify", "storage", "url", f"s3://{BUCKET}/dvc")
    run(first, "dvc", "remote", "modify", "storage", "endpointurl", aws.endpoint)
    first.make("run")
    run(first, "git", "add", "--all")
    run(first, "git", "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "--quiet", "--message=run")

    listed = boto3.client("s3", endpoint_url=aws.endpoint).list_objects_v2(Bucket=BUCKET)["Contents"]
    stored = {entry["Key"].removeprefix("dvc/files/md5/").replace("/", "") for entry in listed}
    assert stored == {md5(first.folder / "data" / name) for name in ("history.parquet", "golden.parquet")}

    second = Repository(folder=tmp_path / "clone", venv=venv)
    subprocess.run(["git", "clone", "--quiet", first.folder, second.folder], check=True)
    assert not (second.folder / "data/history.parquet").exists()
    run(second, "dvc", "pull", "data/history.parquet", "data/golden.parquet")
    said = run(second, "dvc", "repro")
    # What DVC keeps is made anew. What git keeps came along, and is right still: all that it was made of has the same
    # bytes, the model among them.
    assert [f"Running stage '{name}'" in said for name in STAGES] == [True, False, True, True, False, False]
    assert "Stage 'gates' didn't change" in said
    assert model(second) == model(first)
    assert aws.faults() == []
