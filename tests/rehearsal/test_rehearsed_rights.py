"""Who may do what: each call as its role's policies say, and without a statement all but the calls that it is for."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from botocore.exceptions import ClientError

from loopwright.rehearsal.aws.errors import UnknownError
from loopwright.rehearsal.aws.rights import RESOURCES, Rights
from loopwright.wiring.needs import CALLS
from loopwright.wiring.stack import ACCOUNT_ID, Stack
from stacks import graph, needs_pulumi

pytestmark = needs_pulumi
NAME = "shop-prod"
DATA, ARTEFACTS, CAPTURE = (f"{NAME}-{kind}-{ACCOUNT_ID}" for kind in ("data", "artifacts", "capture"))
GROUP = f"{NAME}-models"
POLICY, KEY = "aws:iam/rolePolicy:RolePolicy", "aws:kms/key:Key"


def arn(service, resource, region="eu-west-1"):
    return f"arn:aws:{service}:{region}:{ACCOUNT_ID}:{resource}"


PACKAGE, TOPIC = arn("sagemaker", f"model-package/{GROUP}/1"), arn("sns", f"{NAME}-alerts")
START = ("controller", "sagemaker", "StartPipelineExecution", {"PipelineName": f"{NAME}-training"})
TELL = [
    ("s3", "ListObjectsV2", {"Bucket": ARTEFACTS, "Prefix": "decisions/pages/x"}),
    ("s3", "PutObject", {"Bucket": ARTEFACTS, "Key": "decisions/2026/x.json"}),
    ("sns", "Publish", {"TopicArn": TOPIC}),
    ("cloudwatch", "PutMetricData", {"Namespace": f"Loop/{NAME}"}),
    ("cloudwatch", "DescribeAlarms", {"AlarmNames": [f"{NAME}-drift"]}),
    ("sagemaker", "ListModelPackages", {"ModelPackageGroupName": GROUP}),
    ("sagemaker", "DescribeModelPackage", {"ModelPackageName": PACKAGE}),
]
CONFIG, MODEL = {"EndpointConfigName": f"{NAME}-v1-1"}, {"ModelName": f"{NAME}-v1-1"}
SERVING = f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}-serving"
MAY = [
    START,
    *(("controller", *call) for call in TELL),
    *(("deployer", *call) for call in TELL),
    ("controller", "sagemaker", "ListPipelineExecutions", {"PipelineName": f"{NAME}-training"}),
    ("controller", "ssm", "GetParameter", {"Name": "/shop/prod/paused"}),
    ("controller", "budgets", "DescribeBudget", {"AccountId": ACCOUNT_ID, "BudgetName": f"{NAME}-budget"}),
    ("controller", "s3", "ListObjectsV2", {"Bucket": DATA, "Prefix": "data/"}),
    ("controller", "s3", "GetObject", {"Bucket": ARTEFACTS, "Key": "runs/x/probe/reports/probe.json"}),
    ("deployer", "sagemaker", "UpdateModelPackage", {"ModelPackageArn": PACKAGE}),
    ("deployer", "sagemaker", "DescribeEndpoint", {"EndpointName": NAME}),
    ("deployer", "sagemaker", "UpdateEndpoint", {"EndpointName": NAME, **CONFIG}),
    ("deployer", "sagemaker", "CreateModel", {**MODEL, "ExecutionRoleArn": SERVING}),
    ("deployer", "sagemaker", "CreateEndpointConfig", CONFIG),
    ("deployer", "sagemaker", "DeleteEndpointConfig", CONFIG),
    ("deployer", "sagemaker", "DeleteModel", MODEL),
    ("deployer", "sagemaker", "ListModels", {}),
    ("deployer", "sagemaker", "ListEndpointConfigs", {}),
    ("deployer", "s3", "HeadObject", {"Bucket": ARTEFACTS, "Key": "models/x/model.tar.gz"}),
    ("deployer", "s3", "GetObject", {"Bucket": ARTEFACTS, "Key": "models/x/model.tar.gz"}),
    ("monitoring", "sagemaker", "DescribeEndpoint", {"EndpointName": NAME}),
    ("monitoring", "sagemaker", "DescribeEndpointConfig", CONFIG),
    ("monitoring", "sagemaker", "DescribeModel", MODEL),
    ("monitoring", "s3", "ListObjectsV2", {"Bucket": CAPTURE, "Prefix": "requests/2026/"}),
    ("monitoring", "s3", "PutObject", {"Bucket": CAPTURE, "Key": "state/x"}),
    ("monitoring", "cloudwatch", "PutMetricData", {"Namespace": f"Loop/{NAME}"}),
]
MAY_NOT = [
    ("deployer", *START[1:]),
    ("controller", "sagemaker", "StartPipelineExecution", {"PipelineName": f"{NAME}-monitor"}),
    ("controller", "sagemaker", "DescribeModelPackage", {"ModelPackageName": f"{PACKAGE}".replace(GROUP, "others")}),
    ("controller", "sagemaker", "ListModelPackages", {"ModelPackageGroupName": "others"}),
    ("controller", "s3", "ListObjectsV2", {"Bucket": DATA}),
    ("controller", "s3", "ListObjectsV2", {"Bucket": DATA, "Prefix": "labels/"}),
    ("controller", "s3", "GetObject", {"Bucket": DATA, "Key": "data/x"}),
    ("controller", "s3", "PutObject", {"Bucket": ARTEFACTS, "Key": "models/x"}),
    ("controller", "sns", "Publish", {"TopicArn": arn("sns", "others")}),
    ("controller", "ssm", "GetParameter", {"Name": "/shop/dev/paused"}),
    ("controller", "budgets", "DescribeBudget", {"AccountId": ACCOUNT_ID, "BudgetName": "others"}),
    ("controller", "cloudwatch", "PutMetricData", {"Namespace": "Loop/others"}),
    ("deployer", "sagemaker", "UpdateEndpoint", {"EndpointName": NAME, "EndpointConfigName": "others"}),
    ("deployer", "sagemaker", "UpdateEndpoint", {"EndpointName": "others", **CONFIG}),
    ("deployer", "sagemaker", "CreateModel", {**MODEL, "ExecutionRoleArn": SERVING.replace("serving", "training")}),
    ("deployer", "sagemaker", "DescribeEndpoint", {"EndpointName": "others"}),
    ("monitoring", "sagemaker", "DescribeModel", {"ModelName": "others"}),
]


@pytest.fixture(scope="module")
def shipped():
    return Stack(graph("prod"), None)


def check(stack, role, service, operation, request):
    return Rights(stack).check(stack.named("role")[f"{NAME}-{role}"], service, operation, request)


def changed(stack, kind, name, change):
    """Return the stack with the statements of one policy changed."""
    (node,) = (each for each in stack.graph.of_type(kind) if name in each.id)
    document = json.loads(node.inputs["policy"])
    document["Statement"] = change(document["Statement"])
    nodes = dict(stack.graph.nodes)
    nodes[node.id] = replace(node, inputs=MappingProxyType({**node.inputs, "policy": json.dumps(document)}))
    return Stack(replace(stack.graph, nodes=MappingProxyType(nodes)), None)


def without(stack, kind, name, sid):
    return changed(stack, kind, name, lambda statements: [each for each in statements if each["Sid"] != sid])


@pytest.mark.parametrize("call", MAY)
def test_each_role_may_make_the_calls_that_it_makes(shipped, call):
    assert check(shipped, *call) is None


@pytest.mark.parametrize("call", MAY_NOT)
def test_no_role_may_do_more(shipped, call):
    error = check(shipped, *call)
    assert isinstance(error, ClientError)
    assert "AccessDenied" in str(error) or "AuthorizationError" in str(error)


def test_what_was_answered_once_is_no_answer_for_others(shipped):
    rights, roles = Rights(shipped), shipped.named("role")
    calls = [*MAY, *MAY_NOT, *MAY]
    told = [rights.check(roles[f"{NAME}-{role}"], *call) is None for role, *call in calls]
    assert told == [call in MAY for call in calls]


def test_every_kind_of_resource_of_the_wirings_table_is_known():
    assert {kind for needs in CALLS.values() for _, kind in needs} == set(RESOURCES)


def test_a_statement_that_is_taken_away_denies_its_calls_and_no_others(shipped):
    bare = without(shipped, POLICY, "controller", "Start")
    denied = [(role, operation) for role, *call in MAY if check(bare, role, *call) for operation in call[1:2]]
    assert denied == [("controller", "StartPipelineExecution"), ("controller", "ListPipelineExecutions")]


def test_an_action_that_is_taken_away_denies_exactly_its_call(shipped):
    def start_no_more(statements):
        for each in statements:
            if "sagemaker:StartPipelineExecution" in each["Action"]:
                each["Action"].remove("sagemaker:StartPipelineExecution")
        return statements

    bare = changed(shipped, POLICY, "controller", start_no_more)
    assert [call for call in MAY if check(bare, *call)] == [START]


def test_a_denial_says_who_what_and_on_what(shipped):
    error = check(without(shipped, POLICY, "controller", "Start"), *START)
    assert error.operation_name == "StartPipelineExecution"
    assert error.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/{NAME}-controller/rehearsal is not authorized to "
        f"perform: sagemaker:StartPipelineExecution on resource: {arn('sagemaker', f'pipeline/{NAME}-training')}",
    }


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code"),
    [
        ("s3", "GetObject", {"Bucket": DATA, "Key": "x"}, "AccessDenied"),
        ("s3", "HeadObject", {"Bucket": DATA, "Key": "x"}, "403"),
        ("cloudwatch", "PutMetricData", {"Namespace": "others"}, "AccessDenied"),
        ("sns", "Publish", {"TopicArn": arn("sns", "others")}, "AuthorizationError"),
        ("ssm", "GetParameter", {"Name": "others"}, "AccessDeniedException"),
    ],
)
def test_each_service_denies_in_its_own_word(shipped, service, operation, request_, code):
    assert check(shipped, "controller", service, operation, request_).response["Error"]["Code"] == code


def test_an_operation_may_be_named_as_boto3_does(shipped):
    assert check(shipped, "controller", "sagemaker", "start_pipeline_execution", START[-1]) is None
    error = check(shipped, "deployer", "sagemaker", "start_pipeline_execution", START[-1])
    assert error.operation_name == "StartPipelineExecution"
    error = check(shipped, "controller", "s3", "list_objects_v2", {"Bucket": DATA})
    assert error.operation_name == "ListObjectsV2"


def test_a_denial_counts_more_than_what_allows(shipped):
    deny = {"Sid": "No", "Effect": "Deny", "Action": "sagemaker:Start*", "Resource": "*"}
    bare = changed(shipped, POLICY, "controller", lambda statements: [*statements, deny])
    assert [call for call in MAY if check(bare, *call)] == [START]


def test_what_is_encrypted_needs_the_key_too(shipped):
    bare = without(shipped, KEY, "store-key", "Roles")
    denied = {
        (service, operation)
        for role, service, operation, request in MAY
        if check(bare, role, service, operation, request)
    }
    encrypted = {("s3", "GetObject"), ("s3", "HeadObject"), ("s3", "PutObject"), ("sns", "Publish")}
    assert denied == encrypted
    error = check(bare, "controller", "s3", "PutObject", {"Bucket": ARTEFACTS, "Key": "decisions/x"})
    assert "perform: kms:GenerateDataKey on resource" in str(error)


def test_what_is_not_encrypted_with_a_key_of_the_stack_needs_none(shipped):
    logs = f"arn:aws:s3:::{NAME}-logs-{ACCOUNT_ID}"
    reads = {"Sid": "R", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{logs}/*"}
    bare = changed(without(shipped, KEY, "store-key", "Roles"), POLICY, "controller", lambda given: [*given, reads])
    assert check(bare, "controller", "s3", "GetObject", {"Bucket": logs.rpartition(":")[2], "Key": "x"}) is None


def test_what_is_not_there_is_forbidden_to_who_may_not_list(shipped):
    role, request = shipped.named("role")[f"{NAME}-controller"], {"Bucket": ARTEFACTS, "Key": "runs/x"}
    absent = ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
    headless = ClientError({"Error": {"Code": "404", "Message": ""}}, "HeadObject")
    other = ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "GetObject")
    # A listing that is allowed below a prefix is no listing of the bucket.
    assert Rights(shipped).missing(role, absent, request).response["Error"]["Code"] == "AccessDenied"
    assert Rights(shipped).missing(role, headless, request).response["Error"]["Code"] == "403"
    assert Rights(shipped).missing(role, other, request) is other
    listing = {"Sid": "L", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{ARTEFACTS}"}
    wide = changed(shipped, POLICY, "controller", lambda statements: [*statements, listing])
    assert Rights(wide).missing(wide.named("role")[f"{NAME}-controller"], absent, request) is absent


def test_a_call_that_says_nothing_is_left_to_who_checks_calls(shipped):
    assert check(shipped, "controller", "sagemaker", "StartPipelineExecution", {}) is None
    assert check(shipped, "controller", "ssm", "GetParameter", {"Name": 1}) is None


def test_a_call_that_the_wiring_does_not_know_is_unknown(shipped):
    with pytest.raises(UnknownError, match="DeletePipeline"):
        check(shipped, "controller", "sagemaker", "DeletePipeline", {"PipelineName": "x"})


def test_the_same_question_is_answered_once(shipped, monkeypatch):
    rights, role = Rights(shipped), shipped.named("role")[f"{NAME}-controller"]
    assert rights.check(role, *START[1:]) is None
    monkeypatch.setattr(rights, "_allowed", None)
    assert rights.check(role, *START[1:]) is None
