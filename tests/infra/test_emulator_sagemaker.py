"""What the emulator knows of SageMaker: read back as asked for, and refused as AWS does."""

from __future__ import annotations

import json

import pytest
from emulator.testing import ACCOUNT, refused

pytest_plugins = ["emulator.fixtures"]

PIPELINE = {"Version": "2020-12-01", "Steps": [{"Name": "Train", "Type": "Training", "Arguments": {}}]}
TAGS = [{"Key": "Owner", "Value": "us"}]


def without(answer: dict, *names: str) -> dict:
    return {key: value for key, value in answer.items() if key not in (*names, "ResponseMetadata")}


class TestSageMaker:
    @pytest.fixture
    def model(self, aws, role):
        container = {"Image": "i:1", "Environment": {"A": "b"}}
        asked = {"ModelName": "m", "ExecutionRoleArn": role("sagemaker"), "PrimaryContainer": container}
        asked["EnableNetworkIsolation"] = True
        aws("sagemaker").create_model(**asked, Tags=TAGS)
        return asked

    def test_a_model_is_as_asked(self, aws, model):
        told = aws("sagemaker").describe_model(ModelName="m")
        assert without(told, "ModelArn", "CreationTime") == model
        assert aws("sagemaker").list_tags(ResourceArn=told["ModelArn"])["Tags"] == TAGS

    def test_a_configuration_is_as_asked(self, aws, model):
        limits = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://capture/a",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
        asked = {
            "EndpointConfigName": "c",
            "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "ServerlessConfig": limits}],
            "DataCaptureConfig": capture,
            "KmsKeyId": "k",
        }
        aws("sagemaker").create_endpoint_config(**asked)
        told = aws("sagemaker").describe_endpoint_config(EndpointConfigName="c")
        assert without(told, "EndpointConfigArn", "CreationTime") == asked

    def test_a_configuration_needs_its_model(self, aws, model):
        variant = {"VariantName": "v", "ModelName": "other", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        asked = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
        refused(lambda: aws("sagemaker").create_endpoint_config(**asked), "Could not find model")

    def test_an_endpoint_tells_how_it_is_rolled_out(self, aws, model):
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        aws("sagemaker").create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        rollout = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}
        rollout["BlueGreenUpdatePolicy"] = {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        }
        aws("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="c", DeploymentConfig=rollout)
        told = aws("sagemaker").describe_endpoint(EndpointName="e")
        assert (told["LastDeploymentConfig"], told["EndpointStatus"]) == (rollout, "InService")

    def test_a_role_must_trust_it(self, aws, role):
        container = {"Image": "i:1"}
        for arn, words in ((f"arn:aws:iam::{ACCOUNT}:role/none", "not exist"), (role("lambda"), "does not trust")):
            asked = {"ModelName": "m", "ExecutionRoleArn": arn, "PrimaryContainer": container}
            refused(lambda asked=asked: aws("sagemaker").create_model(**asked), words)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "parse"),
            (json.dumps({**PIPELINE, "Steps": []}), "needs a step"),
            (json.dumps({**PIPELINE, "Version": "1"}), "Version"),
            (json.dumps({**PIPELINE, "Steps": PIPELINE["Steps"] * 2}), "Duplicate step names"),
            (json.dumps({**PIPELINE, "Steps": [{"Name": "A", "Type": "Trainig"}]}), "no step type"),
            (json.dumps({**PIPELINE, "Steps": [{"Name": "A", "Type": "Fail", "DependsOn": ["B"]}]}), "not there"),
        ],
    )
    def test_a_pipeline_must_be_one(self, aws, role, text, words):
        asked = {"PipelineName": "p", "RoleArn": role("sagemaker"), "ClientRequestToken": "t" * 32}
        refused(lambda: aws("sagemaker").create_pipeline(**asked, PipelineDefinition=text), words)
        aws("sagemaker").create_pipeline(**asked, PipelineDefinition=json.dumps(PIPELINE))
        refused(lambda: aws("sagemaker").update_pipeline(PipelineName="p", PipelineDefinition=text), words)
        told = aws("sagemaker").describe_pipeline(PipelineName="p")
        assert json.loads(told["PipelineDefinition"]) == PIPELINE

    def test_branches_of_a_condition_are_steps(self, aws, role):
        branch = {"Type": "Condition", "Name": "If", "Arguments": {"IfSteps": PIPELINE["Steps"], "ElseSteps": []}}
        text = json.dumps({**PIPELINE, "Steps": [*PIPELINE["Steps"], branch]})
        asked = {"PipelineName": "p", "RoleArn": role("sagemaker"), "ClientRequestToken": "t" * 32}
        refused(lambda: aws("sagemaker").create_pipeline(**asked, PipelineDefinition=text), "['Train']")

    def test_a_group_goes_when_it_is_empty(self, aws):
        client = aws("sagemaker")
        arn = client.create_model_package_group(ModelPackageGroupName="g", Tags=TAGS)["ModelPackageGroupArn"]
        assert client.list_tags(ResourceArn=arn)["Tags"] == TAGS
        spec = {
            "Containers": [{"Image": "i"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        client.create_model_package(ModelPackageGroupName="g", InferenceSpecification=spec)
        refused(lambda: client.delete_model_package_group(ModelPackageGroupName="g"), "has model packages")
        client.create_model_package_group(ModelPackageGroupName="empty")
        client.delete_model_package_group(ModelPackageGroupName="empty")
        left = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
        assert [group["ModelPackageGroupName"] for group in left] == ["g"]

    def test_tags_are_replaced_and_taken_away(self, aws):
        client = aws("sagemaker")
        arn = client.create_model_package_group(ModelPackageGroupName="g", Tags=TAGS)["ModelPackageGroupArn"]
        client.add_tags(ResourceArn=arn, Tags=[{"Key": "Owner", "Value": "them"}, {"Key": "a", "Value": "b"}])
        client.delete_tags(ResourceArn=arn, TagKeys=["a"])
        assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "Owner", "Value": "them"}]

    def test_a_tracking_server_lives(self, aws, role):
        client, name = aws("sagemaker"), {"TrackingServerName": "t"}
        asked = {**name, "ArtifactStoreUri": "s3://b/m", "RoleArn": role("sagemaker"), "TrackingServerSize": "Small"}
        arn = client.create_mlflow_tracking_server(**asked, Tags=TAGS)["TrackingServerArn"]
        told = client.describe_mlflow_tracking_server(**name)
        assert told["TrackingServerArn"] == arn
        assert {key: told[key] for key in asked} == asked
        assert client.list_tags(ResourceArn=arn)["Tags"] == TAGS
        client.update_mlflow_tracking_server(**name, TrackingServerSize="Large")
        for change, state in (
            (client.stop_mlflow_tracking_server, "Stopped"),
            (client.start_mlflow_tracking_server, "Started"),
        ):
            change(**name)
            assert client.describe_mlflow_tracking_server(**name)["TrackingServerStatus"] == state
        listed = client.list_mlflow_tracking_servers()["TrackingServerSummaries"]
        assert [each["TrackingServerName"] for each in listed] == ["t"]
        client.delete_mlflow_tracking_server(**name)
        refused(lambda: client.describe_mlflow_tracking_server(**name), code="ResourceNotFound")

    def test_a_feature_group_lives(self, aws, role):
        client, name = aws("sagemaker"), {"FeatureGroupName": "f"}
        asked = {
            **name,
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": [{"FeatureName": each, "FeatureType": "String"} for each in ("id", "at")],
            "OnlineStoreConfig": {"EnableOnlineStore": True},
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://b/f"}, "DisableGlueTableCreation": False},
            "Description": "d",
            "RoleArn": role("sagemaker"),
        }
        refused(lambda: client.create_feature_group(**asked | {"EventTimeFeatureName": "when"}), "no feature of")
        arn = client.create_feature_group(**asked, Tags=TAGS)["FeatureGroupArn"]
        told = client.describe_feature_group(**name)
        plain = set(asked) - {"OfflineStoreConfig"}
        assert {key: told[key] for key in plain} == {key: asked[key] for key in plain}
        assert told["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].startswith("s3://b/f/")
        assert client.list_tags(ResourceArn=arn)["Tags"] == TAGS
        client.delete_feature_group(**name)
        assert client.list_feature_groups()["FeatureGroupSummaries"] == []
