"""The bridge: what a program asks of boto3 reaches the rehearsal, and what it answers comes back as from AWS."""

from __future__ import annotations

import io
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from loopwright.errors import LoopwrightError
from loopwright.rehearsal.project.answering import Answering
from loopwright.rehearsal.project.environment import PROGRAMS

sys.path.append(str(PROGRAMS))
import bridge

ROLE = "arn:aws:iam::123456789012:role/worker"


class Aws:
    """The rehearsal's end: answers what it is told to, and keeps what it was asked."""

    def __init__(self):
        self.asked, self.answers = [], []

    def __call__(self, role, service, name, request):
        self.asked.append((role, service, name, request))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setattr(boto3, "client", boto3.client)
    with tempfile.TemporaryDirectory(prefix="aws-") as folder:
        aws = Aws()
        aws.answering = Answering(Path(folder) / "aws", aws)
        bridge.install(aws.answering.address, ROLE)
        yield aws
        aws.answering.close()


def test_a_call_reaches_the_service_as_the_role_with_its_own_types(aws):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    aws.answers = [{"Time": now, "Many": [1, 2.5, None]}]
    found = boto3.client("sagemaker", region_name="eu-west-1", config=None).describe_endpoint(EndpointName="e", At=now)
    assert found == {"Time": now, "Many": [1, 2.5, None]}
    assert aws.asked == [(ROLE, "sagemaker", "describe_endpoint", {"EndpointName": "e", "At": now})]


def test_a_refusal_is_raised_as_boto3_does(aws):
    response = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    aws.answers = [ClientError(response, "GetObject"), {"fine": True}]
    s3 = boto3.client("s3")
    with pytest.raises(ClientError, match="AccessDenied") as refused:
        s3.get_object(Bucket="b", Key="k")
    assert (refused.value.response, refused.value.operation_name) == (response, "GetObject")
    assert s3.get_object(Bucket="b", Key="k") == {"fine": True}
    aws.answering.check()


def test_a_request_that_botocore_would_not_send_is_raised_as_such(aws):
    aws.answers = [ParamValidationError(report="Missing required parameter in input: Bucket")]
    with pytest.raises(ParamValidationError, match="Missing required parameter"):
        boto3.client("s3").get_object(Key="k")
    aws.answering.check()


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (
            LoopwrightError("s3 has no such operation", because="it is not emulated", attempt="another"),
            "no such operation",
        ),
        (ZeroDivisionError("division by zero"), "division by zero"),
    ],
)
def test_what_nobody_emulates_ends_the_program_and_the_rehearsal(aws, error, what):
    aws.answers = [error]
    with pytest.raises(SystemExit, match=what):
        boto3.client("s3").restore_object()
    with pytest.raises(type(error)) as broken:
        aws.answering.check()
    assert broken.value is error


def test_pages_follow_each_other(aws):
    aws.answers = [
        {"Contents": [1], "IsTruncated": True, "NextContinuationToken": "next"},
        {"Contents": [2], "IsTruncated": False},
    ]
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket="b", Prefix="p/")
    assert [page["Contents"] for page in pages] == [[1], [2]]
    first, second = (request for *_, request in aws.asked)
    assert first == {"Bucket": "b", "Prefix": "p/"}
    assert second == first | {"ContinuationToken": "next"}


def test_what_is_in_an_object_is_read_in_parts(aws):
    def body():
        aws.answers = [{"Body": io.BytesIO(b"0123456789")}]
        return boto3.client("s3").get_object(Bucket="b", Key="k")["Body"]

    assert body().read() == b"0123456789"
    assert list(body().iter_chunks(4)) == [b"0123", b"4567", b"89"]
    stream = body()
    assert [stream.read(3), stream.read(), stream.read(3)] == [b"012", b"3456789", b""]
    stream.close()


@pytest.mark.parametrize("content", [b"bytes", io.BytesIO(b"bytes")])
def test_what_is_put_arrives_as_bytes(aws, content):
    boto3.client("s3").put_object(Bucket="b", Key="k", Body=content)
    assert aws.asked[0][3]["Body"] == b"bytes"


def test_programs_of_several_roles_ask_at_the_same_time(aws):
    bridge.install(aws.answering.address, "first")
    first = boto3.client("ssm")
    first.get_parameter(Name="a")
    bridge.install(aws.answering.address, "second")
    boto3.client("ssm").get_parameter(Name="b")
    first.get_parameter(Name="c")
    assert [(role, request["Name"]) for role, _, _, request in aws.asked] == [
        ("first", "a"),
        ("second", "b"),
        ("first", "c"),
    ]


def test_nobody_answers_when_the_rehearsal_is_over(aws):
    aws.answering.close()
    with pytest.raises(OSError, match=r"refused|No such file"):
        boto3.client("ssm").get_parameter(Name="a")


def test_a_client_is_no_object_that_a_library_could_take_for_another(aws):
    assert not hasattr(boto3.client("s3"), "__array__")
    assert aws.asked == []
