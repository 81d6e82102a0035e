"""A definition by hand in the style of the SageMaker SDK: what it adds, leaves null and wraps must alarm nobody."""

from __future__ import annotations

from typing import Any

BUCKET = "s3://churn-models"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn:2.1.0"
ROLE = "arn:aws:iam::123456789012:role/service-role/churn"
RUN = {"Get": "Execution.PipelineExecutionId"}


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def read(key: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.Report"}, "Path": f"metrics.{key}"}}


def made(step: str, output: str) -> dict[str, Any]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"}


RETRIES = [
    {"BackoffRate": 2.0, "IntervalSeconds": 30, "MaxAttempts": 4, "ExceptionType": ["SageMaker.CAPACITY_ERROR"]},
    {"IntervalSeconds": 1, "ExpireAfterMin": 60, "ExceptionType": ["Step.THROTTLING", "Step.SERVICE_FAULT"]},
]


def processing(name: str, sources: dict[str, Any], outputs: list[str], **rest: Any) -> dict[str, Any]:
    arguments = {
        "ProcessingJobName": f"churn-{name.lower()}",
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.xlarge",
                "InstanceCount": {"Get": "Parameters.Machines"},
                "VolumeSizeInGB": 30,
            }
        },
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerArguments": ["--rows", join("", {"Get": "Parameters.Rows"})],
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        "RoleArn": ROLE,
        "ProcessingInputs": [
            {
                "InputName": key,
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            }
            for key, uri in sources.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": key,
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": join("/", BUCKET, RUN, name, key),
                        "LocalPath": f"/opt/ml/processing/{key}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for key in outputs
            ]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
    }
    cache = {"Enabled": True, "ExpireAfter": "PT12H"}
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "CacheConfig": cache, **rest}


def training() -> dict[str, Any]:
    return {
        "Name": "Fit",
        "Type": "Training",
        "DisplayName": "Fit the model",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {
                "depth": "7",
                "rate": join("", {"Get": "Parameters.Rate"}),
                "uri": join("/", BUCKET, {"Get": "Execution.PipelineName"}),
            },
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": made("Split", channel)}},
                }
                for channel in ("train", "validation")
            ],
            "OutputDataConfig": {"S3OutputPath": BUCKET, "CompressionType": "GZIP"},
            "ResourceConfig": {
                "InstanceType": {"Get": "Parameters.Machine"},
                "InstanceCount": 1,
                "VolumeSizeInGB": 30,
            },
            "RoleArn": ROLE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        },
        "RetryPolicies": RETRIES,
        "CacheConfig": {"Enabled": False},
        "DependsOn": ["Split"],
    }


def verdict() -> dict[str, Any]:
    metrics = {"ContentType": "application/json", "S3Uri": join("/", made("Score", "report"), "report.json")}
    register = {
        "Name": "Keep-RegisterModel",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "churn",
            "ModelMetrics": {"ModelQuality": {"Statistics": metrics}, "Bias": {}, "Explainability": {}},
            "CustomerMetadataProperties": {"auc": read("auc"), "run": {"Get": "Execution.PipelineExecutionArn"}},
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": IMAGE,
                        "ModelDataUrl": {"Get": "Steps.Fit.ModelArtifacts.S3ModelArtifacts"},
                        "Environment": {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_REGION": "eu-west-1"},
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            },
            "ModelApprovalStatus": {"Get": "Parameters.Approval"},
            "SkipModelValidation": "None",
        },
        "RetryPolicies": RETRIES[1:],
    }
    good = {"Type": "GreaterThanOrEqualTo", "LeftValue": read("auc"), "RightValue": {"Get": "Parameters.Least"}}
    known = {"Type": "In", "QueryValue": {"Get": "Parameters.Machine"}, "Values": ["ml.m5.large", "ml.m5.xlarge"]}
    rate = {"Type": "LessThan", "LeftValue": {"Get": "Parameters.Rate"}, "RightValue": 1}
    ended = {"Type": "Equals", "LeftValue": {"Get": "Steps.Fit.TrainingJobStatus"}, "RightValue": "Failed"}
    message = join(" ", "the area is below", {"Get": "Parameters.Least"}, "and is", read("auc"))
    return {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                good,
                {"Type": "Or", "Conditions": [known, rate]},
                {"Type": "Not", "Expression": ended},
            ],
            "IfSteps": [register],
            "ElseSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
        },
    }


def sdk() -> dict[str, Any]:
    """Return the definition."""
    report = {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}
    model = {"Get": "Steps.Fit.ModelArtifacts.S3ModelArtifacts"}
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": "Data", "Type": "String", "DefaultValue": "s3://churn-raw/"},
            {"Name": "Approval", "Type": "String", "DefaultValue": "PendingManualApproval"},
            {
                "Name": "Machine",
                "Type": "String",
                "DefaultValue": "ml.m5.large",
                "EnumValues": ["ml.m5.large", "ml.c5.xlarge"],
            },
            {"Name": "Machines", "Type": "Integer", "DefaultValue": 1},
            {"Name": "Rows", "Type": "Integer"},
            {"Name": "Rate", "Type": "Float", "DefaultValue": 0.05},
            {"Name": "Least", "Type": "Float", "DefaultValue": 1},
            {"Name": "Loud", "Type": "Boolean", "DefaultValue": True},
        ],
        "PipelineExperimentConfig": {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": RUN},
        "MlflowConfig": None,
        "Steps": [
            processing("Split", {"raw": {"Get": "Parameters.Data"}}, ["train", "validation", "test"]),
            training(),
            processing(
                "Score",
                {"model": model, "test": made("Split", "test")},
                ["report"],
                PropertyFiles=[report],
                RetryPolicies=RETRIES,
            ),
            verdict(),
        ],
    }
