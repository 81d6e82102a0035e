"""What each call of the handlers needs of IAM, and what their roles grant."""

from __future__ import annotations

import sys
from pathlib import Path

from fakes import ACCOUNT, ARN, REGION
from wakeups import CONTROLLER

sys.path.append(str(Path(__file__).parents[2] / "infra"))

from mlops.naming import Names
from mlops.policies import roles

NAMES = Names(project="churn", stack="dev", partition="aws", account=ACCOUNT, region=REGION)
GRANTED = {
    "controller": roles.controller(NAMES, data_prefix=CONTROLLER["DATA_PREFIX"], record_prefix="decisions/"),
    "deployer": roles.deployer(NAMES, record_prefix="decisions/"),
}
# What Lambda itself does in a function's name.
LAMBDA = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"),
    *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
}


def bucket(request):
    return f"arn:aws:s3:::{NAMES.bucket(request['Bucket'])}"


def stored(request):
    return f"{bucket(request)}/{request['Key']}"


def fixed(arn):
    return lambda _request: arn


def named(kind, key):
    return lambda request: f"{ARN}:{kind}/{request[key]}"


PIPELINE, CONFIG = named("pipeline", "PipelineName"), named("endpoint-config", "EndpointConfigName")
ENDPOINT, MODEL = named("endpoint", "EndpointName"), named("model", "ModelName")
GROUP = named("model-package-group", "ModelPackageGroupName")
# By call: the actions, and on what. A listing's prefix, a namespace and a role's taker are conditions.
CALLS = {
    "s3.list_objects_v2": [("s3:ListBucket", bucket)],
    "s3.put_object": [("s3:PutObject", stored)],
    "s3.get_object": [("s3:GetObject", stored)],
    "s3.head_object": [("s3:GetObject", stored)],
    "sns.publish": [("sns:Publish", lambda request: request["TopicArn"])],
    "cloudwatch.put_metric_data": [("cloudwatch:PutMetricData", fixed("*"))],
    "cloudwatch.describe_alarms": [
        ("cloudwatch:DescribeAlarms", fixed(f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"))
    ],
    "ssm.get_parameter": [("ssm:GetParameter", lambda request: NAMES.arn("ssm", f"parameter{request['Name']}"))],
    "budgets.describe_budget": [
        ("budgets:ViewBudget", lambda request: f"arn:aws:budgets::{ACCOUNT}:budget/{request['BudgetName']}")
    ],
    "sagemaker.list_pipeline_executions": [("sagemaker:ListPipelineExecutions", PIPELINE)],
    "sagemaker.start_pipeline_execution": [("sagemaker:StartPipelineExecution", PIPELINE)],
    "sagemaker.list_model_packages": [("sagemaker:ListModelPackages", GROUP)],
    "sagemaker.describe_model_package": [
        ("sagemaker:DescribeModelPackage", lambda request: request["ModelPackageName"])
    ],
    "sagemaker.update_model_package": [("sagemaker:UpdateModelPackage", lambda request: request["ModelPackageArn"])],
    "sagemaker.describe_endpoint": [("sagemaker:DescribeEndpoint", ENDPOINT)],
    "sagemaker.update_endpoint": [("sagemaker:UpdateEndpoint", ENDPOINT), ("sagemaker:UpdateEndpoint", CONFIG)],
    "sagemaker.describe_endpoint_config": [("sagemaker:DescribeEndpointConfig", CONFIG)],
    "sagemaker.create_endpoint_config": [("sagemaker:CreateEndpointConfig", CONFIG), ("sagemaker:AddTags", CONFIG)],
    "sagemaker.delete_endpoint_config": [("sagemaker:DeleteEndpointConfig", CONFIG)],
    "sagemaker.list_endpoint_configs": [("sagemaker:ListEndpointConfigs", fixed("*"))],
    "sagemaker.describe_model": [("sagemaker:DescribeModel", MODEL)],
    "sagemaker.create_model": [
        ("sagemaker:CreateModel", MODEL),
        ("sagemaker:AddTags", MODEL),
        ("iam:PassRole", lambda request: request["ExecutionRoleArn"]),
    ],
    "sagemaker.delete_model": [("sagemaker:DeleteModel", MODEL)],
    "sagemaker.list_models": [("sagemaker:ListModels", fixed("*"))],
}


def needed(request):
    """Return the condition keys that a request has."""
    return {
        "aws:RequestedRegion": REGION,
        "s3:prefix": request.get("Prefix", ""),
        "cloudwatch:namespace": request.get("Namespace", ""),
        "iam:PassedToService": "sagemaker.amazonaws.com",
    }
