"""`loopwright:storage:ArtifactStore`: where everything lies that has to outlive a job.

Children: one KMS key with its alias; the buckets data (EventBridge is told of new objects), artifacts, capture (what
holds requests expires) and logs, each private, TLS only, versioned, with a lifecycle; and the object that the probe is
given while no label has landed. Costs: the key, and storage by the GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import kms, s3

from mlops.policies import resources
from mlops.policies.statements import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.naming import Names
    from mlops.policies.statements import Statement
    from mlops.settings import StackSettings

__all__ = ["ArtifactStore", "ArtifactStoreArgs"]

KEY_WINDOW_DAYS = 30
OLD_VERSION_DAYS = 90
LOG_BUCKET_DAYS = 365
STATE_DAYS = 400
"""So long counts are kept, which hold no rows: a year and a month, to compare with the season before."""
SOURCES = ("data", "artifacts", "capture")


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """Inputs of `ArtifactStore`."""

    names: Names
    """The stack's names."""
    key_users: Sequence[pulumi.Input[str]]
    """ARNs of the roles that may use the key."""
    settings: StackSettings
    """Says how long captured requests are kept, and whether the data is protected from destruction."""
    row_days: int
    """So long the rows that were answered are kept for their labels."""


class ArtifactStore(pulumi.ComponentResource):
    """The stack's key and buckets."""

    key_arn: pulumi.Output[str]
    """The key that encrypts everything of the stack."""
    data_bucket: pulumi.Output[str]
    """Name of the bucket with the data."""
    artifacts_bucket: pulumi.Output[str]
    """Name of the bucket with runs, models, reports and decisions."""
    capture_uri: pulumi.Output[str]
    """`s3://` prefix of captured requests and answers."""
    labelled_uri: pulumi.Output[str]
    """`s3://` prefix of answers whose labels have landed."""
    watched: dict[str, pulumi.Output[str]]
    """`s3://` prefixes that the monitor reads: `capture_uri`, `labels_uri` and `state_uri`, which it also writes."""
    features_uri: pulumi.Output[str]
    """`s3://` prefix of the feature store's offline part."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:storage:ArtifactStore", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.settings.keep_data)
        self._versions: dict[str, s3.BucketVersioning] = {}
        self.key_arn = self._key()
        logs = self._bucket(
            "logs", expire_days={"": LOG_BUCKET_DAYS}, statements=[resources.access_logs(args.names, SOURCES)]
        )
        expiry = {"capture": _capture_days(args)}
        buckets = {role: self._bucket(role, expire_days=expiry.get(role, {}), logs=logs) for role in SOURCES}
        s3.BucketNotification(f"{name}-data-events", bucket=buckets["data"].id, eventbridge=True, opts=self._child)
        self.data_bucket = buckets["data"].bucket
        self.artifacts_bucket = buckets["artifacts"].bucket
        capture = pulumi.Output.concat("s3://", buckets["capture"].bucket)
        self.capture_uri = pulumi.Output.concat(capture, "/requests")
        self.labelled_uri = pulumi.Output.concat(capture, "/labelled/")
        self.watched = {
            "capture_uri": self.capture_uri,
            "labels_uri": pulumi.Output.concat("s3://", self.data_bucket, "/labels"),
            "state_uri": pulumi.Output.concat(capture, "/state"),
        }
        # A job cannot be given an empty place.
        s3.BucketObjectv2(
            f"{name}-no-labels",
            bucket=buckets["capture"].bucket,
            key="labelled/none",
            content="No label has landed yet.\n",
            content_type="text/plain",
            # So it is removed before its bucket stops to keep versions, and leaves nothing that cannot be emptied.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._versions["capture"]]),
        )
        self.features_uri = pulumi.Output.concat("s3://", self.data_bucket, "/features")
        self.register_outputs(
            {
                "key_arn": self.key_arn,
                "data_bucket": self.data_bucket,
                "artifacts_bucket": self.artifacts_bucket,
                "capture_uri": self.capture_uri,
            }
        )

    def uri(self, prefix: str) -> pulumi.Output[str]:
        """Return the `s3://` prefix of a part of the artifacts."""
        return pulumi.Output.concat("s3://", self.artifacts_bucket, f"/{prefix}")

    def _key(self) -> pulumi.Output[str]:
        names = self._args.names
        key = kms.Key(
            f"{self._name}-key",
            description=f"Everything of {names.prefix}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_WINDOW_DAYS,
            policy=pulumi.Output.json_dumps(resources.key(names, self._args.key_users)),
            opts=self._kept,
        )
        kms.Alias(f"{self._name}-alias", name=f"alias/{names.prefix}", target_key_id=key.key_id, opts=self._child)
        return key.arn

    def _bucket(
        self,
        role: str,
        *,
        expire_days: Mapping[str, int],
        logs: s3.Bucket | None = None,
        statements: Sequence[Statement] = (),
    ) -> s3.Bucket:
        """Make one bucket, private in every way that S3 knows; without `logs` it is the one that takes the logs."""
        names, name = self._args.names, f"{self._name}-{role}"
        force = not self._args.settings.keep_data
        bucket = s3.Bucket(name, bucket=names.bucket(role), force_destroy=force, opts=self._kept)
        s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        owner = {"object_ownership": "BucketOwnerEnforced"}
        s3.BucketOwnershipControls(f"{name}-owner", bucket=bucket.id, rule=owner, opts=self._child)
        versioning = s3.BucketVersioning(
            f"{name}-versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=self._child
        )
        self._versions[role] = versioning
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=bucket.id, rules=[self._encryption(logs)], opts=self._child
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=_lifecycle(expire_days),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        policy = document(*resources.bucket(names.bucket_arn(role))["Statement"], *statements)
        allowed = s3.BucketPolicy(
            f"{name}-policy", bucket=bucket.id, policy=pulumi.Output.json_dumps(policy), opts=self._child
        )
        if logs is None:
            self._logs_allowed = allowed
        else:
            s3.BucketLogging(
                f"{name}-logging",
                bucket=bucket.id,
                target_bucket=logs.id,
                target_prefix=f"{role}/",
                # S3 asks the other bucket's policy whether it may, and refuses otherwise.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[self._logs_allowed]),
            )
        return bucket

    def _encryption(self, logs: s3.Bucket | None) -> dict[str, Any]:
        if logs is None:  # S3 delivers access logs to buckets with its own encryption only
            return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
        by_key = {"sse_algorithm": "aws:kms", "kms_master_key_id": self.key_arn}
        return {"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": True}


def _capture_days(args: ArtifactStoreArgs) -> dict[str, int]:
    """Return how many days what lies below each prefix of the capture bucket is kept.

    Files with labelled rows are called by their period, which begins with its year: the object that stands for none of
    them stays.
    """
    state = dict.fromkeys(("state/periods/", "state/profiles/", "state/cohorts/"), STATE_DAYS)
    return {"requests/": args.settings.capture_days, "labelled/2": args.row_days, "state/rows/": args.row_days, **state}


def _lifecycle(expire_days: Mapping[str, int]) -> list[dict[str, Any]]:
    """Delete old versions and unfinished uploads; live objects only below the prefixes that days are given for.

    Live models, and those to go back to, never expire: the deployer removes what nothing refers to.
    """
    tidy = {
        "id": "tidy",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        "noncurrent_version_expiration": {"noncurrent_days": min([OLD_VERSION_DAYS, *expire_days.values()])},
    }
    expiries = [
        {"id": f"expire-{number}", "status": "Enabled", "filter": {"prefix": prefix}, "expiration": {"days": days}}
        for number, (prefix, days) in enumerate(expire_days.items())
    ]
    return [tidy, *expiries]
