"""An endpoint's life: its states, and what each of them allows."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from servings import ARN, NAME, PROVISIONING, SERVERLESS, START, TERMINATING, Account, canary, minutes

from loopwright.rehearsal.aws.errors import UnknownError

OLD = {"old": 1.0}


@pytest.fixture
def account():
    account = Account(alarms={"errors": "OK"})
    account.serving("old", "new")
    return account


def refusal(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]


def test_a_new_endpoint_is_creating_until_its_fleet_answers():
    account = Account()
    account.config("old")
    answer = account.endpoints.create_endpoint(EndpointName="Churn-Dev", EndpointConfigName="old")
    assert answer == {"EndpointArn": f"{ARN}:endpoint/churn-dev"}
    account.later(PROVISIONING - minutes(1))
    found = account.endpoints.describe_endpoint(EndpointName="Churn-Dev")
    assert (found["EndpointStatus"], "ProductionVariants" in found) == ("Creating", False)
    assert found["PendingDeploymentSummary"] == {"EndpointConfigName": "old", "StartTime": START}
    assert account.endpoints.share("Churn-Dev", account.clock.now) == {}
    account.later(minutes(1))
    found = account.endpoints.describe_endpoint(EndpointName="Churn-Dev")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "old")
    assert (found["CreationTime"], found["LastModifiedTime"]) == (START, START + PROVISIONING)
    assert account.endpoints.share("Churn-Dev", account.clock.now) == OLD


def test_an_endpoint_whose_containers_are_not_healthy_fails_and_can_only_be_deleted():
    account = Account(sick={"old"})
    account.config("old")
    account.config("new")
    account.endpoints.create_endpoint(EndpointName=NAME, EndpointConfigName="old")
    account.later(PROVISIONING)
    assert account.status == "Failed"
    assert "health" in account.endpoint["FailureReason"]
    assert account.share() == {}
    assert "Failed" in refusal(lambda: account.update("new"))["Message"]
    account.endpoints.delete_endpoint(EndpointName=NAME)
    assert account.status == "Deleting"
    account.later(TERMINATING)
    assert "Could not find endpoint" in refusal(lambda: account.endpoint)["Message"]


def test_names_are_taken_whatever_their_case_until_the_endpoint_is_gone(account):
    again = {"EndpointName": NAME.upper(), "EndpointConfigName": "new"}
    assert "already existing" in refusal(lambda: account.endpoints.create_endpoint(**again))["Message"]
    account.endpoints.delete_endpoint(EndpointName=NAME)
    assert account.share() == {}
    account.later(TERMINATING)
    account.endpoints.create_endpoint(**again)


def busy(account, status):
    if status == "Creating":
        account.endpoints.create_endpoint(EndpointName="another", EndpointConfigName="old")
        return "another"
    if status == "SystemUpdating":
        account.endpoints.endpoint(NAME).maintain(minutes(5))
    elif status == "Deleting":
        account.endpoints.delete_endpoint(EndpointName=NAME)
    else:
        account.update("new", canary())
        account.alarms["errors"] = "ALARM" if status == "RollingBack" else "OK"
        account.later(PROVISIONING)
    return NAME


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"])
def test_an_endpoint_in_progress_takes_neither_update_nor_deletion(account, status):
    name = busy(account, status)
    assert account.endpoints.describe_endpoint(EndpointName=name)["EndpointStatus"] == status
    error = refusal(lambda: account.endpoints.update_endpoint(EndpointName=name, EndpointConfigName="new"))
    assert error["Code"] == "ValidationException"
    assert error["Message"] == f'Cannot update in-progress endpoint "{ARN}:endpoint/{name}".'
    assert refusal(lambda: account.endpoints.delete_endpoint(EndpointName=name)) == error


def test_maintenance_ends_by_itself_and_keeps_the_traffic(account):
    account.endpoints.endpoint(NAME).maintain(minutes(5))
    assert (account.status, account.share()) == ("SystemUpdating", OLD)
    with pytest.raises(ValueError, match="SystemUpdating"):
        account.endpoints.endpoint(NAME).maintain(minutes(5))
    account.later(minutes(5))
    assert account.status == "InService"


def test_both_configurations_must_exist(account):
    assert "endpoint-config/gone" in refusal(lambda: account.update("gone"))["Message"]
    account.hosting.delete_endpoint_config(EndpointConfigName="old")
    assert account.status == "InService"
    assert refusal(lambda: account.update("new"))["Message"].startswith("Could not find endpoint configuration")


def test_the_variants_must_have_the_same_name(account):
    variant = {"VariantName": "other", "ModelName": "new", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    account.hosting.create_endpoint_config(EndpointConfigName="renamed", ProductionVariants=[variant])
    assert refusal(lambda: account.update("renamed"))["Code"] == "ValidationException"


def test_what_aws_does_not_document_is_unknown(account):
    account.config("serverless", SERVERLESS)
    for asked in (
        {"config": "old"},
        {"config": "serverless"},
        {"config": "new", "deployment": canary(alarms=("gone",))},
        {"config": "new", "deployment": canary(), "RetainDeploymentConfig": True},
    ):
        with pytest.raises(UnknownError):
            account.update(**asked)
    assert account.status == "InService"


CAPTURE = {"InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://capture/churn"}
MODES = {"CaptureOptions": [{"CaptureMode": "Input"}], "EnableCapture": True}


@pytest.mark.parametrize(
    ("asked", "instances", "captured"),
    [
        ({}, 1, True),
        ({"RetainAllVariantProperties": True}, 2, False),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DataCaptureConfig"}],
            },
            2,
            True,
        ),
    ],
)
def test_properties_are_retained_but_the_excluded_ones(account, asked, instances, captured):
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    account.config("smaller", variant, DataCaptureConfig=CAPTURE | MODES)
    account.update("smaller", **asked)
    account.later(minutes(60))
    assert account.endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == instances
    assert ("DataCaptureConfig" in account.endpoint) is captured


def test_the_last_deployment_configuration_is_reused_on_request(account):
    account.update("new", canary())
    account.later(minutes(60))
    account.update("old", RetainDeploymentConfig=True)
    account.later(PROVISIONING)
    assert account.share() == pytest.approx({"new": 0.9, "old": 0.1})
