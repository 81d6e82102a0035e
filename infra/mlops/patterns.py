"""Event patterns: which of AWS's events wake which handler, each limited to what this stack owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["Pattern", "patterns"]

Pattern = dict[str, Any]


def patterns(names: Names, *, alarms: list[str], data_prefix: str | None) -> dict[str, dict[str, Pattern]]:
    """Return the event patterns by function and role.

    Args:
        names: The stack's names.
        alarms: Names of the alarms that wake the controller.
        data_prefix: Keys of the data bucket that count as new data; None where new data wakes nobody.
    """
    sagemaker = {"source": ["aws.sagemaker"]}
    controller: dict[str, Pattern] = {
        "ended": sagemaker
        | {
            "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
            "detail": {
                "pipelineArn": [names.pipeline_arn("training")],
                "currentPipelineExecutionStatus": ["Failed", "Stopped", "Succeeded"],
            },
        },
    }
    if alarms:
        controller["alarmed"] = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {"alarmName": sorted(alarms), "state": {"value": ["ALARM"]}},
        }
    if data_prefix is not None:
        controller["arrived"] = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [names.bucket("data")]}, "object": {"key": [{"prefix": data_prefix}]}},
        }
    deployer: dict[str, Pattern] = {
        "approved": sagemaker
        | {
            "detail-type": ["SageMaker Model Package State Change"],
            # Not what the deployer notes down in a version: it would wake itself. A new version names no fields.
            "detail": {
                "ModelPackageGroupName": [names.of("models")],
                "$or": [
                    {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
                    {"UpdatedModelPackageFields": [{"exists": False}]},
                ],
            },
        },
        "deployed": sagemaker
        | {
            # The second comes when the endpoint can be changed again, the first also for what went wrong before.
            "detail-type": ["SageMaker Endpoint Deployment State Change", "SageMaker Endpoint State Change"],
            "resources": [names.arn("sagemaker", f"endpoint/{names.prefix}")],
        },
    }
    return {"controller": controller, "deployer": deployer}
