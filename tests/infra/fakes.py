"""A small AWS for the handlers' tests: what is there, and how it changes."""
# ruff: noqa: N803 - the arguments have the services' own names

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from strict_client import Body, Client

# At the end: the modules beside `handlers` must not stand in for anybody's packages.
HANDLERS = str(Path(__file__).parents[2] / "infra" / "mlops")
if HANDLERS not in sys.path:
    sys.path.append(HANDLERS)

REGION, ACCOUNT = "eu-central-1", "123456789012"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/churn@{DIGEST}"
START = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


def refused(code, message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Anything")


@dataclass
class World:
    """The account, as far as the handlers see it."""

    now: datetime = START
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    crash: tuple[int, str] | None = None
    """The number of the call at which the process ends, and whether `before` or `after` it took effect."""
    parameter: str = "false"
    alarms: dict[str, str] = field(default_factory=dict)
    turned: dict[str, datetime] = field(default_factory=dict)
    """When an alarm last changed its state; the start of the world, where nothing is said."""
    budget: dict[str, Any] = field(default_factory=dict)
    executions: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    packages: dict[int, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoint: dict[str, Any] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def client(self, name):
        return Client(self, name)

    def did(self, operation):
        return [request for _, called, request in self.calls if called == operation]

    def later(self, **span):
        self.now += timedelta(**span)

    # Controller: pipeline, budget, pause

    def execution(self, status="Succeeded", reason="", **age):
        arn = f"{ARN}:pipeline/churn-dev-training/execution/e{len(self.executions):011}"
        started = self.now - timedelta(**age)
        named = {"PipelineExecutionDisplayName": f"{reason}-{started:%Y-%m-%d}"} if reason else {}
        known = {"PipelineExecutionArn": arn, "StartTime": started, "PipelineExecutionStatus": status}
        self.executions.append(known | named)
        return arn

    def probed(self, arn, *, go, gain=0.01, needed=0.02, **more):
        """Leave the report of an execution's probe, as the training pipeline does."""
        report = {"go": go, "gain": gain, "needed": needed, "explanation": "no challenger is better by enough"}
        place = f"artifacts/runs/{arn.rpartition('/')[2]}/probe/reports/probe.json"
        self.store(place, json.dumps(report | more).encode())
        return place

    def finish(self, status="Succeeded"):
        self.executions[-1]["PipelineExecutionStatus"] = status

    def ssm_get_parameter(self, Name):
        return {"Parameter": {"Name": Name, "Type": "String", "Value": self.parameter}}

    def cloudwatch_describe_alarms(self, AlarmNames, AlarmTypes):
        found = [
            {
                "AlarmName": name,
                "StateValue": self.alarms[name],
                "StateTransitionedTimestamp": self.turned.get(name, START),
            }
            for name in AlarmNames
            if name in self.alarms
        ]
        return {"MetricAlarms": found, "CompositeAlarms": []}

    def budgets_describe_budget(self, AccountId, BudgetName):
        spend = {"ActualSpend": {"Amount": "12.5", "Unit": "USD"} | self.budget}
        known = {"BudgetName": BudgetName, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
        return {"Budget": {**known, "CalculatedSpend": spend}}

    def sagemaker_list_pipeline_executions(self, PipelineName, SortBy, SortOrder, MaxResults, NextToken="0"):
        ordered = sorted(self.executions, key=lambda each: each["StartTime"], reverse=True)
        first, last = int(NextToken), int(NextToken) + MaxResults
        more = {"NextToken": str(last)} if last < len(ordered) else {}
        return {"PipelineExecutionSummaries": ordered[first:last], **more}

    def sagemaker_start_pipeline_execution(self, ClientRequestToken, **request):
        if ClientRequestToken not in self.tokens:
            reason = request.get("PipelineExecutionDisplayName", "")[: -len("-2026-03-10")]
            self.tokens[ClientRequestToken] = self.execution("Executing", reason)
        return {"PipelineExecutionArn": self.tokens[ClientRequestToken]}

    # Registry

    def package(self, version, approval="Approved", **marks):
        arn, place = f"{ARN}:model-package/churn-dev-models/{version}", f"models/{version}/model.tar.gz"
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://artifacts/{place}"}
        self.store(f"artifacts/{place}", b"model %d" % version)
        self.packages[version] = {
            "ModelPackageName": "churn",
            "ModelPackageGroupName": "churn",
            "ModelPackageVersion": version,
            "ModelPackageArn": arn,
            "CreationTime": self.now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": approval,
            "InferenceSpecification": {"Containers": [container]},
            "CustomerMetadataProperties": {
                "artefact_sha256": hashlib.sha256(b"model %d" % version).hexdigest(),
                **marks,
            },
        }
        return container

    def sagemaker_list_model_packages(self, MaxResults, ModelApprovalStatus=None, NextToken="0", **request):
        keys = "ModelPackageGroupName ModelPackageVersion ModelPackageArn CreationTime ModelPackageStatus"
        fit = [
            {key: each[key] for key in [*keys.split(), "ModelApprovalStatus"]}
            for _, each in sorted(self.packages.items(), reverse=True)
            if ModelApprovalStatus in {None, each["ModelApprovalStatus"]}
        ]
        more = {"NextToken": str(int(NextToken) + MaxResults)} if int(NextToken) + MaxResults < len(fit) else {}
        return {"ModelPackageSummaryList": fit[int(NextToken) :][:MaxResults], **more}

    def sagemaker_describe_model_package(self, ModelPackageName):
        found = self.packages[int(ModelPackageName.rpartition("/")[2])]
        return {**found, "CustomerMetadataProperties": dict(found["CustomerMetadataProperties"])}

    def sagemaker_update_model_package(self, ModelPackageArn, ApprovalDescription="", **request):
        self.packages[int(ModelPackageArn.rpartition("/")[2])].update(request)
        return {"ModelPackageArn": ModelPackageArn}

    def marks(self, version):
        return self.packages[version]["CustomerMetadataProperties"].get("deploy")

    # Endpoint

    def serve(self, config="churn-dev-base-00000000", model="churn-dev-base-00000000", **variant):
        self.models[model] = {"ModelName": model, "PrimaryContainer": {"Image": IMAGE}}
        shape = variant or {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2, "InitialVariantWeight": 1.0}
        capture = {"InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://capture/churn"}
        self.configs[config] = {
            "EndpointConfigName": config,
            "ProductionVariants": [{"VariantName": "main", "ModelName": model, **shape}],
            "DataCaptureConfig": {**capture, "EnableCapture": True, "CaptureOptions": [{"CaptureMode": "Input"}]},
            "KmsKeyId": "alias/churn",
        }
        self.endpoint = {
            "EndpointName": "churn-dev",
            "EndpointArn": f"{ARN}:endpoint/churn-dev",
            "EndpointConfigName": config,
            "EndpointStatus": "InService",
            "CreationTime": self.now,
            "LastModifiedTime": self.now,
        }

    def arrive(self, *, rolled_back=False):
        """Let a deployment that is under way end."""
        pending = self.endpoint.pop("PendingDeploymentSummary")["EndpointConfigName"]
        self.later(hours=1)
        config = self.endpoint["EndpointConfigName"] if rolled_back else pending
        self.endpoint |= {"EndpointStatus": "InService", "EndpointConfigName": config, "LastModifiedTime": self.now}

    @property
    def serving(self):
        """The model that serves; it and its configuration must exist at any time."""
        return self.models[self.configs[self.endpoint["EndpointConfigName"]]["ProductionVariants"][0]["ModelName"]]

    def sagemaker_describe_endpoint(self, EndpointName):
        return dict(self.endpoint)

    def sagemaker_describe_endpoint_config(self, EndpointConfigName):
        if EndpointConfigName not in self.configs:
            raise refused("ValidationException", f"Could not find endpoint configuration {EndpointConfigName}")
        arn = f"{ARN}:endpoint-config/{EndpointConfigName}"
        return {"EndpointConfigArn": arn, "CreationTime": START, **self.configs[EndpointConfigName]}

    def sagemaker_describe_model(self, ModelName):
        return {"ModelArn": f"{ARN}:model/{ModelName}", "CreationTime": START, **self.models[ModelName]}

    def sagemaker_create_model(self, ModelName, Tags, **request):
        if ModelName in self.models:
            raise refused("ValidationException", f"Cannot create already existing model {ModelName}")
        self.models[ModelName] = {"ModelName": ModelName, **request}
        return {"ModelArn": f"{ARN}:model/{ModelName}"}

    def sagemaker_create_endpoint_config(self, EndpointConfigName, Tags, **request):
        if EndpointConfigName in self.configs:
            raise refused("ResourceInUse", EndpointConfigName)
        assert all(each["ModelName"] in self.models for each in request["ProductionVariants"])
        self.configs[EndpointConfigName] = {"EndpointConfigName": EndpointConfigName, **request}
        return {"EndpointConfigArn": f"{ARN}:endpoint-config/{EndpointConfigName}"}

    def sagemaker_update_endpoint(self, EndpointName, EndpointConfigName, **request):
        if self.endpoint["EndpointStatus"] != "InService":
            raise refused("ValidationException", "Cannot update in-progress endpoint")
        assert EndpointConfigName in self.configs
        self.deployments.append({"EndpointConfigName": EndpointConfigName, **request})
        self.endpoint |= {"EndpointStatus": "Updating", "LastModifiedTime": self.now}
        self.endpoint["PendingDeploymentSummary"] = {"EndpointConfigName": EndpointConfigName}
        return {"EndpointArn": f"{ARN}:endpoint/{EndpointName}"}

    def sagemaker_list_endpoint_configs(self, **request):
        return {"EndpointConfigs": _listed(self.configs, "EndpointConfig", "endpoint-config", **request)}

    def sagemaker_list_models(self, **request):
        return {"Models": _listed(self.models, "Model", "model", **request)}

    def sagemaker_delete_endpoint_config(self, EndpointConfigName):
        del self.configs[EndpointConfigName]

    def sagemaker_delete_model(self, ModelName):
        del self.models[ModelName]

    # Where it is told

    def s3_put_object(self, Bucket, Key, Body, IfNoneMatch, ContentType):
        if f"{Bucket}/{Key}" in self.objects:
            raise refused("PreconditionFailed")
        self.objects[f"{Bucket}/{Key}"] = {"Body": Body, "LastModified": self.now}
        return {}

    def s3_list_objects_v2(self, Bucket, Prefix, MaxKeys=1000, ContinuationToken="0"):
        place, first = f"{Bucket}/{Prefix}", int(ContinuationToken)
        found = sorted(name for name in self.objects if name.startswith(place))
        items = [
            {
                "Key": name.partition("/")[2],
                "LastModified": self.objects[name].get("LastModified", START),
                "ETag": f'"{hashlib.md5(self.objects[name]["Body"]).hexdigest()}"',  # noqa: S324 - as S3 does  # nosec B324
                "Size": len(self.objects[name]["Body"]),
            }
            for name in found[first : first + MaxKeys]
        ]
        more = {"NextContinuationToken": str(first + MaxKeys)} if first + MaxKeys < len(found) else {}
        return {"Contents": items, "KeyCount": len(items), **more}

    def store(self, place, content, *, checksum=True):
        digest = hashlib.sha256(content)
        kept = {"ChecksumSHA256": base64.b64encode(digest.digest()).decode(), "ChecksumType": "FULL_OBJECT"}
        facts = {"ETag": digest.hexdigest()[:32], "ContentLength": len(content), "LastModified": self.now}
        self.objects[place] = {"Body": content, **facts, **(kept if checksum else {})}

    def s3_head_object(self, Bucket, Key, ChecksumMode):
        if f"{Bucket}/{Key}" not in self.objects:
            raise refused("404", "Not Found")
        return {key: value for key, value in self.objects[f"{Bucket}/{Key}"].items() if key != "Body"}

    def s3_get_object(self, Bucket, Key, IfMatch=None):
        found = self.objects[f"{Bucket}/{Key}"]
        if IfMatch not in {None, found["ETag"]}:
            raise refused("PreconditionFailed")
        return {"Body": Body(found["Body"])}

    def sns_publish(self, TopicArn, Subject, Message):
        assert re.fullmatch(r"[\x20-\x7e]{1,99}", Subject), Subject
        self.pages.append({"Subject": Subject, "Message": Message})
        return {"MessageId": "1"}

    def cloudwatch_put_metric_data(self, Namespace, MetricData):
        for each in MetricData:
            assert each["Dimensions"] == [{"Name": "Endpoint", "Value": "churn-dev"}]
            self.metrics[each["MetricName"]] = each["Value"]


def _listed(made, kind, resource, *, NameContains, SortBy, SortOrder, MaxResults):
    found = [name for name in reversed(made) if NameContains in name]
    return [{f"{kind}Name": name, f"{kind}Arn": f"{ARN}:{resource}/{name}", "CreationTime": START} for name in found]
