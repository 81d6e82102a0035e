"""Who may use a resource: the policies of buckets, key, topic and queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.policies.statements import Document, Statement, document, from_account, grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from mlops.naming import Names

__all__ = ["access_logs", "bucket", "key", "queue", "topic"]


def bucket(name_arn: str) -> Document:
    """Refuse everything that does not come over TLS, for the bucket and its objects."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [name_arn, f"{name_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def access_logs(names: Names, sources: Sequence[str]) -> Statement:
    """Let S3 write the access logs of our own buckets, and of no others."""
    arns = [names.bucket_arn(source) for source in sources]
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{names.bucket_arn('logs')}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": arns}, **from_account(names)},
    }


def key(names: Names, users: Sequence[pulumi.Input[str]]) -> Document:
    """Say who may use the stack's key: its roles by name, services for us, people through services only."""
    root = {"AWS": f"arn:{names.partition}:iam::{names.account}:root"}
    use = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
    ]
    manage = ["CancelKeyDeletion", "DescribeKey", "DisableKey", "EnableKey", "EnableKeyRotation", "GetKeyPolicy"]
    manage += ["GetKeyRotationStatus", "ListResourceTags", "PutKeyPolicy", "ScheduleKeyDeletion", "TagResource"]
    manage += ["CreateAlias", "DeleteAlias", "UpdateAlias", "ListKeyPolicies", "UntagResource", "UpdateKeyDescription"]
    through = [
        f"{service}.{names.region}.amazonaws.com"
        for service in ("ecr", "lambda", "s3", "sagemaker", "sns", "sqs", "scheduler")
    ]
    logs = names.arn("logs", "log-group:*")
    return document(
        grant("Manage", root, [f"kms:{action}" for action in manage]),
        grant(
            "ThroughServices",
            root,
            # ECR makes its grant on the key as whoever makes the repository.
            [*use, "kms:CreateGrant", "kms:RetireGrant"],
            {"StringEquals": {"kms:ViaService": through, "kms:CallerAccount": names.account}},
        ),
        grant("Roles", {"AWS": list(users)}, use),
        grant("Grants", {"AWS": list(users)}, ["kms:CreateGrant"], {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        grant(
            "Services",
            {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"]},
            ["kms:Decrypt", "kms:GenerateDataKey"],
            from_account(names),
        ),
        grant(
            "Logs",
            {"Service": f"logs.{names.region}.amazonaws.com"},
            use,
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
        ),
    )


def topic(names: Names) -> Document:
    """Let alarms and the budget publish, and nobody from outside."""
    return document(
        grant(
            "Alarms",
            {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]},
            ["sns:Publish"],
            from_account(names),
            resource=names.arn("sns", names.of("alerts")),
        )
    )


def queue(names: Names) -> Document:
    """Let EventBridge keep what its rules could not deliver."""
    return document(
        grant(
            "Rules",
            {"Service": "events.amazonaws.com"},
            ["sqs:SendMessage"],
            {"ArnLike": {"aws:SourceArn": names.arn("events", f"rule/{names.prefix}-*")}, **from_account(names)},
            resource=names.arn("sqs", names.of("failed")),
        )
    )
