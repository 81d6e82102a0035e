"""What exists in the emulator: asked over the API, as a person would who looks whether anything still costs money."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config


@dataclass(frozen=True)
class Listing:
    """How one kind of resource is listed: the path leads through the answer, `but` names what is AWS's own."""

    service: str
    action: str
    path: str
    name: str
    but: tuple[str, ...] = ()
    regional: bool = True


LISTINGS = (
    Listing("application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId"),
    Listing("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", "PolicyName"),
    Listing("budgets", "describe_budgets", "Budgets", "BudgetName", regional=False),
    Listing("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Listing("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    Listing("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    Listing("ec2", "describe_security_groups", "SecurityGroups", "GroupName", ("default",)),
    Listing("ecr", "describe_repositories", "repositories", "repositoryName"),
    Listing("events", "list_rules", "Rules", "Name"),
    Listing("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn", regional=False),
    Listing("iam", "list_roles", "Roles", "RoleName", regional=False),
    Listing("kms", "list_aliases", "Aliases", "AliasName", ("alias/aws/",)),
    Listing("lambda", "list_functions", "Functions", "FunctionName"),
    Listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
    Listing("logs", "describe_metric_filters", "metricFilters", "filterName"),
    Listing("s3", "list_buckets", "Buckets", "Name", regional=False),
    Listing("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    Listing("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    Listing("sagemaker", "list_feature_groups", "FeatureGroupSummaries", "FeatureGroupName"),
    Listing("sagemaker", "list_mlflow_tracking_servers", "TrackingServerSummaries", "TrackingServerName"),
    Listing("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    Listing("sagemaker", "list_models", "Models", "ModelName"),
    Listing("sagemaker", "list_pipelines", "PipelineSummaries", "PipelineName"),
    Listing("scheduler", "list_schedule_groups", "ScheduleGroups", "Name", ("default",)),
    Listing("scheduler", "list_schedules", "Schedules", "Name"),
    Listing("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    Listing("sns", "list_topics", "Topics", "TopicArn"),
    Listing("sqs", "list_queues", "QueueUrls", ""),
    Listing("ssm", "describe_parameters", "Parameters", "Name", ("/aws/",)),
)
# Asked with parameters, or filtered by more than a name.
ARGUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("application-autoscaling", "describe_scalable_targets"): {"ServiceNamespace": "sagemaker"},
    ("application-autoscaling", "describe_scaling_policies"): {"ServiceNamespace": "sagemaker"},
    ("budgets", "describe_budgets"): {"AccountId": "123456789012"},
    ("cloudwatch", "describe_alarms"): {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
}
QUICK = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def found(endpoint: str, regions: set[str]) -> list[str]:
    """Return what exists at an endpoint in some regions, as `kind name`, without what AWS puts there itself."""
    lines: set[str] = set()
    for region in sorted(regions) or ["us-east-1"]:
        account = _region(endpoint, region)
        for listing in LISTINGS:
            where = f"{region} " if listing.regional else ""
            kind = f"{listing.service} {listing.path}"
            lines |= {f"{where}{kind} {name}" for name in account.names(listing)}
        lines |= {f"{region} kms Keys {key}" for key in account.customer_keys()}
        lines |= {f"{region} ec2 {name}" for name in account.network()}
        lines |= {f"iam Policies {name}" for name in account.policies()}
    return sorted(lines)


@functools.cache
def _region(endpoint: str, region: str) -> _Region:
    return _Region(endpoint, region)


class _Region:
    """One region of the account."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint, self._name = endpoint, region

    def names(self, listing: Listing) -> list[str]:
        """Return the names of what one listing shows."""
        arguments = ARGUMENTS.get((listing.service, listing.action), {})
        shown = self._pages(listing.service, listing.action, listing.path, **arguments)
        names = [each[listing.name] if listing.name else each for each in shown]
        return [name for name in names if not (listing.but and name.startswith(listing.but))]

    def customer_keys(self) -> list[str]:
        """Return the keys that are not waiting for their deletion, and that AWS does not manage."""
        client = self._client("kms")
        keys = [client.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in client.list_keys()["Keys"]]
        kept = [key for key in keys if key["KeyState"] != "PendingDeletion" and key["KeyManager"] == "CUSTOMER"]
        return [key["KeyId"] for key in kept]

    def network(self) -> list[str]:
        """Return the networks and endpoints that did not come with the account, and are not deleted already."""
        client = self._client("ec2")
        endpoints = client.describe_vpc_endpoints()["VpcEndpoints"]
        vpcs = [f"Vpcs {vpc['VpcId']}" for vpc in client.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
        return vpcs + [f"VpcEndpoints {each['VpcEndpointId']}" for each in endpoints if each["State"] != "deleted"]

    def policies(self) -> list[str]:
        """Return the policies that are not AWS's."""
        return [policy["PolicyName"] for policy in self._pages("iam", "list_policies", "Policies", Scope="Local")]

    @functools.cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session("testing", "testing", region_name=self._name)

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint, config=QUICK)

    def _pages(self, service: str, action: str, path: str, **arguments: Any) -> list[Any]:
        client = self._client(service)
        if not client.can_paginate(action):
            return getattr(client, action)(**arguments).get(path) or []
        pages = client.get_paginator(action).paginate(**arguments)
        return [each for page in pages for each in page.get(path) or []]
