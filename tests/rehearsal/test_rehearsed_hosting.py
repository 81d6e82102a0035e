"""Models and endpoint configurations as SageMaker keeps them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from servings import ARN, ROLE, START, Account, minutes

from loopwright.rehearsal.aws.errors import UnknownError

SIZE = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.fixture
def account():
    account = Account()
    account.config("Alpha")
    return account


def test_what_is_described_is_what_was_asked_for(account):
    account.hosting.create_model(
        ModelName="b", PrimaryContainer={"Image": "x"}, ExecutionRoleArn=ROLE, Tags=[{"Key": "a", "Value": "b"}]
    )
    assert account.hosting.describe_model(ModelName="b") == {
        "ModelName": "b",
        "ModelArn": f"{ARN}:model/b",
        "CreationTime": START,
        "PrimaryContainer": {"Image": "x"},
        "ExecutionRoleArn": ROLE,
    }
    config = account.hosting.describe_endpoint_config(EndpointConfigName="Alpha")
    assert config["EndpointConfigArn"] == f"{ARN}:endpoint-config/alpha"
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_a_name_is_given_once(account):
    with pytest.raises(ClientError, match=r"Cannot create already existing model .*:model/alpha"):
        account.hosting.create_model(ModelName="Alpha", PrimaryContainer={"Image": "y"}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "main", "ModelName": "Alpha", **SIZE}
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        account.hosting.create_endpoint_config(EndpointConfigName="Alpha", ProductionVariants=[variant])


def test_a_configuration_needs_its_model(account):
    with pytest.raises(ClientError, match="Could not find model"):
        account.hosting.create_endpoint_config(
            EndpointConfigName="b", ProductionVariants=[{"VariantName": "main", "ModelName": "gone", **SIZE}]
        )


@pytest.mark.parametrize(
    "variants",
    [
        [{"VariantName": "a", "ModelName": "Alpha", **SIZE}, {"VariantName": "b", "ModelName": "Alpha", **SIZE}],
        [{"VariantName": "a", **SIZE}],
        [{"VariantName": "a", "ModelName": "Alpha"}],
    ],
)
def test_several_variants_components_and_pools_are_unknown(account, variants):
    with pytest.raises(UnknownError, match="one variant"):
        account.hosting.create_endpoint_config(EndpointConfigName="b", ProductionVariants=variants)


@pytest.mark.parametrize("verb", ["describe", "delete"])
@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("model", {"ModelName": "Gone"}, f'Could not find model "{ARN}:model/gone"'),
        (
            "endpoint_config",
            {"EndpointConfigName": "Gone"},
            f'Could not find endpoint configuration "{ARN}:endpoint-config/gone"',
        ),
    ],
)
def test_what_is_not_there_is_not_found(account, verb, kind, asked, words):
    with pytest.raises(ClientError) as caught:
        getattr(account.hosting, f"{verb}_{kind}")(**asked)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": f"{words}."}


def test_what_was_deleted_is_gone_and_its_name_is_free(account):
    account.hosting.delete_endpoint_config(EndpointConfigName="Alpha")
    account.hosting.delete_model(ModelName="Alpha")
    account.config("Alpha")
    with pytest.raises(ClientError, match="already existing"):
        account.config("Alpha")


def test_lists_come_by_creation_and_by_a_part_of_the_name(account):
    for name in ("churn-a", "other", "churn-b"):
        account.later(minutes(1))
        account.config(name)
    asked = {"NameContains": "churn", "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
    assert [each["ModelName"] for each in account.hosting.list_models(**asked)["Models"]] == ["churn-b", "churn-a"]
    found = account.hosting.list_endpoint_configs(NameContains="churn", MaxResults=1)
    assert found["EndpointConfigs"] == [
        {
            "EndpointConfigName": "churn-b",
            "EndpointConfigArn": f"{ARN}:endpoint-config/churn-b",
            "CreationTime": START + minutes(3),
        }
    ]
    assert found["NextToken"]
