"""Every call that the handlers can make, and the IAM action that each needs: what their roles grant must equal this."""

from __future__ import annotations

import json

from fakes import refused
from wakeups import CONTROLLER, controller, retraining_world, serving_world, wake_controller, wake_deployer

TELL = {
    "s3.list_objects_v2": {"s3:ListBucket"},
    "s3.put_object": {"s3:PutObject"},
    "sns.publish": {"sns:Publish"},
    "cloudwatch.put_metric_data": {"cloudwatch:PutMetricData"},
    "cloudwatch.describe_alarms": {"cloudwatch:DescribeAlarms"},
}
CONTROLLER_CALLS = TELL | {
    "ssm.get_parameter": {"ssm:GetParameter"},
    "budgets.describe_budget": {"budgets:ViewBudget"},
    "sagemaker.list_pipeline_executions": {"sagemaker:ListPipelineExecutions"},
    "sagemaker.start_pipeline_execution": {"sagemaker:StartPipelineExecution"},
    "sagemaker.list_model_packages": {"sagemaker:ListModelPackages"},
}
DEPLOYER_CALLS = TELL | {
    "sagemaker.describe_endpoint": {"sagemaker:DescribeEndpoint"},
    "sagemaker.update_endpoint": {"sagemaker:UpdateEndpoint"},
    "sagemaker.describe_endpoint_config": {"sagemaker:DescribeEndpointConfig"},
    "sagemaker.create_endpoint_config": {"sagemaker:CreateEndpointConfig", "sagemaker:AddTags"},
    "sagemaker.delete_endpoint_config": {"sagemaker:DeleteEndpointConfig"},
    "sagemaker.list_endpoint_configs": {"sagemaker:ListEndpointConfigs"},
    "sagemaker.describe_model": {"sagemaker:DescribeModel"},
    "sagemaker.create_model": {"sagemaker:CreateModel", "sagemaker:AddTags", "iam:PassRole"},
    "sagemaker.delete_model": {"sagemaker:DeleteModel"},
    "sagemaker.list_models": {"sagemaker:ListModels"},
    "sagemaker.list_model_packages": {"sagemaker:ListModelPackages"},
    "sagemaker.describe_model_package": {"sagemaker:DescribeModelPackage"},
    "sagemaker.update_model_package": {"sagemaker:UpdateModelPackage"},
    "s3.head_object": {"s3:GetObject"},
    "s3.get_object": {"s3:GetObject"},
}


def called(world):
    return {f"{service}.{operation}" for service, operation, _ in world.calls}


def test_the_controller_calls_exactly_this(monkeypatch):
    world = retraining_world(monkeypatch)
    monkeypatch.setenv("POLICY", json.dumps(CONTROLLER["POLICY"] | {"new_data": True}))
    controller.settings.cache_clear()
    assert wake_controller()["start"]
    world.parameter = "neither"
    assert wake_controller()["page"]
    assert called(world) == set(CONTROLLER_CALLS)


def test_the_deployer_calls_exactly_this(monkeypatch):
    world = serving_world(monkeypatch)
    for number in range(1, 8):
        world.package(number)
        world.store(f"artifacts/models/{number}/model.tar.gz", b"model %d" % number, checksum=False)
        wake_deployer()
        world.arrive()
        wake_deployer()
    world.failing["create_model"] = refused("ResourceLimitExceeded")
    world.package(8)
    assert wake_deployer()["page"]
    assert called(world) == set(DEPLOYER_CALLS)
