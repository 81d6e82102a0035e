"""What every emulated call does before and after its own work."""

from __future__ import annotations

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from servings import ARN, ROLE, Account

from loopwright.rehearsal.aws import requests
from loopwright.rehearsal.aws.client import Client
from loopwright.rehearsal.aws.endpoints import Endpoints
from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.executions import Executions
from loopwright.rehearsal.aws.hosting import Hosting
from loopwright.rehearsal.aws.registry import Registry
from loopwright.rehearsal.aws.requests import listed, operation


class Part:
    @operation("DescribeModel", "ModelName")
    def describe_model(self, request):
        return request["ModelName"] and {"ModelName": "m", "odd": 1}

    @operation("DeleteModel", "ModelName")
    def delete_model(self, request):
        return {"ModelName": "m"}

    @operation("DeleteEndpoint", "EndpointName")
    def delete_endpoint(self, request):
        return None

    def hidden(self):
        return {}


MODEL = {"ModelName": "m", "PrimaryContainer": {"Image": "x"}, "ExecutionRoleArn": ROLE}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Model": "m"}, "Unknown parameter"),
        ({"ModelName": 1}, "Invalid type"),
        ({"PrimaryContainer": {"Imag": "x"}}, "Unknown parameter"),
    ],
)
def test_what_botocore_refuses_is_refused_as_by_botocore(change, said):
    with pytest.raises(ParamValidationError, match=said):
        Account().hosting.create_model(**MODEL | change)


@pytest.mark.parametrize(
    "change",
    [
        {"ModelName": "a_b"},
        {"ModelName": "a" * 64},
        {"PrimaryContainer": {"Image": "x", "Mode": "Several"}},
        {"ExecutionRoleArn": "role/serving-without-an-account"},
    ],
)
def test_what_the_model_forbids_beyond_that_is_the_services_refusal(change):
    with pytest.raises(ClientError) as caught:
        Account().hosting.create_model(**MODEL | change)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.operation_name == "CreateModel"


def test_what_aws_takes_and_nobody_emulates_ends_the_rehearsal():
    with pytest.raises(UnknownError, match="InferenceExecutionConfig of CreateModel"):
        Account().hosting.create_model(**MODEL, InferenceExecutionConfig={"Mode": "Serial"})


@pytest.mark.parametrize("call", ["describe_model", "delete_model"])
def test_an_answer_that_the_model_does_not_know_is_a_fault_of_ours(call):
    with pytest.raises(TypeError, match="no answer of De"):
        getattr(Part(), call)(ModelName="m")


def test_nothing_is_shared_with_the_caller():
    hosting, asked = Account().hosting, MODEL | {"PrimaryContainer": {"Image": "x"}}
    hosting.create_model(**asked)
    asked["PrimaryContainer"]["Image"] = "other"
    hosting.describe_model(ModelName="m")["PrimaryContainer"]["Image"] = "another"
    assert hosting.describe_model(ModelName="m")["PrimaryContainer"] == {"Image": "x"}


def test_a_request_that_was_found_right_is_not_taken_for_one_that_only_equals_it():
    hosting, listing = Account().hosting, {"SortBy": "CreationTime", "SortOrder": "Descending"}
    hosting.list_models(**listing, MaxResults=1)
    for equal in (True, 1.0):
        with pytest.raises((ParamValidationError, ClientError)):
            hosting.list_models(**listing, MaxResults=equal)


def test_a_wrong_request_is_refused_each_time():
    hosting = Account().hosting
    for _ in range(2):
        with pytest.raises(ParamValidationError):
            hosting.create_model(**MODEL | {"ModelName": 1})


def test_a_request_that_was_found_right_is_not_checked_again(monkeypatch):
    part = Part()
    part.delete_endpoint(EndpointName="e")
    monkeypatch.setattr(requests, "model", None)
    assert part.delete_endpoint(EndpointName="e") == {}
    with pytest.raises(TypeError):
        part.delete_endpoint(EndpointName="other")


def test_what_cannot_be_copied_to_the_byte_is_checked_too():
    with pytest.raises(ParamValidationError, match="Invalid type"):
        Part().delete_endpoint(EndpointName=lambda: "e")


@pytest.mark.parametrize("part", [Hosting, Endpoints, Registry, Executions])
def test_calls_have_boto3s_names(part):
    calls = {name: call.operation for name, call in vars(part).items() if hasattr(call, "operation")}
    assert calls
    assert {name: xform_name(asked) for name, asked in calls.items()} == {name: name for name in calls}


def test_a_client_has_the_calls_of_its_parts_and_no_others():
    account = Account()
    client = Client("sagemaker", account.hosting, account.endpoints, Part())
    answer = client.create_model(**MODEL)
    assert answer == {"ModelArn": f"{ARN}:model/m", "ResponseMetadata": {"HTTPStatusCode": 200}}
    for name in ("create_hub", "hidden", "config", "share"):
        with pytest.raises(UnknownError, match=f"sagemaker.{name}"):
            getattr(client, name)


MADE = [{"Name": number} for number in range(5)]
ORDER = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 2}


def test_pages_follow_each_other_to_the_end():
    found, request = [], ORDER
    for _ in range(3):
        page, more = listed("ListModels", MADE, request)
        found, request = found + [each["Name"] for each in page], ORDER | more
    assert found == [4, 3, 2, 1, 0]
    assert more == {}


def test_a_last_page_that_is_full_has_no_token():
    assert listed("ListModels", MADE[:2], ORDER) == ([{"Name": 1}, {"Name": 0}], {})


def test_the_documented_order_counts_where_none_is_asked_for():
    asked = {"MaxResults": 1}
    assert listed("ListModels", MADE, asked, order="Descending")[0] == [{"Name": 4}]
    assert listed("ListModelPackages", MADE, asked, order="Ascending")[0] == [{"Name": 0}]


@pytest.mark.parametrize("change", [{"SortBy": "Name"}, {"SortOrder": None}, {"MaxResults": None}])
def test_an_order_that_nobody_documents_is_unknown(change):
    asked = {key: value for key, value in (ORDER | change).items() if value is not None}
    with pytest.raises(UnknownError, match="ListModels"):
        listed("ListModels", MADE, asked)


def test_a_token_of_others_is_refused():
    with pytest.raises(ClientError, match="token"):
        listed("ListModels", MADE, ORDER | {"NextToken": "²"})
